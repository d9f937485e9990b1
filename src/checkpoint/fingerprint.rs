//! Hashes of what a checkpoint holds.
use super::tensor::Tensor;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Of a file's bytes, whatever its read position is.
pub(super) fn of_file(file: &File) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut chunk = vec![0; 1 << 20];
    let mut offset = 0;
    loop {
        match file.read_at(&mut chunk, offset) {
            Ok(0) => return Ok(hex(hash)),
            Ok(n) => {
                hash.update(&chunk[..n]);
                offset += n as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

/// Of keys, shapes and values. An error comes with the key of the tensor it is about.
pub(super) fn of_tensors(
    tensors: &BTreeMap<String, Tensor>,
) -> Result<String, (String, io::Error)> {
    let mut hash = Sha256::new();
    for (key, tensor) in tensors {
        // Debug quotes the key and brackets the shape, so that no two tensors run together.
        hash.update(format!("{key:?}{:?}", tensor.shape));
        for value in tensor.read().map_err(|e| (key.clone(), e))? {
            hash.update(value.to_le_bytes());
        }
    }
    Ok(hex(hash))
}

/// Of a description that says everything.
pub(super) fn of_text(text: &str) -> String {
    hex(Sha256::new_with_prefix(text))
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
