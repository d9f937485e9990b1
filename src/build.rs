//! Tells the crate what it was built from: the code that makes graphs, and nano's weights.
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Everything that a graph's bytes depend on besides the recipe and the checkpoint.
const GRAPH_SOURCES: [&str; 5] =
    ["src/checkpoint", "src/model", "src/onnx", "src/signature", "src/signature.rs"];

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let mut hash = DefaultHasher::new();
    for source in GRAPH_SOURCES {
        println!("cargo:rerun-if-changed={source}");
        hash_files(&root.join(source), &mut hash)?;
    }
    println!("cargo:rustc-env=MGDSAM2_GRAPH_SOURCES={:016x}", hash.finish());

    // A source tree without them builds too, and runs nano with random weights, loudly.
    println!("cargo:rerun-if-changed=engines/nano");
    println!("cargo:rustc-check-cfg=cfg(nano_weights)");
    if root.join("engines/nano/weights.safetensors").is_file() {
        println!("cargo:rustc-cfg=nano_weights");
    }
    Ok(())
}

/// A file, or the files of a folder in the order of their names.
fn hash_files(path: &Path, hash: &mut DefaultHasher) -> io::Result<()> {
    if path.is_file() {
        fs::read(path)?.hash(hash);
        return Ok(());
    }
    let mut inside: Vec<_> =
        fs::read_dir(path)?.map(|e| Ok(e?.path())).collect::<io::Result<_>>()?;
    inside.sort();
    inside.iter().try_for_each(|path| hash_files(path, hash))
}
