//! An item's frames, prediction and ground truth together.
use super::layout::{Item, Source};
use super::movie;
use super::read::{self, Matte, Reading};
use anyhow::{Context, anyhow, ensure};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Frames in order, with their names.
type Frames<'a> = Box<dyn Iterator<Item = anyhow::Result<(String, Matte)>> + 'a>;

/// Hands `work` each frame that the ground truth has: its name, prediction and ground truth.
pub fn for_each(
    item: &Item,
    reading: Reading,
    mut work: impl FnMut(&str, &Matte, &Matte) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let pred = item.pred.as_ref().map_err(|missing| anyhow!("{missing}"))?;
    let chosen = match (pred, &item.gt) {
        (Source::Pictures(pred), Source::Pictures(gt)) => {
            &Source::Pictures(chosen(pred, gt).context(format!("prediction of `{}`", item.name))?)
        }
        _ => pred,
    };
    let (mut preds, mut gts) = (frames(chosen, reading), frames(&item.gt, reading));
    loop {
        match (preds.next().transpose()?, gts.next().transpose()?) {
            (Some((_, pred)), Some((name, gt))) => work(&name, &pred, &gt)?,
            (None, None) => return Ok(()),
            (Some(_), None) => return Err(anyhow!("the prediction has more frames than expected")),
            (None, Some((name, _))) => return Err(anyhow!("the prediction ends before `{name}`")),
        }
    }
}

/// The predictions that the ground truth asks for, by name; of single pictures names do not count.
fn chosen(
    pred: &BTreeMap<String, PathBuf>,
    gt: &BTreeMap<String, PathBuf>,
) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    if (pred.len(), gt.len()) == (1, 1) {
        return Ok(pred.clone());
    }
    let missing: Vec<_> = gt.keys().filter(|name| !pred.contains_key(*name)).collect();
    ensure!(
        missing.is_empty(),
        "expected {} frames, found {}: the first missing is `{}`",
        gt.len(),
        gt.len() - missing.len(),
        missing[0]
    );
    Ok(pred.iter().filter(|(name, _)| gt.contains_key(*name)).map(own).collect())
}

fn own((name, path): (&String, &PathBuf)) -> (String, PathBuf) {
    (name.clone(), path.clone())
}

fn frames(source: &Source, reading: Reading) -> Frames<'_> {
    match source {
        Source::Pictures(pictures) => Box::new(pictures.iter().map(move |(name, path)| {
            let matte = read::matte(Path::new(path), reading)?;
            Ok((name.clone(), matte))
        })),
        Source::Movie(path) => {
            let numbered = movie::open(path).into_iter().enumerate();
            Box::new(numbered.map(|(i, matte)| Ok((format!("{i:05}"), matte?))))
        }
    }
}
