//! Works around a misreading of archives that `torch.save` wrote.
//!
//! It ends every archive with zip64 records, needed or not. The zip crate (9.4.1) then looks for
//! the directory where it would begin without them, 76 bytes late, and takes the second entry
//! for the first if it happens to begin there: if the archive's folder, which bears the name the
//! file was saved under, has 21 letters.
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::FileExt;
use tempfile::NamedTempFile;

const DIRECTORY_ENTRY: &[u8; 4] = b"PK\x01\x02";
const ZIP64_END: &[u8; 4] = b"PK\x06\x06";
const END: &[u8; 4] = b"PK\x05\x06";

/// Of the zip64 end and its locator.
const ZIP64_LEN: u64 = 56 + 20;
const END_LEN: u64 = 22;

/// A copy of `file` without the zip64 records, if it is one that would be misread.
pub(super) fn readable_copy(mut file: &File) -> io::Result<Option<NamedTempFile>> {
    let Some(end_start) = file.metadata()?.len().checked_sub(END_LEN) else { return Ok(None) };
    let end: [u8; END_LEN as usize] = bytes_at(file, end_start)?;
    let [len, start] = [12, 16].map(|i| u32::from_le_bytes([0, 1, 2, 3].map(|k| end[i + k])));
    let directory = u64::from(start)..u64::from(start) + u64::from(len);
    if !end.starts_with(END) || directory.end + ZIP64_LEN != end_start {
        return Ok(None);
    }
    let is = |magic: &[u8; 4], offset| Ok::<_, io::Error>(bytes_at(file, offset)? == *magic);
    if !is(ZIP64_END, directory.end)? || !is(DIRECTORY_ENTRY, directory.start + ZIP64_LEN)? {
        return Ok(None);
    }
    let mut copy = NamedTempFile::new()?;
    file.rewind()?;
    io::copy(&mut file.take(directory.end), &mut copy)?;
    copy.write_all(&end)?;
    Ok(Some(copy))
}

fn bytes_at<const N: usize>(file: &File, offset: u64) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    file.read_exact_at(&mut bytes, offset)?;
    Ok(bytes)
}
