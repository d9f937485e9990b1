//! Named tensors of a model checkpoint, read lazily.
//!
//! [`Checkpoint::open`] reads only headers: the values of a tensor are read when
//! [`Checkpoint::read`] asks for them. A file is never trusted: whatever is wrong with it, and
//! whatever its pickle would like to run, is an error. Memory is bounded by what a tensor of
//! the asked shape needs, and for the headers by the limits in the formats' modules.
mod error;
mod fingerprint;
mod format;
mod mismatch;
mod pickle;
mod pytorch;
mod random;
mod safetensors;
mod tensor;
mod zip64;

pub use error::{CheckpointError, FormatError};
pub use mismatch::{Mismatch, Mismatches};
pub use tensor::Dtype;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tensor::Tensor;

/// A checkpoint: keys, shapes and, on demand, values.
pub struct Checkpoint {
    origin: Origin,
    tensors: BTreeMap<String, Tensor>,
    fingerprint: OnceLock<String>,
}

/// Where the values come from.
enum Origin {
    File { path: PathBuf, file: File },
    Memory { source: String },
    Random { seed: u64 },
}

impl Checkpoint {
    /// Opens a safetensors file or a PyTorch checkpoint (`torch.save`, zip or legacy), told
    /// apart by their content, not their names.
    ///
    /// The tensors may lie plainly in the file, or nested under `model` or `state_dict`, whose
    /// name is then not part of the keys; nor is a prefix that wrappers give to every key
    /// (`module.`, `model.`, `state_dict.`). What else the file holds is ignored.
    pub fn open(path: &Path) -> Result<Self, CheckpointError> {
        let (file, tensors) = format::open(path)
            .map_err(|reason| CheckpointError::Open { path: path.to_owned(), reason })?;
        Ok(Self::new(Origin::File { path: path.to_owned(), file }, tensors))
    }

    /// A checkpoint that has every key at whatever shape is asked for, its values drawn from
    /// `seed` and the key: the same on every machine, of the size that training starts from.
    pub fn random(seed: u64) -> Self {
        Self::new(Origin::Random { seed }, BTreeMap::new())
    }

    /// A checkpoint of (key, shape, row-major values). A key that comes twice, or values that
    /// do not fill their shape, are an error.
    pub fn from_tensors(
        tensors: impl IntoIterator<Item = (String, Vec<usize>, Vec<f32>)>,
    ) -> Result<Self, CheckpointError> {
        let mut named = BTreeMap::new();
        for (key, shape, values) in tensors {
            if tensor::element_count(&shape) != Some(values.len()) {
                return Err(CheckpointError::Length { key, shape, found: values.len() });
            }
            if named.contains_key(&key) {
                return Err(CheckpointError::DuplicateKey { key });
            }
            named.insert(key, Tensor::from_values(shape, values));
        }
        Ok(Self::new(Origin::Memory { source: "tensors in memory".into() }, named))
    }

    /// The same tensors, for which [`source`](Self::source) says `source` if they lie in memory.
    pub fn described_as(mut self, source: &str) -> Self {
        if let Origin::Memory { source: said } = &mut self.origin {
            *said = source.into();
        }
        self
    }

    fn new(origin: Origin, tensors: BTreeMap<String, Tensor>) -> Self {
        Self { origin, tensors, fingerprint: OnceLock::new() }
    }

    /// Every key, sorted. Random weights list none, though they have any key that is asked for.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The shape of `key`, if the checkpoint lists such a tensor.
    pub fn shape(&self, key: &str) -> Option<&[usize]> {
        self.tensors.get(key).map(|tensor| tensor.shape.as_slice())
    }

    /// Whether [`read`](Self::read) with the same arguments has a tensor to read. Costs nothing.
    pub fn check(&self, key: &str, shape: &[usize]) -> Result<(), Mismatch> {
        if let Origin::Random { .. } = self.origin {
            return Ok(());
        }
        let tensor = self.tensors.get(key).ok_or(Mismatch::Missing)?;
        if tensor.shape != shape {
            return Err(Mismatch::Shape { found: tensor.shape.clone() });
        }
        if !tensor.dtype.is_float() {
            return Err(Mismatch::Dtype { found: tensor.dtype.clone() });
        }
        Ok(())
    }

    /// The values of `key` as f32, row-major. f64 is rounded; f16 and bf16 are exact.
    ///
    /// Nothing is cached: each call reads the file again.
    pub fn read(&self, key: &str, shape: &[usize]) -> Result<Vec<f32>, CheckpointError> {
        self.check(key, shape).map_err(|found| CheckpointError::Tensor {
            key: key.to_owned(),
            expected: shape.to_vec(),
            found,
        })?;
        let values = match self.origin {
            Origin::Random { seed } => random::draw(seed, key, shape),
            _ => self.tensors[key].read(),
        };
        values.map_err(|reason| CheckpointError::Read { key: key.to_owned(), reason })
    }

    /// What to call this checkpoint before people: its path, or that it is random.
    pub fn source(&self) -> String {
        match &self.origin {
            Origin::File { path, .. } => path.display().to_string(),
            Origin::Memory { source } => source.clone(),
            Origin::Random { seed } => format!("random weights, seed {seed}"),
        }
    }

    /// A SHA-256 in hexadecimal that changes whenever a tensor does: for cache keys.
    ///
    /// The first call reads a file whole; the result is kept.
    pub fn fingerprint(&self) -> Result<&str, CheckpointError> {
        if let Some(known) = self.fingerprint.get() {
            return Ok(known);
        }
        let computed = match &self.origin {
            Origin::File { path, file } => fingerprint::of_file(file)
                .map_err(|e| CheckpointError::Open { path: path.clone(), reason: e.into() })?,
            Origin::Memory { .. } => fingerprint::of_tensors(&self.tensors)
                .map_err(|(key, reason)| CheckpointError::Read { key, reason })?,
            Origin::Random { seed } => fingerprint::of_text(&random::recipe(*seed)),
        };
        Ok(self.fingerprint.get_or_init(|| computed))
    }
}
