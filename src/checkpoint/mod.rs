//! Named tensors of a model checkpoint, read lazily.
use std::path::Path;

/// A checkpoint: keys, shapes and, on demand, values.
pub struct Checkpoint {}

impl Checkpoint {
    /// Opens a `.safetensors`, `.pt` or `.pth` file by its content, not its name.
    pub fn open(path: &Path) -> Result<Self, CheckpointError> {
        todo!("{path:?}")
    }

    /// Every key, sorted.
    pub fn keys(&self) -> Vec<&str> {
        todo!()
    }

    /// The shape of `key`, if there is such a tensor.
    pub fn shape(&self, _key: &str) -> Option<&[usize]> {
        todo!()
    }

    /// The values of `key` as f32, row-major.
    pub fn read(&self, _key: &str) -> Result<Vec<f32>, CheckpointError> {
        todo!()
    }
}

/// Why a checkpoint could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {}
