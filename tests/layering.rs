//! Modules import only what HOUSE's arrows allow.
#![allow(clippy::unwrap_used)]
use std::{
    fs,
    path::{Path, PathBuf},
};

/// (module, modules of this crate it may name).
const MAY_USE: &[(&str, &[&str])] = &[
    // Down to the engine's trait and the device: `--dump` wraps an engine, `bench` runs it alone and
    // without, and times copies.
    ("cli", &["element", "engines", "metrics", "synth", "session", "backend", "signature", "cuda"]),
    ("element", &["matter", "engines", "frame", "cuda"]),
    ("engines", &["session", "model", "onnx", "checkpoint", "backend", "signature", "cuda"]),
    ("matter", &["session", "frame", "metrics", "cuda"]),
    ("session", &["backend", "signature", "frame", "cuda"]),
    ("frame", &["cuda"]),
    ("backend", &["beside", "cuda", "signature"]),
    ("model", &["onnx", "signature"]),
    ("onnx", &["checkpoint", "signature"]),
    ("checkpoint", &[]),
    ("signature", &[]),
    ("metrics", &[]),
    ("cuda", &["beside"]),
    ("beside", &[]),
    ("synth", &[]),
];

#[test]
fn modules_import_only_what_is_below_them() {
    let mut broken = Vec::new();
    let mut seen = 0;
    for (module, allowed) in MAY_USE {
        for file in rust_files(module) {
            seen += 1;
            let text = fs::read_to_string(&file).unwrap();
            for (n, line) in text.lines().enumerate() {
                if line.trim_start().starts_with("//") {
                    continue;
                }
                for used in ["crate::", "super::super::", "gstmgdsam2::"]
                    .into_iter()
                    .flat_map(|prefix| names_after(line, prefix))
                {
                    if used != *module && is_module(&used) && !allowed.contains(&used.as_str()) {
                        broken.push(format!(
                            "{}:{}: `{module}` may not use `{used}`",
                            file.display(),
                            n + 1
                        ));
                    }
                }
            }
        }
    }
    assert!(seen >= 10, "only {seen} source files were found");
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

/// `use crate::{a, b}` would hide its modules from the check above.
#[test]
fn crate_imports_name_one_module_each() {
    for (module, _) in MAY_USE {
        for file in rust_files(module) {
            let text = fs::read_to_string(&file).unwrap();
            assert!(!text.contains("use crate::{"), "{}", file.display());
        }
    }
}

/// A new module must be given its place in the table.
#[test]
fn every_module_is_in_the_table() {
    for entry in fs::read_dir(source()).unwrap() {
        let name = entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned();
        assert!(
            ["lib", "main", "build"].contains(&name.as_str()) || is_module(&name),
            "`{name}` is not in MAY_USE"
        );
    }
}

fn names_after<'a>(line: &'a str, prefix: &'a str) -> impl Iterator<Item = String> + 'a {
    line.split(prefix)
        .skip(1)
        .map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
}

fn is_module(name: &str) -> bool {
    MAY_USE.iter().any(|(module, _)| *module == name)
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The module's file and everything under its folder.
fn rust_files(module: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut todo = vec![source().join(module)];
    found.extend(Some(source().join(module).with_extension("rs")).filter(|p| p.is_file()));
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(dir).into_iter().flatten() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => todo.push(path),
                false if path.extension().is_some_and(|e| e == "rs") => found.push(path),
                false => {}
            }
        }
    }
    found
}
