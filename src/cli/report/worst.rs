//! The frames with the worst scores, as pictures to compare.
use super::photo::Photo;
use crate::cli::score::args::Protocol;
use crate::cli::score::layout::{self, Item, Source};
use anyhow::Context;
use clap::ValueEnum;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What says best which frame is bad, as frames have it.
fn ranking(protocol: Protocol) -> (&'static str, &'static str, bool) {
    match protocol {
        Protocol::Sod | Protocol::Dis => ("mae", "MAE", false),
        Protocol::Davis => ("j_and_f", "J&F", true),
        Protocol::Matting => ("mad", "MAD", false),
    }
}

/// One frame of one item.
struct Frame<'a> {
    item: &'a str,
    name: &'a str,
    value: f64,
}

/// The worst `count` frames of `score`, no more than a few of one item.
pub fn frames(score: &Value, frames: Option<&Path>, count: usize) -> anyhow::Result<Vec<Value>> {
    let expected = || "score: expected what `mgdsam2 score --json` writes".to_owned();
    let text = |key: &str| score[key].as_str().with_context(expected);
    let protocol = Protocol::from_str(text("protocol")?, false).ok().with_context(expected)?;
    let singly = matches!(protocol, Protocol::Sod | Protocol::Dis);
    let items = layout::pair(Path::new(text("pred")?), Path::new(text("gt")?), singly)
        .context("the folders that were scored are not there any more")?;
    let seen = match frames {
        Some(folder) => layout::sources(folder, &layout::FRAMES)?,
        None => BTreeMap::new(),
    };
    let (key, metric, rises) = ranking(protocol);
    let mut shown = Vec::new();
    for frame in worst(score, key, rises, count) {
        let Some(item) = items.iter().find(|item| item.name == frame.item) else { continue };
        let Some(pairs) = pairs(item, frame.name, &seen)? else { continue };
        let single = frame.item == frame.name;
        let name =
            if single { frame.name.into() } else { format!("{}, {}", frame.item, frame.name) };
        shown.push(json!({ "name": name, "metric": metric, "value": frame.value, "pairs": pairs }));
    }
    Ok(shown)
}

fn worst<'a>(score: &'a Value, key: &str, rises: bool, count: usize) -> Vec<Frame<'a>> {
    let items = score["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let bad = |frame: &Frame| if rises { -frame.value } else { frame.value };
    // So that one bad item leaves room for others.
    let share = count.div_ceil(items.len().max(1)).max(2);
    let mut all = Vec::new();
    for item in items {
        let values = item["per_frame"][key].as_array().into_iter().flatten();
        let names = item["names"].as_array().into_iter().flatten();
        let frames = names.zip(values).filter_map(|(name, value)| {
            let (item, name) = (item["name"].as_str()?, name.as_str()?);
            Some(Frame { item, name, value: value.as_f64()? })
        });
        let mut frames: Vec<_> = frames.collect();
        frames.sort_by(|a, b| bad(b).total_cmp(&bad(a)));
        all.extend(frames.into_iter().take(share));
    }
    all.sort_by(|a, b| bad(b).total_cmp(&bad(a)));
    all.truncate(count);
    all
}

/// What is compared with what; nothing for movies.
fn pairs(
    item: &Item,
    name: &str,
    seen: &BTreeMap<String, Source>,
) -> anyhow::Result<Option<Vec<Value>>> {
    let (Ok(Source::Pictures(pred)), Source::Pictures(gt)) = (&item.pred, &item.gt) else {
        return Ok(None);
    };
    let Some(truth_path) = gt.get(name) else { return Ok(None) };
    let only = (pred.len() == 1).then(|| pred.values().next()).flatten();
    let Some(pred) = pred.get(name).or(only) else { return Ok(None) };
    let (pred, truth) = (Photo::of_matte(pred)?, Photo::of_matte(truth_path)?);
    let mattes = pair("ground truth", &truth, "prediction", &pred)?;
    let frame = match seen.get(&item.name).or_else(|| seen.get("")) {
        Some(Source::Pictures(frames)) => frames.get(name).cloned(),
        _ => beside(truth_path),
    };
    let frame = frame.map(|path| Photo::of_frame(&path)).transpose()?;
    let cut_out = frame.as_ref().and_then(|frame| Some((frame, frame.cut_out(&pred)?)));
    Ok(Some(match cut_out {
        Some((frame, cut_out)) => vec![pair("frame", frame, "cut-out", &cut_out)?, mattes],
        None => vec![mattes],
    }))
}

fn pair(before: &str, a: &Photo, after: &str, b: &Photo) -> anyhow::Result<Value> {
    Ok(json!({ "names": [before, after], "before": a.uri()?, "after": b.uri()? }))
}

/// The frame that a ground truth belongs to, where published layouts keep it: `im` beside `gt`,
/// `JPEGImages` beside `Annotations`.
fn beside(truth: &Path) -> Option<PathBuf> {
    let folder = truth.parent()?;
    let text = folder.to_str()?;
    let folders = [
        folder.with_file_name("im"),
        folder.with_file_name("fgr"),
        text.replace("Annotations", "JPEGImages").into(),
    ];
    let stem = truth.file_stem()?.to_str()?;
    let files = folders.iter().filter(|other| *other != folder).flat_map(|other| {
        ["jpg", "png", "jpeg"].map(|extension| other.join(format!("{stem}.{extension}")))
    });
    files.into_iter().find(|file| file.is_file())
}
