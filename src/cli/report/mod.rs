//! `mgdsam2 report`: one page of scores, curves, worst frames and times, in one file.
pub mod args;
mod photo;
mod worst;

use super::Outcome;
use super::progress::Bars;
use super::unfinished::UnfinishedFile;
use anyhow::{Context, ensure};
use args::ReportArgs;
use serde_json::{Value, json};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Gathers what there is, and writes the page.
pub fn run(typed: &ReportArgs, bars: &Bars) -> anyhow::Result<Outcome> {
    let out = &typed.out;
    ensure!(out.is_dir(), "{}: expected a folder that batch or study wrote", out.display());
    let score = match &typed.score {
        Some(path) => Some(json_at(path)?.with_context(|| format!("no {}", path.display()))?),
        None => json_at(&out.join("score.json"))?,
    };
    let results = results(&out.join("result.jsonl"))?;
    let study = json_at(&out.join("study.json"))?;
    ensure!(
        score.is_some() || study.is_some() || !results.is_empty(),
        "{}: expected result.jsonl, score.json or study.json, found none",
        out.display()
    );
    let worst = match &score {
        Some(score) => worst::frames(score, typed.frames.as_deref(), typed.worst as usize)?,
        None => Vec::new(),
    };
    let page = page(&json!({
        "title": title(out),
        "facts": facts(score.as_ref(), &results),
        "score": score,
        "worst": worst,
        "results": results,
        "studies": study.into_iter().collect::<Vec<_>>(),
    }));
    let path = typed.output.clone().unwrap_or_else(|| out.join("report.html"));
    let file = UnfinishedFile::new(&path)?;
    fs::write(file.path(), &page).with_context(|| format!("cannot write {}", path.display()))?;
    file.finish()?;
    bars.say(&format!("{}: {} kB", path.display(), page.len() / 1000));
    Ok(Outcome::Complete)
}

/// The page with everything in it.
fn page(data: &Value) -> String {
    // In JSON `<` only occurs in strings; so written it cannot end the script element.
    let data = data.to_string().replace('<', "\\u003c");
    PAGE.replace("{{css}}", STYLE).replace("{{js}}", SCRIPT).replace("{{data}}", &data)
}

/// The JSON of a file, if it is there.
fn json_at(path: &Path) -> anyhow::Result<Option<Value>> {
    match fs::read(path) {
        Ok(bytes) => {
            let value = serde_json::from_slice(&bytes);
            Ok(Some(value.with_context(|| format!("{}: expected JSON", path.display()))?))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// A batch's results, a line an item. A torn last line is none.
fn results(path: &Path) -> anyhow::Result<Vec<Value>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

fn title(out: &Path) -> String {
    let whole = out.canonicalize().unwrap_or_else(|_| out.into());
    whole.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// One line about what was scored, and what ran.
fn facts(score: Option<&Value>, results: &[Value]) -> Vec<String> {
    let mut facts = Vec::new();
    if let Some(score) = score {
        let count = |key: &str| score[key].as_array().map_or(0, Vec::len);
        facts.push(format!("{} protocol", score["protocol"].as_str().unwrap_or("unknown")));
        let failed = count("failed");
        let left_out = if failed > 0 { format!(", {failed} not") } else { String::new() };
        facts.push(format!("items scored: {}{left_out}", count("items")));
    }
    if let Some(first) = results.first() {
        let keys = ["model", "backend", "precision"];
        facts.extend(keys.iter().filter_map(|key| Some(first[key].as_str()?.to_owned())));
        let hash = first["model_sha256"].as_str().and_then(|hash| hash.get(..12));
        facts.extend(hash.map(|hash| format!("weights {hash}…")));
    }
    facts
}
