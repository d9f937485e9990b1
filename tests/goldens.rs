//! Parity with the official code, tensor by tensor.
//!
//! Reads every fixture folder under `$MGDSAM2_GOLDENS` (default `../shared/goldens`, else the
//! few in `tests/data/goldens`), builds what the fixture's family is about from its
//! `config.json` and `weights.safetensors`, runs it on OpenVINO in f32, and compares every
//! tensor that the fixture lists.
#![allow(clippy::unwrap_used, missing_docs)]
mod golden;

use golden::{Comparison, Fixture, cases};
use std::path::{Path, PathBuf};

/// Relative L2 that float32 may differ by; two runs of the official code differ by up to 4e-6.
const TOLERANCE: f64 = 1e-5;

fn folder() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    if let Some(folder) = std::env::var_os("MGDSAM2_GOLDENS") {
        return folder.into();
    }
    let shared = root.join("../shared/goldens");
    if shared.is_dir() { shared } else { root.join("tests/data/goldens") }
}

#[test]
fn every_listed_tensor_equals_the_official_code() {
    let folder = folder();
    println!("fixtures from {}", folder.display());
    let mut fixtures: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    fixtures.sort();
    let mut failures = Vec::new();
    let mut compared = 0;
    for path in fixtures {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let mut comparison = Comparison::new(&name, TOLERANCE);
        match Fixture::read(&path).and_then(|f| cases::run(&name, &f, &mut comparison)) {
            Ok(()) => compared += comparison.finish(&mut failures),
            Err(e) => failures.push(format!("{name}: {e}")),
        }
    }
    assert!(compared > 0, "no tensor was compared under {}", folder.display());
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
    println!("{compared} tensors agree");
}
