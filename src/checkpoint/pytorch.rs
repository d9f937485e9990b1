//! PyTorch checkpoints, zip and legacy. What the reader would take on trust is looked at first.
use super::FormatError;
use super::pickle::Scanner;
use super::tensor::{Dtype, Tensor};
use pytorch_reader::{DType as FileDtype, PickleValue, PytorchReader};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Seek};
use std::path::Path;
use zip::{CompressionMethod, ZipArchive};

/// Where training scripts put the weights.
const NESTED_UNDER: [&str; 2] = ["model", "state_dict"];

/// A zip archive: `*/data.pkl`, and each storage an entry.
pub(super) fn open_zip(path: &Path, file: &File) -> Result<BTreeMap<String, Tensor>, FormatError> {
    let mut archive = ZipArchive::new(BufReader::new(file))?;
    let mut scanner = Scanner::new();
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index)?;
        let name = entry.name()?.into_owned();
        if entry.compression() != CompressionMethod::Stored {
            return Err(FormatError::Compressed { entry: name });
        }
        if name.ends_with("data.pkl") {
            scanner.scan(&mut BufReader::new(entry))?;
        }
    }
    tensors(path)
}

/// Five pickles (magic, protocol, system, the object, storage keys), then the storages.
pub(super) fn open_legacy(
    path: &Path,
    mut file: &File,
) -> Result<BTreeMap<String, Tensor>, FormatError> {
    file.rewind()?;
    let mut reader = BufReader::new(file);
    let mut scanner = Scanner::new();
    for _ in 0..5 {
        scanner.scan(&mut reader)?;
    }
    tensors(path)
}

fn tensors(path: &Path) -> Result<BTreeMap<String, Tensor>, FormatError> {
    let root = PytorchReader::read_pickle_data(path, None).map_err(Box::new)?;
    let nested = NESTED_UNDER.iter().find_map(|key| match &root {
        PickleValue::Dict(dict) => dict.get(*key).filter(|v| count(v) > 0).map(|v| (*key, v)),
        _ => None,
    });
    let reader = match nested {
        Some((key, _)) => PytorchReader::with_top_level_key(path, key),
        None => PytorchReader::new(path),
    };
    let found = reader.map_err(Box::new)?.into_tensors();
    // {"a": {"b": ..}, "a.b": ..} gives one key twice.
    let expected = count(nested.map_or(&root, |(_, value)| value));
    if expected != found.len() {
        return Err(FormatError::AmbiguousKeys { expected, found: found.len() });
    }
    Ok(found.into_iter().map(|(key, tensor)| (key, lazy(tensor))).collect())
}

/// How many tensors `value` holds, however deep.
fn count(value: &PickleValue) -> usize {
    match value {
        PickleValue::Unsupported(python_type) => usize::from(python_type == "torch.Tensor"),
        PickleValue::Dict(dict) => dict.values().map(count).sum(),
        PickleValue::List(items) => items.iter().map(count).sum(),
        _ => 0,
    }
}

fn lazy(tensor: pytorch_reader::Tensor) -> Tensor {
    let dtype = match tensor.dtype() {
        FileDtype::F64 => Dtype::F64,
        FileDtype::F32 => Dtype::F32,
        FileDtype::F16 => Dtype::F16,
        FileDtype::BF16 => Dtype::Bf16,
        other => Dtype::other(other),
    };
    let (_, _, shape, read_bytes) = tensor.into_parts();
    Tensor::new(shape, dtype, read_bytes)
}
