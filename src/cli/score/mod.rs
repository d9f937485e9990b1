//! `mgdsam2 score`: predictions against ground truths, by the field's protocols.
pub mod args;
pub mod columns;
mod frame_pairs;
pub mod layout;
mod movie;
pub mod read;
mod scorer;
mod table;

use super::Outcome;
use super::interrupt;
use super::progress::Bars;
use super::unfinished::UnfinishedFile;
use anyhow::{Context, ensure};
use args::{Protocol, ScoreArgs};
use clap::ValueEnum;
use columns::{Column, columns};
use gstmgdsam2::metrics::protocol::davis;
use indicatif::ProgressBar;
use layout::{Item, Source};
use rayon::prelude::*;
use scorer::{ItemScore, Overall, Scorer};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::fs;
use std::path::Path;

/// Items whose sums are held at once; the next are scored when these are added up.
const BATCH: usize = 256;

/// What a run has found.
pub struct Scores {
    /// What was measured, in the order of tables.
    pub columns: Vec<Column>,
    /// Item by item.
    pub items: Vec<ScoredItem>,
    /// What could not be scored.
    pub failed: Vec<FailedItem>,
    /// Over all scored items.
    pub overall: Value,
}

/// One item's scores.
#[derive(Debug, Serialize)]
pub struct ScoredItem {
    /// Its name.
    pub name: String,
    /// Means over its frames, by the columns' keys.
    pub scores: Value,
    /// The frames' names.
    pub names: Vec<String>,
    /// Each score of each frame.
    pub per_frame: Map<String, Value>,
    /// Object by object, where there are several.
    pub objects: Value,
}

/// An item that could not be scored.
#[derive(Debug, Serialize)]
pub struct FailedItem {
    /// Its name.
    pub name: String,
    /// Why.
    pub error: String,
}

/// Scores, prints a table, writes what was asked for.
pub fn run(typed: &ScoreArgs, bars: &Bars) -> anyhow::Result<Outcome> {
    let scores = score(typed, bars)?;
    print!("{}", table::text(&scores));
    if let Some(path) = &typed.csv {
        write(path, &table::csv(&scores))?;
    }
    if let Some(path) = &typed.json {
        write(path, &format!("{}\n", full(typed, &scores)))?;
    }
    Ok(if scores.failed.is_empty() { Outcome::Complete } else { Outcome::Partial })
}

/// Pairs and scores, without printing.
pub fn score(typed: &ScoreArgs, bars: &Bars) -> anyhow::Result<Scores> {
    let singly = matches!(typed.protocol, Protocol::Sod | Protocol::Dis);
    let items = layout::pair(&typed.pred, &typed.gt, singly)?;
    let bar = bars.frames(frame_count(&items));
    let mut overall: Option<Overall> = None;
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    for batch in items.chunks(BATCH) {
        let results = batch.par_iter().map(|item| score_item(typed, item, &bar));
        for (item, result) in batch.iter().zip(results.collect::<Vec<_>>()) {
            interrupt::check()?;
            match result {
                Ok((item, score)) => {
                    overall.get_or_insert_with(|| Overall::of(&score)).add(&score);
                    done.push(item);
                }
                Err(error) => {
                    let (name, error) = (item.name.clone(), format!("{error:#}"));
                    tracing::warn!("left out: `{name}`: {error}");
                    failed.push(FailedItem { name, error });
                }
            }
        }
    }
    bar.finish_and_clear();
    let overall = overall.with_context(|| match failed.as_slice() {
        [one] => format!("`{}`: {}", one.name, one.error),
        _ => format!("none of {} items could be scored", failed.len()),
    })?;
    Ok(Scores { columns: columns(typed.protocol), items: done, failed, overall: overall.value() })
}

/// How many frames there are; unknown with movies.
fn frame_count(items: &[Item]) -> Option<u64> {
    let count = |item: &Item| match &item.gt {
        Source::Pictures(pictures) => Some(pictures.len() as u64),
        Source::Movie(_) => None,
    };
    items.iter().map(count).sum()
}

fn score_item(
    typed: &ScoreArgs,
    item: &Item,
    bar: &ProgressBar,
) -> anyhow::Result<(ScoredItem, ItemScore)> {
    let reading = scorer::reading(typed.protocol, typed.objects, &item.gt);
    let mut scorer = Scorer::new(typed.protocol, &item.name, reading);
    let (mut names, mut per_frame) = (Vec::new(), Map::new());
    frame_pairs::for_each(item, reading, |name, pred, gt| {
        interrupt::check()?;
        let scores = scorer.push(pred, gt).with_context(|| format!("frame `{name}`"))?;
        for (key, value) in scores.as_object().into_iter().flatten() {
            let series = per_frame.entry(key).or_insert_with(|| json!([]));
            series.as_array_mut().into_iter().for_each(|series| series.push(value.clone()));
        }
        names.push(name.to_owned());
        bar.inc(1);
        Ok(())
    })?;
    ensure!(!names.is_empty(), "expected frames, found none");
    let frames = if typed.without_ends { davis::Frames::WithoutEnds } else { davis::Frames::All };
    let score = scorer.finish(frames);
    let (name, scores, objects) = (item.name.clone(), score.value(), score.objects());
    Ok((ScoredItem { name, scores, names, per_frame, objects }, score))
}

/// All there is, with how each score is computed.
fn full(typed: &ScoreArgs, scores: &Scores) -> Value {
    let column = |c: &Column| json!({ "key": c.key, "title": c.title, "higher_is_better": c.rises, "convention": c.convention });
    let absolute = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.into());
    json!({
        "protocol": typed.protocol.to_possible_value().map(|value| value.get_name().to_owned()),
        "pred": absolute(&typed.pred),
        "gt": absolute(&typed.gt),
        "columns": scores.columns.iter().map(column).collect::<Vec<_>>(),
        "overall": scores.overall,
        "items": scores.items,
        "failed": scores.failed,
    })
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let file = UnfinishedFile::new(path)?;
    fs::write(file.path(), text).with_context(|| format!("cannot write {}", path.display()))?;
    file.finish()
}
