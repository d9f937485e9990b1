//! What has been done, written as it is done: a file a run, to which lines are only appended.
//!
//! A line is on the disk before the next item counts as done. A run that is cut off may leave half
//! a line at the end: the next one cuts it away; who else reads leaves it out.
use super::args::Shard;
use super::record::Record;
use crate::cli::unfinished;
use anyhow::{Context, bail};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Below OUT: how journals' names begin, and end.
const NAME: (&str, &str) = ("journal", ".jsonl");

/// The journal of the run at work; while it is open no other run has it.
pub struct Journal {
    file: File,
    path: PathBuf,
    /// Of the whole lines.
    length: u64,
}

impl Journal {
    /// Opens or makes the journal of `shard` in `out`.
    pub fn open(out: &Path, shard: Option<Shard>) -> anyhow::Result<Self> {
        let path = out.join(match shard {
            Some(Shard { index, count }) => format!("{}-{index}-of-{count}{}", NAME.0, NAME.1),
            None => format!("{}{}", NAME.0, NAME.1),
        });
        let context = || format!("cannot write {}", path.display());
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .with_context(context)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!("{}: another run is at work", path.display()),
            Err(TryLockError::Error(error)) => return Err(error).with_context(context),
        }
        unfinished::sync_folder(out)?;
        let length = whole_lines(&mut file).with_context(context)?;
        file.set_len(length).with_context(context)?;
        Ok(Self { file, path, length })
    }

    /// A folder of this run's own beside the journal, removed on drop. One of a run that was killed
    /// goes first; whoever drops the journal before it may lose it to the next.
    pub fn scratch(&self) -> anyhow::Result<TempDir> {
        let path = self.path.with_extension("partial");
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot remove {}", path.display()));
            }
            _ => {}
        }
        unfinished::scratch(&path)
    }

    /// Appends a line: it is on the disk, or it is not there.
    pub fn append(&mut self, record: &Record) -> anyhow::Result<()> {
        let line = serde_json::to_string(record)? + "\n";
        let written = self
            .file
            .seek(SeekFrom::Start(self.length))
            .and_then(|_| self.file.write_all(line.as_bytes()))
            .and_then(|()| self.file.sync_data());
        match written {
            Ok(()) => self.length += line.len() as u64,
            // Half a line must not stay; a disk that is full can still be cut.
            Err(_) => _ = self.file.set_len(self.length),
        }
        written.with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// The length of `file` up to its last line feed.
fn whole_lines(file: &mut File) -> std::io::Result<u64> {
    let mut end = file.metadata()?.len();
    let mut chunk = [0; 4096];
    while end > 0 {
        let start = end.saturating_sub(chunk.len() as u64);
        let bytes = &mut chunk[..(end - start) as usize];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(bytes)?;
        if let Some(at) = bytes.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

/// All journals in `out`, in the order of their names.
pub fn all(out: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let context = || format!("cannot read {}", out.display());
    let mut journals = Vec::new();
    for entry in fs::read_dir(out).with_context(context)? {
        let path = entry.with_context(context)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(NAME.0) && name.ends_with(NAME.1) {
            journals.push(path);
        }
    }
    journals.sort();
    Ok(journals)
}

/// Hands over each record of a journal with the offset of its line and the line itself.
pub fn for_each(path: &Path, mut work: impl FnMut(u64, Record)) -> anyhow::Result<()> {
    let context = || format!("cannot read {}", path.display());
    let mut reader = BufReader::new(File::open(path).with_context(context)?);
    let (mut offset, mut line) = (0, Vec::new());
    loop {
        line.clear();
        let length = reader.read_until(b'\n', &mut line).with_context(context)?;
        if !line.ends_with(b"\n") {
            return Ok(());
        }
        match serde_json::from_slice(&line) {
            Ok(record) => work(offset, record),
            Err(error) => tracing::warn!("{}: no record at {offset}: {error}", path.display()),
        }
        offset += length as u64;
    }
}
