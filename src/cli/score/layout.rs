//! Which predictions belong to which ground truths.
use crate::cli::picture;
use anyhow::{Context, ensure};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold mattes beside other things, such as frames.
pub const MATTES: [&str; 4] = ["gt", "alpha", "pha", "mattes"];
/// Folders that hold frames beside other things, such as mattes.
pub const FRAMES: [&str; 2] = ["im", "fgr"];
const MOVIES: [&str; 5] = ["mkv", "mov", "mp4", "webm", "avi"];
/// Folders in folders that are looked into.
const DEEPEST: usize = 8;

/// Frames under one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Files by their names without extension, in order.
    Pictures(BTreeMap<String, PathBuf>),
    /// One file.
    Movie(PathBuf),
}

/// What is compared under one name.
#[derive(Debug)]
pub struct Item {
    /// Path below the roots, `/` between its parts.
    pub name: String,
    /// The prediction, or why there is none.
    pub pred: Result<Source, String>,
    /// The ground truth.
    pub gt: Source,
}

/// All items of `gt`, by name, with their predictions. `singly` makes each picture of a flat
/// folder an item.
pub fn pair(pred: &Path, gt: &Path, singly: bool) -> anyhow::Result<Vec<Item>> {
    let (mut preds, mut gts) = (sources(pred, &MATTES)?, sources(gt, &MATTES)?);
    let one_clip = preds.len() == 1 && !preds.contains_key("");
    if singly
        && !one_clip
        && let Some(Source::Pictures(pictures)) = gts.remove("")
    {
        gts.extend(one_by_one(pictures));
        if let Some(Source::Pictures(pictures)) = preds.remove("") {
            preds.extend(one_by_one(pictures));
        }
    }
    // One of each belong together, whatever they are called.
    if let ([pred_name], [gt_name]) = (&names(&preds)[..], &names(&gts)[..])
        && let Some(source) = preds.remove(pred_name)
    {
        let name = if gt_name.is_empty() { last_name(pred) } else { gt_name.clone() };
        preds.insert(name.clone(), source);
        gts = gts.into_values().map(|gt| (name.clone(), gt)).collect();
    }
    let missing = |name: &str| format!("no prediction called `{name}` below {}", pred.display());
    let item = |(name, gt): (String, Source)| {
        let pred = preds.get(&name).cloned().ok_or_else(|| missing(&name));
        Item { name, pred, gt }
    };
    Ok(gts.into_iter().map(item).collect())
}

fn names(sources: &BTreeMap<String, Source>) -> Vec<String> {
    sources.keys().cloned().collect()
}

fn one_by_one(pictures: BTreeMap<String, PathBuf>) -> impl Iterator<Item = (String, Source)> {
    pictures
        .into_iter()
        .map(|(name, path)| (name.clone(), Source::Pictures(BTreeMap::from([(name, path)]))))
}

/// Everything below `root` that holds pictures, by its path; a folder called as one of `own` takes
/// the name of the folder it lies in, and hides what lies beside it.
pub fn sources(root: &Path, own: &[&str]) -> anyhow::Result<BTreeMap<String, Source>> {
    let mut found = BTreeMap::new();
    walk(root, "", own, DEEPEST, &mut found)?;
    ensure!(!found.is_empty(), "{}: expected pictures or movies, found none", root.display());
    Ok(found)
}

fn walk(
    folder: &Path,
    name: &str,
    own: &[&str],
    deeper: usize,
    found: &mut BTreeMap<String, Source>,
) -> anyhow::Result<()> {
    let below =
        |child: &str| if name.is_empty() { child.into() } else { format!("{name}/{child}") };
    let context = || format!("cannot read the folder {}", folder.display());
    let (mut pictures, mut folders) = (BTreeMap::new(), Vec::new());
    for entry in fs::read_dir(folder).with_context(context)? {
        let path = entry.with_context(context)?.path();
        let (full, stem) = (last_name(&path), stem(&path));
        match path.is_dir() {
            _ if full.starts_with('.') => {}
            true => folders.push((full, path)),
            false if picture::is_picture(&path) => _ = pictures.insert(stem, path),
            false if is_movie(&path) => _ = found.insert(below(&stem), Source::Movie(path)),
            false => {}
        }
    }
    let deeper = deeper.checked_sub(1).with_context(|| {
        format!("{}: expected at most {DEEPEST} folders in each other", folder.display())
    })?;
    if let Some((_, mattes)) = folders.iter().find(|(n, _)| own.contains(&n.as_str())) {
        return walk(mattes, name, own, deeper, found);
    }
    if !pictures.is_empty() {
        found.insert(name.into(), Source::Pictures(pictures));
    }
    folders.iter().try_for_each(|(child, path)| walk(path, &below(child), own, deeper, found))
}

fn is_movie(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    MOVIES.contains(&extension.as_str())
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// The last part of a path, whatever it was typed as.
pub fn last_name(path: &Path) -> String {
    let path = path.canonicalize().unwrap_or_else(|_| path.into());
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
