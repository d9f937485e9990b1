//! The part of a download that has arrived: a folder `NAME.part` beside where the file will lie.
//!
//! `bytes` is what came, `source` says of what: the address, and the server's name for the version
//! (an entity tag or a date). A part of something else, or of nobody knows what, is begun anew.
use anyhow::{Context, ensure};
use gstmgdsam2::engines::entry::hash_file;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A download's bytes so far; no other process has them open.
pub struct Part {
    folder: PathBuf,
    bytes: File,
    len: u64,
    url: String,
    version: String,
}

impl Part {
    /// What an earlier run left beside `place`, if it is of `url`; else nothing yet.
    pub fn open(place: &Path, url: &str) -> anyhow::Result<Self> {
        let mut folder = OsString::from(place);
        folder.push(".part");
        let folder = PathBuf::from(folder);
        let context = || format!("cannot write {}", folder.display());
        fs::create_dir_all(&folder).with_context(context)?;
        let mut options = OpenOptions::new();
        let options = options.create(true).read(true).write(true).truncate(false);
        let bytes = options.open(folder.join("bytes")).with_context(context)?;
        ensure!(bytes.try_lock().is_ok(), "{}: another process fetches this", folder.display());
        let source = fs::read_to_string(folder.join("source")).unwrap_or_default();
        let of_url = source.split_once('\n').filter(|(from, _)| *from == url);
        let version = of_url.map_or(String::new(), |(_, version)| version.into());
        let len = bytes.metadata().with_context(context)?.len();
        let mut part = Self { folder, bytes, len, url: url.into(), version };
        match part.is_resumable() {
            true => part.bytes.seek(SeekFrom::End(0)).map(drop)?,
            false => part.restart("")?,
        }
        Ok(part)
    }

    /// Bytes that have arrived.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// The server's name for what they are a part of; empty if it has none.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Whether a server can be asked for the rest.
    pub fn is_resumable(&self) -> bool {
        self.len > 0 && !self.version.is_empty()
    }

    /// Drops what has arrived; what comes next is of this version.
    pub fn restart(&mut self, version: &str) -> anyhow::Result<()> {
        self.bytes.set_len(0)?;
        self.bytes.rewind()?;
        (self.len, self.version) = (0, version.into());
        let source = format!("{}\n{version}", self.url);
        fs::write(self.folder.join("source"), source)
            .with_context(|| format!("cannot write {}", self.folder.display()))
    }

    /// The next bytes.
    pub fn append(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.bytes
            .write_all(bytes)
            .with_context(|| format!("cannot write {}", self.folder.display()))?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// The SHA-256 of all that has arrived.
    pub fn sha256(&mut self) -> anyhow::Result<String> {
        self.bytes.rewind()?;
        Ok(hash_file(&mut self.bytes)?.1)
    }

    /// Gives the whole file its name, replacing what was there.
    pub fn place(self, place: &Path) -> anyhow::Result<()> {
        self.bytes.sync_all()?;
        fs::rename(self.folder.join("bytes"), place)
            .with_context(|| format!("cannot write {}", place.display()))?;
        self.discard();
        Ok(())
    }

    /// Leaves nothing behind.
    pub fn discard(self) {
        // What cannot be removed is found, and begun anew or gone on with, by the next run.
        let _ = fs::remove_dir_all(&self.folder);
    }
}
