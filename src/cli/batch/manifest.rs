//! Items from a list: CSV with a header line, or one JSON object a line.
use super::item::Item;
use anyhow::{Context, bail};
use serde::Deserialize;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// A line of CSV, where an empty cell is no value.
#[derive(Deserialize)]
struct Row {
    item: String,
    source: PathBuf,
    #[serde(default)]
    gt: Option<PathBuf>,
    #[serde(default)]
    frames: Option<u64>,
}

/// The items that `manifest` lists, in its order.
pub fn items(manifest: &Path) -> anyhow::Result<Vec<Item>> {
    let text = fs::read_to_string(manifest)
        .with_context(|| format!("cannot read {}", manifest.display()))?;
    let items = match manifest.extension().and_then(OsStr::to_str) {
        Some("csv") => from_csv(&text),
        Some("jsonl") => from_jsonl(&text),
        _ => bail!("{}: expected a manifest called .csv or .jsonl", manifest.display()),
    };
    items.with_context(|| format!("cannot read {}", manifest.display()))
}

fn from_csv(text: &str) -> anyhow::Result<Vec<Item>> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let rows = reader.deserialize().map(|row| {
        let Row { item, source, gt, frames } = row?;
        Ok(Item { item, source, gt, frames })
    });
    rows.collect()
}

fn from_jsonl(text: &str) -> anyhow::Result<Vec<Item>> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let items = lines
        .map(|(n, line)| serde_json::from_str(line).with_context(|| format!("line {}", n + 1)));
    items.collect()
}
