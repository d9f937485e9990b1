//! Files and folders that get their names when they are complete, and on the disk.
use anyhow::Context;
use std::fs;
use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::{Builder, TempDir, TempPath};

/// A file that is being written under a temporary name beside its own.
pub struct UnfinishedFile {
    partial: TempPath,
    complete: PathBuf,
}

impl UnfinishedFile {
    /// A new empty file beside `complete`, removed on drop.
    pub fn new(complete: &Path) -> anyhow::Result<Self> {
        Self::within(None, complete)
    }

    /// The same in `scratch`, a folder of the same file system.
    pub fn within(scratch: Option<&Path>, complete: &Path) -> anyhow::Result<Self> {
        let folder = folder_of(complete)?;
        let partial = temporary()
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(scratch.unwrap_or(folder))
            .with_context(|| format!("cannot write {}", complete.display()))?
            .into_temp_path();
        Ok(Self { partial, complete: complete.into() })
    }

    /// Where to write meanwhile.
    pub fn path(&self) -> &Path {
        &self.partial
    }

    /// Gives the file its name, replacing what was there. It survives a loss of power.
    pub fn finish(self) -> anyhow::Result<()> {
        let context = || format!("cannot write {}", self.complete.display());
        sync(&self.partial).with_context(context)?;
        let folder = folder_of(&self.complete)?;
        self.partial.persist(&self.complete).with_context(context)?;
        sync_folder(folder)
    }
}

/// A folder whose files are being written in a temporary folder beside it.
pub struct UnfinishedFolder {
    partial: TempDir,
    complete: PathBuf,
}

impl UnfinishedFolder {
    /// A new empty folder beside `complete`, removed on drop with all that is in it.
    pub fn new(complete: &Path) -> anyhow::Result<Self> {
        Self::within(None, complete)
    }

    /// The same in `scratch`, a folder of the same file system.
    pub fn within(scratch: Option<&Path>, complete: &Path) -> anyhow::Result<Self> {
        let folder = folder_of(complete)?;
        let partial = temporary()
            .permissions(Permissions::from_mode(0o777))
            .tempdir_in(scratch.unwrap_or(folder))
            .with_context(|| format!("cannot write {}", complete.display()))?;
        Ok(Self { partial, complete: complete.into() })
    }

    /// Where to write meanwhile.
    pub fn path(&self) -> &Path {
        self.partial.path()
    }

    /// Gives the folder its name; into a folder that is there already, its files are moved.
    /// All of it survives a loss of power.
    pub fn finish(self) -> anyhow::Result<()> {
        let context = || format!("cannot write {}", self.complete.display());
        let mut files = Vec::new();
        for entry in fs::read_dir(self.partial.path()).with_context(context)? {
            let path = entry.with_context(context)?.path();
            sync(&path).with_context(context)?;
            files.push(path);
        }
        sync(self.partial.path()).with_context(context)?;
        let folder = folder_of(&self.complete)?;
        if !self.complete.exists() {
            fs::rename(self.partial.path(), &self.complete).with_context(context)?;
            return sync_folder(folder);
        }
        for file in files {
            let name = file.file_name().unwrap_or_default();
            fs::rename(&file, self.complete.join(name)).with_context(context)?;
        }
        sync_folder(&self.complete)
    }
}

/// A folder of just this name, removed on drop with all that is in it.
pub fn scratch(path: &Path) -> anyhow::Result<TempDir> {
    Builder::new()
        .prefix(path.file_name().unwrap_or_default())
        .rand_bytes(0)
        .permissions(Permissions::from_mode(0o777))
        .tempdir_in(parent_of(path))
        .with_context(|| format!("cannot make {}", path.display()))
}

fn temporary() -> Builder<'static, 'static> {
    let mut builder = Builder::new();
    builder.prefix(".mgdsam2-").suffix(".partial");
    builder
}

fn folder_of(complete: &Path) -> anyhow::Result<&Path> {
    let folder = parent_of(complete);
    make_folder(folder)?;
    Ok(folder)
}

fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// Makes `folder` and all above it, each known to its parent's disk.
pub fn make_folder(folder: &Path) -> anyhow::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = parent_of(folder);
    make_folder(parent)?;
    match fs::create_dir(folder) {
        // Somebody else was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
        made => made.with_context(|| format!("cannot make {}", folder.display()))?,
    }
    sync_folder(parent)
}

/// Waits until the names in `folder` are on the disk.
pub fn sync_folder(folder: &Path) -> anyhow::Result<()> {
    sync(folder).with_context(|| format!("cannot write {}", folder.display()))
}

fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
