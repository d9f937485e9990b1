//! Any bytes as a checkpoint: opened, and its tensors read.
#![no_main]

use gstmgdsam2::checkpoint::Checkpoint;
use libfuzzer_sys::fuzz_target;
use std::cell::RefCell;
use std::fs;
use tempfile::NamedTempFile;

/// More elements than this would be read for a shape that no model asks for.
const MOST_ELEMENTS: f64 = 1e6;

thread_local! {
    static FILE: RefCell<NamedTempFile> =
        RefCell::new(NamedTempFile::new().expect("a folder for temporary files"));
}

fuzz_target!(|bytes: &[u8]| {
    FILE.with_borrow(|file| {
        fs::write(file.path(), bytes).expect("space for a file");
        let Ok(checkpoint) = Checkpoint::open(file.path()) else { return };
        for key in checkpoint.keys() {
            let shape = checkpoint.shape(key).expect("a listed key has a shape");
            if shape.iter().map(|&extent| extent as f64).product::<f64>() < MOST_ELEMENTS {
                let _ = checkpoint.read(key, shape);
            }
        }
    });
});
