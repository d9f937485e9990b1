//! Checkpoints that are damaged or lie: each is an error that says what is wrong.
#![allow(clippy::unwrap_used)]

use gstmgdsam2::checkpoint::Checkpoint;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn hostile_pytorch_files_are_errors() {
    for (name, expected) in [
        ("bad_exploit.pt", "found `posix.system`"),
        ("bad_exploit_protocol4.pt", "found `posix.system`"),
        ("bad_exploit.pth", "found `posix.system`"),
        ("bad_bomb.pt", "zip entry `archive/data.pkl`: expected it stored"),
        ("bad_nesting.pt", "nesting exceeds"),
        ("bad_doubling.pt", "memo bomb"),
        ("bad_extent.pt", "needs 5 elements"),
        ("bad_offset.pt", "needs 5 elements"),
        ("bad_negative.pt", "must be non-negative"),
        ("bad_overflow.pt", "overflows"),
        ("bad_huge_view.pt", "above the"),
        ("bad_same_key.pt", "expected 2 tensors of different keys, found 1"),
        ("bad_no_tensors.pt", "expected tensors, found none"),
        ("bad_root.pt", "Expected a dictionary at the root"),
    ] {
        assert_refused(&open_fixture(name), name, expected);
    }
}

/// What `bad_exploit.*` would do in Python.
#[test]
fn a_pickle_never_runs_anything() {
    for name in ["bad_exploit.pt", "bad_exploit_protocol4.pt", "bad_exploit.pth"] {
        assert!(open_fixture(name).is_err());
    }
    assert!(!Path::new("/tmp/mgdsam2-pickle-was-run").exists());
}

#[test]
fn a_storage_shorter_than_its_tensor_is_an_error_when_read() {
    let checkpoint = open_fixture("short_storage.pt").unwrap();
    let message = checkpoint.read("w", &[4]).unwrap_err().to_string();
    assert!(
        message.contains("tensor `w`") && message.contains("only 2 are available"),
        "{message}"
    );
}

/// A megabyte that would become a hundred of empty dictionaries.
#[test]
fn a_pickle_of_endless_opcodes_is_an_error() {
    let legacy = fs::read(fixtures().join("legacy.pth")).unwrap();
    // The object is the fourth pickle; each of the first three ends in a STOP.
    let object = 1 + legacy.windows(3).position(|bytes| bytes == b".\x80\x02").unwrap();
    let bytes = [&legacy[..object], b"\x80\x02", &vec![b'}'; 1 << 20]].concat();
    assert_refused(&open_bytes(&bytes), "opcodes", "pickle opcodes: expected at most 524288");
}

#[test]
fn every_truncation_is_an_error() {
    let mut files: Vec<Vec<u8>> = ["zip.pt", "legacy.pth", "nested_legacy.pth"]
        .map(|name| fs::read(fixtures().join(name)).unwrap())
        .into();
    files.push(safetensors(r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 8));
    for bytes in files {
        assert!(open_bytes(&bytes).is_ok());
        for len in 0..bytes.len() {
            assert!(open_bytes(&bytes[..len]).is_err(), "{len} of {} bytes", bytes.len());
        }
    }
}

#[test]
fn hostile_safetensors_headers_are_errors() {
    let deep = format!(r#"{{"a":{{"shape":{}{}}}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    for (header, data_len, expected) in [
        ("{", 0, "EOF while parsing"),
        ("{}", 0, "expected tensors, found none"),
        (r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 7, "bytes by the header"),
        (r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 9, "bytes by the header"),
        (r#"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#, 8, "invalid shape"),
        (r#"{"a":{"dtype":"F99","shape":[2],"data_offsets":[0,8]}}"#, 8, "unknown variant `F99`"),
        (r#"{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}"#, 8, "invalid value"),
        (r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#, 8, "invalid offset"),
        (r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#, 12, "invalid offset"),
        (
            r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}"#,
            0,
            "overflow",
        ),
        (
            r#"{"a":{"dtype":"F32","shape":[4611686018427387903],
                "data_offsets":[0,18446744073709551612]}}"#,
            8,
            "overflow",
        ),
        (
            r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},
                "b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#,
            12,
            "invalid offset",
        ),
        (
            r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},
                "a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}"#,
            8,
            "key `a`: expected one, found two",
        ),
        (&deep, 0, "recursion limit exceeded"),
    ] {
        let name = &header[..header.len().min(80)];
        assert_refused(&open_bytes(&safetensors(header, data_len)), name, expected);
    }
}

#[test]
fn safetensors_header_lengths_that_lie_are_errors() {
    for (claimed, expected) in [
        (u64::MAX, "bytes of safetensors header: expected at most"),
        (100 << 20, "bytes of safetensors header: expected at most"),
        (1 << 20, "expected 1048584 bytes by the header, found 63"),
        (1, "EOF while parsing"),
    ] {
        let mut bytes = safetensors(r#"{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#, 1);
        bytes[..8].copy_from_slice(&claimed.to_le_bytes());
        assert_refused(&open_bytes(&bytes), &claimed.to_string(), expected);
    }
}

#[test]
fn files_of_other_kinds_are_errors() {
    let mut tar = vec![0; 1024];
    tar[257..262].copy_from_slice(b"ustar");
    for (bytes, expected) in [
        (&b""[..], "found an empty file"),
        (b"\x89PNG\r\n\x1a\n", "found neither"),
        (b"\x80\x02}.", "found a pickle without tensors"),
        (&tar, "found a tar archive"),
        (b"PK\x03\x04", "invalid Zip archive"),
    ] {
        assert_refused(&open_bytes(bytes), expected, expected);
    }
}

#[test]
fn paths_that_are_no_files_are_errors() {
    for (path, expected) in [
        ("/nowhere/model.pt", "No such file"),
        ("/", "found a folder"),
        ("/dev/zero", "found a device"),
    ] {
        let opened = Checkpoint::open(Path::new(path)).map_err(|e| e.to_string());
        assert!(opened.as_ref().is_err_and(|e| e.contains(&format!("checkpoint `{path}`"))));
        assert_refused(&opened, path, expected);
    }
}

fn assert_refused(opened: &Result<Checkpoint, String>, name: &str, expected: &str) {
    match opened {
        Ok(_) => panic!("{name}: opened"),
        Err(message) => assert!(message.contains(expected), "{name}: {message}"),
    }
}

/// A file of `header` and `data_len` zeros.
fn safetensors(header: &str, data_len: usize) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &vec![0; data_len]].concat()
}

fn open_bytes(bytes: &[u8]) -> Result<Checkpoint, String> {
    // Thousands of files: in memory, where there is such a place.
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let file = tempfile::NamedTempFile::new_in(folder).unwrap();
    fs::write(file.path(), bytes).unwrap();
    Checkpoint::open(file.path()).map_err(|e| e.to_string())
}

fn open_fixture(name: &str) -> Result<Checkpoint, String> {
    Checkpoint::open(&fixtures().join(name)).map_err(|e| e.to_string())
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/checkpoints")
}
