//! One item of a batch, as the listing holds it: a line of JSON.
use anyhow::ensure;
use serde::{Deserialize, Serialize};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Component, Path, PathBuf};

/// A picture or a clip to matte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// What it is called, and where below `mattes` it goes: `DIS-TE1/1#Accessories`.
    pub item: String,
    /// A picture, a movie or a folder of frames, relative to the data set.
    pub source: PathBuf,
    /// Its ground truth, if there is one: a picture, a movie or a folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gt: Option<PathBuf>,
    /// How many frames it has, as far as its container says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frames: Option<u64>,
}

/// What remembers an item in few bytes: a hash of its name, good for one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key(u64);

impl Key {
    /// Of an item of that name.
    pub fn of(item: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        item.hash(&mut hasher);
        Self(hasher.finish())
    }
}

impl Item {
    /// An error unless the name is a path that stays below the folder it is joined to.
    pub fn check(&self) -> anyhow::Result<()> {
        let plain = |part| match part {
            Component::Normal(name) => !name.as_encoded_bytes().starts_with(b"."),
            _ => false,
        };
        ensure!(
            !self.item.is_empty() && Path::new(&self.item).components().all(plain),
            "item `{}`: expected a name such as part/clip, without dots before it",
            self.item
        );
        Ok(())
    }

    /// What it weighs when shards are balanced.
    pub fn weight(&self) -> u64 {
        self.frames.unwrap_or(1).max(1)
    }
}
