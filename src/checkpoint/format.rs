//! Which kind of file a checkpoint is, told from its first bytes.
use super::tensor::Tensor;
use super::{FormatError, pytorch, safetensors};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The tensors of the file at `path`, and the file itself.
pub(super) fn open(path: &Path) -> Result<(File, BTreeMap<String, Tensor>), FormatError> {
    // Before opening: the opening of a pipe may wait for ever.
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        let found = if metadata.is_dir() { "a folder" } else { "a device, pipe or socket" };
        return Err(FormatError::Kind { found });
    }
    let file = File::open(path)?;
    let tensors = match detect(&first_bytes(&file)?)? {
        Format::Safetensors => safetensors::open(file.try_clone()?)?,
        Format::Zip => pytorch::open_zip(path, &file)?,
        Format::Legacy => pytorch::open_legacy(path, &file)?,
    };
    match tensors.is_empty() {
        true => Err(FormatError::NoTensors),
        false => Ok((file, without_wrappers(tensors))),
    }
}

/// What `DataParallel`, Lightning and converters put before every key.
const WRAPPERS: [&str; 3] = ["state_dict.", "model.", "module."];

fn without_wrappers(mut tensors: BTreeMap<String, Tensor>) -> BTreeMap<String, Tensor> {
    for wrapper in WRAPPERS {
        if tensors.keys().all(|key| key.starts_with(wrapper)) {
            tensors =
                tensors.into_iter().map(|(key, t)| (key[wrapper.len()..].to_owned(), t)).collect();
        }
    }
    tensors
}

enum Format {
    Safetensors,
    /// `torch.save` since 1.6.
    Zip,
    /// `torch.save` from 0.1.10 to 1.5.
    Legacy,
}

/// Enough to see a tar archive's magic.
const HEAD: usize = 512;

/// The number that a legacy checkpoint's first pickle holds, little-endian.
const LEGACY_MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

fn detect(head: &[u8]) -> Result<Format, FormatError> {
    let kind = |found| Err(FormatError::Kind { found });
    if head.is_empty() {
        return kind("an empty file");
    }
    if head.starts_with(b"PK\x03\x04") {
        return Ok(Format::Zip);
    }
    if head.get(257..262) == Some(b"ustar") {
        return kind("a tar archive, which PyTorch wrote before 0.1.10");
    }
    // Eight bytes of header length, then the header, which is JSON.
    if head.get(8) == Some(&b'{') {
        return Ok(Format::Safetensors);
    }
    // A pickle frame of up to 13 bytes may come before the magic.
    if head[..head.len().min(32)].windows(10).any(|bytes| bytes == LEGACY_MAGIC) {
        return Ok(Format::Legacy);
    }
    match head[0] {
        0x80 => kind("a pickle without tensors"),
        _ => kind("neither"),
    }
}

fn first_bytes(file: &File) -> io::Result<Vec<u8>> {
    let mut head = vec![0; HEAD];
    let mut filled = 0;
    while filled < HEAD {
        match file.read_at(&mut head[filled..], filled as u64) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    head.truncate(filled);
    Ok(head)
}
