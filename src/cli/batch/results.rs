//! `result.jsonl`: of all journals, one line an item, in the order of the listing.
use super::item::Key;
use super::journal;
use super::listing::Listing;
use crate::cli::unfinished::UnfinishedFile;
use anyhow::Context;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

/// Below OUT.
const RESULT: &str = "result.jsonl";

/// How many items of the listing ended how.
#[derive(Debug, Default, Clone, Copy)]
pub struct Tally {
    /// Their mattes are there.
    pub done: u64,
    /// Their records say why not.
    pub failed: u64,
    /// Nobody has come to them.
    pub missing: u64,
}

/// Where an item's line is: in which journal, at which byte.
struct Place {
    journal: usize,
    offset: u64,
    is_done: bool,
}

/// Writes `out/result.jsonl`, whole, in `scratch` until it is complete.
pub fn write(out: &Path, listing: &Listing, scratch: &Path) -> anyhow::Result<Tally> {
    let context = || format!("cannot write {}", out.join(RESULT).display());
    let journals = journal::all(out)?;
    let places = places(&journals)?;
    let mut readers = Vec::new();
    for path in &journals {
        let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        readers.push(BufReader::new(file));
    }
    let file = UnfinishedFile::within(Some(scratch), &out.join(RESULT))?;
    let mut writer = BufWriter::new(File::create(file.path()).with_context(context)?);
    let (mut tally, mut line) = (Tally::default(), Vec::new());
    for item in listing.items()? {
        let Some(place) = places.get(&Key::of(&item?.item)) else {
            tally.missing += 1;
            continue;
        };
        line.clear();
        let reader = &mut readers[place.journal];
        reader.seek(SeekFrom::Start(place.offset))?;
        reader.read_until(b'\n', &mut line)?;
        writer.write_all(&line).with_context(context)?;
        *if place.is_done { &mut tally.done } else { &mut tally.failed } += 1;
    }
    writer.flush().with_context(context)?;
    file.finish()?;
    Ok(tally)
}

/// The line that counts for each item: the last that says it is done, else the last.
fn places(journals: &[std::path::PathBuf]) -> anyhow::Result<HashMap<Key, Place>> {
    let mut places = HashMap::new();
    for (journal, path) in journals.iter().enumerate() {
        journal::for_each(path, |offset, record| {
            let (key, is_done) = (Key::of(&record.item), record.is_done());
            let known_done = places.get(&key).is_some_and(|place: &Place| place.is_done);
            if is_done || !known_done {
                places.insert(key, Place { journal, offset, is_done });
            }
        })?;
    }
    Ok(places)
}
