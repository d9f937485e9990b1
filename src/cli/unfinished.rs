//! Files and folders that get their names when they are complete.
use anyhow::Context;
use std::fs;
use std::fs::Permissions;
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
        let partial = beside()
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder_of(complete)?)
            .with_context(|| format!("cannot write beside {}", complete.display()))?
            .into_temp_path();
        Ok(Self { partial, complete: complete.into() })
    }

    /// Where to write meanwhile.
    pub fn path(&self) -> &Path {
        &self.partial
    }

    /// Gives the file its name, replacing what was there.
    pub fn finish(self) -> anyhow::Result<()> {
        self.partial
            .persist(&self.complete)
            .with_context(|| format!("cannot write {}", self.complete.display()))
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
        let partial = beside()
            .permissions(Permissions::from_mode(0o777))
            .tempdir_in(folder_of(complete)?)
            .with_context(|| format!("cannot write beside {}", complete.display()))?;
        Ok(Self { partial, complete: complete.into() })
    }

    /// Where to write meanwhile.
    pub fn path(&self) -> &Path {
        self.partial.path()
    }

    /// Gives the folder its name; into a folder that is there already, its files are moved.
    pub fn finish(self) -> anyhow::Result<()> {
        let context = || format!("cannot write {}", self.complete.display());
        if !self.complete.exists() {
            return fs::rename(self.partial.path(), &self.complete).with_context(context);
        }
        for entry in fs::read_dir(self.partial.path()).with_context(context)? {
            let entry = entry.with_context(context)?;
            fs::rename(entry.path(), self.complete.join(entry.file_name()))
                .with_context(context)?;
        }
        Ok(())
    }
}

fn beside() -> Builder<'static, 'static> {
    let mut builder = Builder::new();
    builder.prefix(".mgdsam2-").suffix(".partial");
    builder
}

fn folder_of(complete: &Path) -> anyhow::Result<&Path> {
    let folder = match complete.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}
