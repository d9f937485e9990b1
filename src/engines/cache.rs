//! The folder of built engines, shared by processes.
//!
//! - `<key>/` is an entry: see [`Entry`]. It appears by one rename, whole and synced, or not at all.
//! - `building-*/` is an entry being written. Whoever holds the lock and finds one removes it:
//!   its writer is gone.
//! - `graphs/<source>` names the graph that a recipe and a checkpoint make, so that opening need
//!   not make it again. A wrong one leads to no entry, and is written anew.
//! - `lock` is held while building, so that engines are built one after the other (each uses all
//!   cores), and the second process to ask for one finds it built. Opening takes no lock.
use super::entry::{Entry, Identity, Labels, MANIFEST, Manifest, PAYLOAD, sha256};
use crate::backend::BackendError;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const BUILDING: &str = "building-";

/// A cache folder. What goes wrong with it is never worse than having none.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
}

/// The right to change the cache, until dropped.
pub struct Lock {
    _file: File,
}

/// Why an engine could not be put into the cache.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system refused: full, read-only, gone.
    #[error("engine cache: {0}")]
    Io(#[from] io::Error),
    /// The backend could not write the engine.
    #[error(transparent)]
    Backend(#[from] BackendError),
}

impl Cache {
    /// The user's own: `mgdsam2/engines` in the cache folder of the operating system.
    pub fn default_folder() -> Option<PathBuf> {
        Some(dirs::cache_dir()?.join("mgdsam2/engines"))
    }

    /// Makes `folder` if it is not there.
    pub fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder.join("graphs"))?;
        Ok(Self { folder: folder.canonicalize()? })
    }

    /// Waits until no other process changes the cache, then removes what dead ones left behind.
    pub fn lock(&self) -> io::Result<Lock> {
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.folder.join("lock"))?;
        file.lock()?;
        self.remove_leftovers()?;
        Ok(Lock { _file: file })
    }

    fn remove_leftovers(&self) -> io::Result<()> {
        for item in fs::read_dir(&self.folder)? {
            let item = item?;
            if item.file_name().to_string_lossy().starts_with(BUILDING) {
                tracing::info!(path = %item.path().display(), "removing an interrupted build");
                fs::remove_dir_all(item.path())?;
            }
        }
        Ok(())
    }

    /// The entry of `identity`, whole or damaged, or else one that differs from it only in its
    /// device, if that `serves`.
    pub fn find(&self, identity: &Identity, serves: impl Fn(&str) -> bool) -> Option<Entry> {
        let path = self.folder.join(identity.key());
        if path.exists() {
            return Some(Entry::at(&path));
        }
        self.entries().ok()?.into_iter().find(|entry| {
            let found = entry.manifest.as_ref().map(|manifest| &manifest.identity);
            found.is_ok_and(|found| {
                let alike = Identity { device: found.device.clone(), ..identity.clone() };
                alike == *found && serves(&found.device)
            })
        })
    }

    /// Every entry, damaged ones included, by name.
    pub fn entries(&self) -> io::Result<Vec<Entry>> {
        let is_key = |name: &str| name.len() == 64 && name.bytes().all(|b| b.is_ascii_hexdigit());
        let mut paths = Vec::new();
        for item in fs::read_dir(&self.folder)? {
            let item = item?;
            if item.file_name().to_str().is_some_and(is_key) {
                paths.push(item.path());
            }
        }
        paths.sort();
        Ok(paths.iter().map(|path| Entry::at(path)).collect())
    }

    /// Writes an entry, by `export` into the file it is given, replacing any that is there.
    pub fn store(
        &self,
        _lock: &Lock,
        identity: Identity,
        labels: Labels,
        export: impl FnOnce(&Path) -> Result<(), BackendError>,
    ) -> Result<Entry, StoreError> {
        let target = self.folder.join(identity.key());
        let building = tempfile::Builder::new().prefix(BUILDING).tempdir_in(&self.folder)?;
        let payload = building.path().join(PAYLOAD);
        export(&payload)?;
        let mut payload = File::open(payload)?;
        payload.sync_all()?;
        let manifest = Manifest::of(identity, labels, &mut payload)?;
        let mut file = File::create(building.path().join(MANIFEST))?;
        file.write_all(&serde_json::to_vec_pretty(&manifest).map_err(io::Error::other)?)?;
        file.sync_all()?;
        File::open(building.path())?.sync_all()?;
        remove(&target)?;
        fs::rename(building.path(), &target)?;
        // Renamed: there is nothing left to remove.
        let _ = building.keep();
        File::open(&self.folder)?.sync_all()?;
        Ok(Entry { path: target, manifest: Ok(manifest) })
    }

    /// The hash of the graph that `source` makes, if it was made before.
    pub fn graph_of(&self, source: &str) -> Option<String> {
        let known = fs::read_to_string(self.graph_file(source)).ok()?;
        (known.len() == 64).then_some(known)
    }

    /// Remembers what [`graph_of`](Self::graph_of) answers.
    pub fn remember_graph(&self, source: &str, graph_sha256: &str) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(graph_sha256.as_bytes())?;
        file.persist(self.graph_file(source)).map_err(|e| e.error)?;
        Ok(())
    }

    fn graph_file(&self, source: &str) -> PathBuf {
        self.folder.join("graphs").join(sha256(source.as_bytes()))
    }
}

/// Removes an entry, if there is one, whether folder or file.
fn remove(entry: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(entry) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(entry),
        Ok(_) => fs::remove_file(entry),
        Err(e) => Err(e),
    };
    removed.or_else(|e| if e.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(e) })
}
