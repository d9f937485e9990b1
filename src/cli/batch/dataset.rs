//! The items of a data set, found in its folder.
use super::args::Dataset;
use super::item::Item;
use super::layout::{Layout, Place, Unit};
use crate::cli::picture;
use anyhow::{Context, bail, ensure};
use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// What movies are called.
const MOVIES: [&str; 12] =
    ["mp4", "mov", "mkv", "webm", "avi", "m4v", "mpg", "mpeg", "ts", "y4m", "ogv", "mxf"];
/// What the files of ground truths are called, the likelier first.
const TRUTHS: [&str; 7] = ["png", "jpg", "bmp", "tif", "mp4", "mov", "mkv"];

/// The items of `dataset` in `root`, in the order of parts and names.
pub fn items(dataset: Dataset, splits: &[String], root: &Path) -> anyhow::Result<Vec<Item>> {
    let layout = dataset.layout();
    let listed = listed_clips(&layout, splits, root)?;
    let mut items = Vec::new();
    for split in splits_of(&layout, splits)? {
        let places = layout.places.iter().filter(|place| place.split == split);
        let found = places.map(|place| items_at(place, layout.unit, root));
        match found.collect::<Result<Vec<_>, _>>()?.into_iter().find(|found| !found.is_empty()) {
            Some(found) => items.extend(found),
            None if splits.is_empty() => {}
            None => bail!("{}: expected part `{split}`, found none", root.display()),
        }
    }
    if let Some(listed) = listed {
        items.retain(|item| listed.contains(&item.item));
    }
    ensure!(!items.is_empty(), "{}: expected one of {}", root.display(), places(&layout));
    Ok(items)
}

/// For people: every place that was looked at.
fn places(layout: &Layout) -> String {
    let places: Vec<_> = layout.places.iter().map(|place| place.source).collect();
    places.join(", ")
}

/// The parts to look for: those wished, or all.
fn splits_of<'a>(layout: &Layout, wished: &'a [String]) -> anyhow::Result<Vec<&'a str>> {
    let mut all: Vec<_> = layout.places.iter().map(|place| place.split).collect();
    all.dedup();
    if wished.is_empty() || !layout.lists.is_empty() {
        return Ok(all);
    }
    for split in wished {
        ensure!(
            all.contains(&split.as_str()),
            "--split: expected one of {}, found `{split}`",
            all.join(", ")
        );
    }
    Ok(wished.iter().map(String::as_str).collect())
}

/// The clips that DAVIS' lists name; `None` where there is nothing to choose by.
fn listed_clips(
    layout: &Layout,
    splits: &[String],
    root: &Path,
) -> anyhow::Result<Option<HashSet<String>>> {
    let default = ["val".to_owned()];
    let mut clips = HashSet::new();
    for split in if splits.is_empty() { &default } else { splits } {
        let files = layout.lists.iter().map(|list| root.join(list).join(format!("{split}.txt")));
        let Some(file) = files.clone().find(|file| file.is_file()) else {
            ensure!(
                splits.is_empty() || layout.lists.is_empty(),
                "cannot read {}",
                files.map(|file| file.display().to_string()).collect::<Vec<_>>().join(" or ")
            );
            return Ok(None);
        };
        let text =
            fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        clips.extend(text.lines().filter_map(clip_of_line));
    }
    Ok(Some(clips))
}

/// `bear`, or as in DAVIS 2016 `/JPEGImages/480p/bear/00000.jpg /Annotations/480p/bear/00000.png`.
fn clip_of_line(line: &str) -> Option<String> {
    let first = Path::new(line.split_whitespace().next()?);
    let clip = if first.has_root() { first.parent()?.file_name()? } else { first.as_os_str() };
    clip.to_str().map(str::to_owned)
}

/// Every item of a place, in the order of names; none if the place is not there.
fn items_at(place: &Place, unit: Unit, root: &Path) -> anyhow::Result<Vec<Item>> {
    let (before, after) = around_the_star(place.source);
    let Ok(entries) = fs::read_dir(root.join(before)) else { return Ok(Vec::new()) };
    let mut items = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("cannot read {}", root.display()))?.path();
        let Some(name) = name_of(&path, unit, after)? else { continue };
        let source = path.strip_prefix(root).unwrap_or(&path).join(after);
        items.push(Item {
            gt: truth_of(place, &name, root),
            item: if place.split.is_empty() { name } else { format!("{}/{name}", place.split) },
            // Joining nothing leaves a slash behind.
            source: source.components().collect(),
            frames: None,
        });
    }
    items.sort_by(|a, b| a.item.cmp(&b.item));
    Ok(items)
}

/// What the item at `path` is called, if it is one.
fn name_of(path: &Path, unit: Unit, after: &str) -> anyhow::Result<Option<String>> {
    let is_item = match unit {
        Unit::Still => picture::is_picture(path) && path.is_file(),
        Unit::Clip if after.is_empty() => path.is_dir() || is_movie(path),
        Unit::Clip => path.join(after).is_dir(),
    };
    let name = if path.is_dir() { path.file_name() } else { path.file_stem() };
    let name = name
        .and_then(OsStr::to_str)
        .with_context(|| format!("{}: expected a name in UTF-8", path.display()))?;
    Ok(Some(name.to_owned()).filter(|name| is_item && !name.starts_with('.')))
}

/// Whether `path` is called as a movie is.
pub fn is_movie(path: &Path) -> bool {
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    MOVIES.contains(&extension.to_ascii_lowercase().as_str())
}

/// The ground truth of item `name`, relative to `root`.
fn truth_of(place: &Place, name: &str, root: &Path) -> Option<PathBuf> {
    if place.truth.is_empty() {
        return None;
    }
    let (before, after) = around_the_star(place.truth);
    let folder: PathBuf = Path::new(before).join(name).join(after).components().collect();
    let files = TRUTHS.iter().map(|end| Path::new(before).join(format!("{name}.{end}")));
    Some(folder)
        .filter(|folder| root.join(folder).is_dir())
        .or_else(|| files.into_iter().find(|file| root.join(file).is_file()))
}

/// `a/*/b` is `a` and `b`.
fn around_the_star(pattern: &str) -> (&str, &str) {
    let (before, after) = pattern.split_once('*').unwrap_or((pattern, ""));
    (before.trim_end_matches('/'), after.trim_start_matches('/'))
}
