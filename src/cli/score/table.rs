//! Scores as a table for people, and as CSV.
use super::Scores;
use super::columns::Column;
use serde_json::Value;
use std::fmt::Write;

/// Aligned columns, the overall row last, then how each score is computed.
pub fn text(scores: &Scores) -> String {
    let widest = scores.items.iter().map(|item| item.name.chars().count()).max().unwrap_or(0);
    let name_width = widest.max("overall".len());
    let mut text = String::new();
    let titles = scores.columns.iter().map(|column| format!(" {:>9}", column.title));
    _ = writeln!(text, "{:name_width$} {:>7}{}", "", "frames", titles.collect::<String>());
    for (name, frames, values) in rows(scores) {
        let cells = scores.columns.iter().map(|column| cell(column, values));
        _ = writeln!(text, "{name:name_width$} {frames:>7}{}", cells.collect::<String>());
    }
    text.push('\n');
    for Column { title, rises, convention, .. } in &scores.columns {
        let better = if *rises { "higher" } else { "lower" };
        _ = writeln!(text, "{title:9} {better:6}  {convention}");
    }
    text
}

/// A header, a row an item, the overall; failed items have their reason in the last column.
pub fn csv(scores: &Scores) -> String {
    let keys = scores.columns.iter().map(|column| column.key);
    let mut text = ["item", "frames"].into_iter().chain(keys).collect::<Vec<_>>().join(",");
    text.push_str(",error\n");
    for (name, frames, values) in rows(scores) {
        let number = |column: &Column| {
            values[column.key].as_f64().map_or(String::new(), |value| value.to_string())
        };
        let numbers: Vec<_> = scores.columns.iter().map(number).collect();
        _ = writeln!(text, "{},{frames},{},", quoted(name), numbers.join(","));
    }
    for failed in &scores.failed {
        let empty = ",".repeat(scores.columns.len());
        _ = writeln!(text, "{},0,{empty}{}", quoted(&failed.name), quoted(&failed.error));
    }
    text
}

/// Name, frames and scores of each item, and of all.
fn rows(scores: &Scores) -> impl Iterator<Item = (&str, usize, &Value)> {
    let items = scores.items.iter();
    let items = items.map(|item| (item.name.as_str(), item.names.len(), &item.scores));
    let frames = scores.items.iter().map(|item| item.names.len()).sum();
    items.chain([("overall", frames, &scores.overall)])
}

fn cell(column: &Column, values: &Value) -> String {
    match values[column.key].as_f64() {
        Some(value) if value.abs() >= 100.0 => format!(" {value:>9.1}"),
        Some(value) => format!(" {value:>9.4}"),
        None => format!(" {:>9}", "-"),
    }
}

/// As RFC 4180 quotes.
fn quoted(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.into(),
    }
}
