//! The items of a batch in a file, `OUT/items.jsonl`, so that memory does not grow with them and all
//! shards see the same.
use super::item::{Item, Key};
use super::job::BatchJob;
use crate::cli::drive::Running;
use crate::cli::interrupt;
use crate::cli::job::Source;
use crate::cli::matte;
use crate::cli::unfinished::UnfinishedFile;
use anyhow::{Context, bail, ensure};
use gst::prelude::*;
use rayon::prelude::*;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Below OUT.
const LISTING: &str = "items.jsonl";
/// No movie takes longer to tell how long it is.
const PATIENCE: gst::ClockTime = gst::ClockTime::from_seconds(20);

/// The items in their file.
pub struct Listing(PathBuf);

impl Listing {
    /// The listing in OUT. A whole batch is listed anew each time, for its data may have grown;
    /// shards take what the first of them has listed. It is written in `scratch`.
    pub fn make(job: &BatchJob, is_shard: bool, scratch: &Path) -> anyhow::Result<Self> {
        let listing = Self(job.out.join(LISTING));
        if !(is_shard && listing.0.exists()) {
            let mut items = job.items()?;
            check_names(&items)?;
            let known = listing.movies().unwrap_or_default();
            items.par_iter_mut().try_for_each(|item| {
                interrupt::check()?;
                let known = item.frames.or_else(|| known.get(&item.source).copied());
                item.frames = known.or_else(|| count(&job.source(item)));
                anyhow::Ok(())
            })?;
            listing.write(&items, scratch)?;
        }
        Ok(listing)
    }

    /// The listing that a run has left in OUT.
    pub fn found(out: &Path) -> anyhow::Result<Self> {
        let path = out.join(LISTING);
        ensure!(path.is_file(), "{}: expected a batch to merge, found none", out.display());
        Ok(Self(path))
    }

    /// The items, one after another.
    pub fn items(&self) -> anyhow::Result<impl Iterator<Item = anyhow::Result<Item>> + use<>> {
        let path = self.0.clone();
        let file = File::open(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(BufReader::new(file).lines().map(move |line| {
            let item = line
                .map_err(anyhow::Error::from)
                .and_then(|line| serde_json::from_str(&line).map_err(anyhow::Error::from));
            item.with_context(|| format!("cannot read {}", path.display()))
        }))
    }

    /// How many frames an earlier run found where it had to open a movie to know.
    fn movies(&self) -> anyhow::Result<HashMap<PathBuf, u64>> {
        let mut known = HashMap::new();
        for item in self.items()? {
            let item = item?;
            if let Some(frames) = item.frames.filter(|_| super::dataset::is_movie(&item.source)) {
                known.insert(item.source, frames);
            }
        }
        Ok(known)
    }

    fn write(&self, items: &[Item], scratch: &Path) -> anyhow::Result<()> {
        let context = || format!("cannot write {}", self.0.display());
        let file = UnfinishedFile::within(Some(scratch), &self.0)?;
        let mut writer = BufWriter::new(File::create(file.path()).with_context(context)?);
        for item in items {
            writeln!(writer, "{}", serde_json::to_string(item)?).with_context(context)?;
        }
        writer.flush().with_context(context)?;
        file.finish()
    }
}

/// An error if a name is none, is there twice, or is the folder of another.
fn check_names(items: &[Item]) -> anyhow::Result<()> {
    let mut seen = HashSet::new();
    for item in items {
        item.check()?;
        ensure!(seen.insert(Key::of(&item.item)), "item `{}` is there twice", item.item);
    }
    for item in items {
        for above in Path::new(&item.item).ancestors().skip(1) {
            if seen.contains(&Key::of(&above.to_string_lossy())) {
                bail!("item `{}` lies within item `{}`", item.item, above.display());
            }
        }
    }
    Ok(())
}

/// How many frames there are at `path`, as far as anybody can tell without decoding them.
fn count(path: &Path) -> Option<u64> {
    match Source::at(path).ok()? {
        Source::Pictures(pictures) => Some(pictures.len() as u64),
        Source::Clip(movie) => count_movie(&movie).ok().flatten(),
    }
}

fn count_movie(path: &Path) -> anyhow::Result<Option<u64>> {
    let running = Running::parse("filesrc name=in ! decodebin ! videoconvert name=out ! fakesink")?;
    running.element::<gst::Element>("in").set_property("location", path);
    running.pipeline.set_state(gst::State::Paused)?;
    running.pipeline.state(PATIENCE).0?;
    Ok(matte::expected_frames(&running, "out"))
}
