//! Any bytes as an entry of the engine cache: two bytes of length, the manifest, the engine.
#![no_main]

use gstmgdsam2::engines::entry::{Entry, Manifest};
use libfuzzer_sys::fuzz_target;
use std::cell::RefCell;
use std::fs;
use tempfile::TempDir;

thread_local! {
    static FOLDER: RefCell<TempDir> =
        RefCell::new(tempfile::tempdir().expect("a folder for temporary files"));
}

fuzz_target!(|bytes: &[u8]| {
    let Some((len, rest)) = bytes.split_first_chunk::<2>() else { return };
    let len = usize::from(u16::from_le_bytes(*len)).min(rest.len());
    let (manifest, engine) = rest.split_at(len);
    let key = Manifest::parse(manifest).map(|manifest| manifest.identity.key());
    FOLDER.with_borrow(|folder| {
        // Under the name that the manifest asks for, so that its other fields are looked at too.
        let path = folder.path().join(key.unwrap_or_else(|_| "none".into()));
        fs::create_dir_all(&path).expect("space for a folder");
        fs::write(path.join("manifest.json"), manifest).expect("space for a file");
        fs::write(path.join("engine.bin"), engine).expect("space for a file");
        let _ = Entry::at(&path).verify();
        fs::remove_dir_all(&path).expect("a folder that we made");
    });
});
