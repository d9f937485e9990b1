//! safetensors files: a length, a JSON header, and the tensors one after the other.
//!
//! The file is read, not mapped: a mapped file that another process cuts short kills us.
use super::FormatError;
use super::tensor::{Dtype, Tensor};
use safetensors::Dtype as FileDtype;
use safetensors::tensor::{Metadata, TensorInfo};
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Bytes of the header; that of the large model has 200 kB.
const MAX_HEADER: u64 = 8 << 20;

pub(super) fn open(file: File) -> Result<BTreeMap<String, Tensor>, FormatError> {
    let header = read_header(&file)?;
    serde_json::Deserializer::from_slice(&header).deserialize_map(UniqueKeys)?;
    // This also checks that the tensors follow each other without gaps or overlaps, and that
    // each fills its shape.
    let metadata: Metadata = serde_json::from_slice(&header)?;
    let data_start = 8 + header.len() as u64;
    let (expected, found) =
        (data_start.saturating_add(metadata.data_len() as u64), file.metadata()?.len());
    if expected != found {
        return Err(FormatError::Length { expected, found });
    }
    let file = Arc::new(file);
    let tensors = metadata.tensors();
    Ok(tensors.into_iter().map(|(key, info)| (key, tensor(&file, data_start, info))).collect())
}

fn read_header(file: &File) -> Result<Vec<u8>, FormatError> {
    let mut len = [0; 8];
    file.read_exact_at(&mut len, 0)?;
    let (len, file_len) = (u64::from_le_bytes(len), file.metadata()?.len());
    if len > MAX_HEADER {
        let what = "bytes of safetensors header";
        return Err(FormatError::Limit { what, limit: MAX_HEADER, found: len });
    }
    if file_len - 8 < len {
        return Err(FormatError::Length { expected: len + 8, found: file_len });
    }
    let mut header = vec![0; len as usize];
    file.read_exact_at(&mut header, 8)?;
    Ok(header)
}

fn tensor(file: &Arc<File>, data_start: u64, info: &TensorInfo) -> Tensor {
    let dtype = match info.dtype {
        FileDtype::F64 => Dtype::F64,
        FileDtype::F32 => Dtype::F32,
        FileDtype::F16 => Dtype::F16,
        FileDtype::BF16 => Dtype::Bf16,
        other => Dtype::other(other),
    };
    let (file, (start, end)) = (file.clone(), info.data_offsets);
    Tensor::new(info.shape.clone(), dtype, move || {
        let mut bytes = vec![0; end - start];
        file.read_exact_at(&mut bytes, data_start + start as u64)?;
        Ok(bytes)
    })
}

/// A JSON object that has no key twice; serde would take the last one in silence.
struct UniqueKeys;

impl<'de> Visitor<'de> for UniqueKeys {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = BTreeSet::new();
        while let Some((key, IgnoredAny)) = map.next_entry::<String, _>()? {
            if seen.contains(&key) {
                return Err(A::Error::custom(format!("key `{key}`: expected one, found two")));
            }
            seen.insert(key);
        }
        Ok(())
    }
}
