//! Small data sets, the command, and what it leaves.
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Pictures are this wide and high.
const SIZE: (u32, u32) = (24, 16);
/// What differs from run to run.
const TIMES: [&str; 3] = ["seconds", "engine_seconds", "stages"];

pub fn command(arguments: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mgdsam2"));
    command.arg("-q").args(arguments).current_dir(folder).env_remove("RUST_LOG");
    command
}

pub fn run(arguments: &[&str], folder: &Path) -> Output {
    command(arguments, folder).output().unwrap()
}

/// What was printed; exit code `code`, or the panic says what was printed.
#[track_caller]
pub fn ends(code: i32, arguments: &[&str], folder: &Path) -> (String, String) {
    let output = run(arguments, folder);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {out}{err}");
    (out, err)
}

/// A picture of vertical stripes, others for another `seed`.
pub fn picture(path: &Path, seed: usize) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut encoder = png::Encoder::new(fs::File::create(path).unwrap(), SIZE.0, SIZE.1);
    encoder.set_color(png::ColorType::Rgb);
    let pixels: Vec<u8> =
        (0..3 * SIZE.0 * SIZE.1).map(|i| ((i as usize / 3 % 24) * (seed + 3) * 11) as u8).collect();
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
}

/// A folder of `frames` pictures.
pub fn clip(folder: &Path, frames: usize) {
    (0..frames).for_each(|i| picture(&folder.join(format!("{i:05}.png")), i));
}

/// A clip as FFV1.
pub fn movie(path: &Path, frames: usize) {
    let (folder, name) = (path.parent().unwrap(), path.file_name().unwrap());
    fs::create_dir_all(folder).unwrap();
    let frames = frames.to_string();
    let line = ["synth", "--out", name.to_str().unwrap(), "--frames", &frames, "--size", "32x24"];
    ends(0, &line, folder);
}

/// The lines of `result.jsonl`, by item, in their order.
pub fn results(out: &Path) -> Vec<(String, Value)> {
    let text = fs::read_to_string(out.join("result.jsonl")).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.map(|line| (line["item"].as_str().unwrap().to_owned(), line)).collect()
}

/// `[(item, status)]`.
pub fn statuses(out: &Path) -> Vec<(String, String)> {
    let status = |line: Value| line["status"].as_str().unwrap().to_owned();
    results(out).into_iter().map(|(item, line)| (item, status(line))).collect()
}

/// Everything that a batch is for: every file below OUT by its name, `result.jsonl` without times,
/// and without the journals, which say in which order things happened.
pub fn snapshot(out: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![out.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(out).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                folders.push(path);
                files.insert(name + "/", Vec::new());
            } else if !name.starts_with("journal") {
                files.insert(name, fs::read(path).unwrap());
            }
        }
    }
    let timeless = results(out).into_iter().flat_map(|(_, mut line)| {
        TIMES.iter().for_each(|key| _ = line.as_object_mut().unwrap().remove(*key));
        format!("{line}\n").into_bytes()
    });
    files.insert("result.jsonl".into(), timeless.collect());
    files
}

/// Panics with the first difference.
#[track_caller]
pub fn assert_same(found: &BTreeMap<String, Vec<u8>>, expected: &BTreeMap<String, Vec<u8>>) {
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(found), names(expected));
    for (name, bytes) in found {
        assert!(*bytes == expected[name], "{name} differs");
    }
}
