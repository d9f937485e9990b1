//! The command line, seen from outside: exit codes, messages, files, and nothing half-written.
#![allow(clippy::unwrap_used)]
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

fn mgdsam2(arguments: &[&str], folder: &Path) -> Output {
    command(arguments, folder).output().unwrap()
}

fn command(arguments: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mgdsam2"));
    command.args(arguments).current_dir(folder).env_remove("RUST_LOG");
    command
}

/// Exit code 0, or the panic says what was printed.
fn succeeds(arguments: &[&str], folder: &Path) -> String {
    let output = mgdsam2(arguments, folder);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {text}");
    String::from_utf8(output.stdout).unwrap()
}

/// Exit code `code` and every one of `words` in one `error:` line.
fn fails(code: i32, arguments: &[&str], folder: &Path, words: &[&str]) {
    let output = mgdsam2(arguments, folder);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
    let line = text.lines().find(|line| line.starts_with("error:")).unwrap_or_default();
    assert!(words.iter().all(|word| line.contains(word)), "{words:?} are not in: {text}");
}

/// Names in `folder`, sorted.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn synth(folder: &TempDir, out: &str, frames: &str) {
    succeeds(&["-q", "synth", "--out", out, "--frames", frames, "--size", "64x48"], folder.path());
}

#[test]
fn help_teaches_by_example() {
    let folder = TempDir::new().unwrap();
    let help = succeeds(&["--help"], folder.path());
    for word in ["Examples:", "matte clip.mp4 -o matte.mov", "Exit codes", "engine", "bench"] {
        assert!(help.contains(word), "{word}");
    }
    assert!(succeeds(&["matte", "--help"], folder.path()).contains("ProRes 4444"));
}

#[test]
fn completions_are_printed_for_each_shell() {
    let folder = TempDir::new().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        assert!(succeeds(&["completions", shell], folder.path()).contains("mgdsam2"), "{shell}");
    }
}

#[test]
fn a_wrong_line_is_exit_code_1_and_says_what_was_expected() {
    let folder = TempDir::new().unwrap();
    fails(1, &["matte"], folder.path(), &[]);
    fails(1, &["synth", "--out", "x", "--size", "640"], folder.path(), &["WIDTHxHEIGHT", "`640`"]);
    fails(1, &["matte", "no.mp4", "-o", "out.mov"], folder.path(), &["no.mp4", "No such file"]);
    synth(&folder, "clip", "1");
    let line = ["matte", "clip/im", "-o", "out/", "--model", "nano-tracker", "--point", "0.5,0.5"];
    fails(1, &line, folder.path(), &["`nano-tracker`", "--mask", "found points"]);
}

#[test]
fn an_output_that_cannot_hold_the_matte_is_refused_before_any_work() {
    let folder = TempDir::new().unwrap();
    synth(&folder, "clip", "2");
    let refused = [
        (vec!["-o", "out.avi"], vec!["out.avi", ".mov", "found .avi"]),
        (vec!["-o", "out.mp4"], vec!["out.mp4", "no alpha", "--background"]),
        (vec!["-o", "out.png"], vec!["out.png", "one picture"]),
        (vec!["-o", "out.mov", "--alpha-only"], vec!["out.mov", "--alpha-only"]),
        (vec!["-o", "out.mov", "--background", "red"], vec!["six hex digits", "`red`"]),
        (vec!["-o", "out.mov", "--mgd", "none.pth"], vec!["none.pth"]),
    ];
    for (arguments, words) in refused {
        let line = [vec!["matte", "clip/im"], arguments].concat();
        fails(1, &line, folder.path(), &words);
    }
    assert_eq!(names(folder.path()), ["clip"]);
}

#[test]
fn a_folder_without_pictures_is_an_error() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    fails(1, &["matte", "empty", "-o", "out/"], folder.path(), &["empty", "expected pictures"]);
}

#[test]
fn synth_writes_frames_and_alpha_in_davis_names_the_same_each_time() {
    let folder = TempDir::new().unwrap();
    synth(&folder, "a", "3");
    synth(&folder, "b", "3");
    for kind in ["im", "gt"] {
        let (a, b) = (folder.path().join("a").join(kind), folder.path().join("b").join(kind));
        assert_eq!(names(&a), ["00000.png", "00001.png", "00002.png"]);
        assert_eq!(fs::read(a.join("00002.png")).unwrap(), fs::read(b.join("00002.png")).unwrap());
    }
    synth(&folder, "clip.mkv", "3");
    assert!(fs::metadata(folder.path().join("clip.mkv")).unwrap().len() > 1000);
}

#[test]
fn pictures_keep_their_names_and_become_rgba_of_their_size() {
    let folder = TempDir::new().unwrap();
    synth(&folder, "clip", "2");
    let im = folder.path().join("clip/im");
    fs::rename(im.join("00001.png"), im.join("second one.png")).unwrap();
    succeeds(&["-q", "matte", "clip/im", "-o", "out"], folder.path());
    let out = folder.path().join("out");
    assert_eq!(names(&out), ["00000.png", "second one.png"]);
    assert_eq!(png_header(&out.join("00000.png")), (64, 48, png::ColorType::Rgba));
    let looks = ["--alpha-only", "--steady", "--foreground", "estimated"];
    succeeds(&[&["-q", "matte", "clip/im", "-o", "alpha/"], &looks[..]].concat(), folder.path());
    let grey = png_header(&folder.path().join("alpha/00000.png"));
    assert_eq!(grey, (64, 48, png::ColorType::Grayscale));
    succeeds(&["-q", "matte", "clip/im/00000.png", "-o", "one.png"], folder.path());
    assert_eq!(png_header(&folder.path().join("one.png")), (64, 48, png::ColorType::Rgba));
    assert_eq!(names(folder.path()), ["alpha", "clip", "one.png", "out"]);
}

#[test]
fn a_mask_may_be_any_picture_and_what_is_none_is_named() {
    let folder = TempDir::new().unwrap();
    synth(&folder, "clip", "2");
    let truth = folder.path().join("clip/gt/00000.png");
    let jpeg = format!(
        "filesrc location={} ! pngdec ! videoconvert ! jpegenc ! filesink location={}",
        truth.display(),
        folder.path().join("mask.jpg").display()
    );
    let made = Command::new("gst-launch-1.0").arg("-q").args(jpeg.split(' ')).status().unwrap();
    assert!(made.success());
    let matte = ["-q", "matte", "clip/im", "--model", "nano-tracker", "--alpha-only"];
    for (mask, out) in [("mask.jpg", "jpg/"), ("clip/gt/00000.png", "png/")] {
        succeeds(&[&matte[..], &["--mask", mask, "-o", out]].concat(), folder.path());
    }
    let alpha = |out: &str| grey(&folder.path().join(out).join("00000.png"));
    let pairs = alpha("jpg").into_iter().zip(alpha("png"));
    assert!(pairs.filter(|(a, b)| a.abs_diff(*b) > 64).count() < 30);
    assert!(alpha("jpg").contains(&255) && alpha("jpg").contains(&0));
    fs::write(folder.path().join("notes.txt"), "these are words").unwrap();
    let wrong = [&matte[..], &["--mask", "notes.txt", "-o", "no/"]].concat();
    fails(1, &wrong, folder.path(), &["--mask notes.txt"]);
}

/// The samples of a grey PNG.
fn grey(path: &Path) -> Vec<u8> {
    let file = std::io::BufReader::new(fs::File::open(path).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let mut samples = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut samples).unwrap();
    samples
}

fn png_header(path: &Path) -> (u32, u32, png::ColorType) {
    let file = std::io::BufReader::new(fs::File::open(path).unwrap());
    let reader = png::Decoder::new(file).read_info().unwrap();
    (reader.info().width, reader.info().height, reader.info().color_type)
}

#[test]
fn a_picture_that_cannot_be_read_is_left_out_named_and_exit_code_2() {
    let folder = TempDir::new().unwrap();
    synth(&folder, "clip", "3");
    fs::write(folder.path().join("clip/im/00001.png"), b"not a picture").unwrap();
    let output = mgdsam2(&["-q", "matte", "clip/im", "-o", "out/"], folder.path());
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("00001.png"), "{text}");
    assert_eq!(names(&folder.path().join("out")), ["00000.png", "00002.png"]);
}

#[test]
fn a_file_that_is_no_clip_is_an_error_and_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("notes.txt"), "these are words").unwrap();
    fails(1, &["-q", "matte", "notes.txt", "-o", "out.mov"], folder.path(), &["notes.txt"]);
    assert_eq!(names(folder.path()), ["notes.txt"]);
}

#[test]
fn raw_logits_and_statistics_are_written_on_request() {
    let folder = TempDir::new().unwrap();
    synth(&folder, "clip", "2");
    let line = ["-q", "matte", "clip/im", "--dump", "logits", "--stats", "stats.json"];
    succeeds(&line, folder.path());
    assert_eq!(names(&folder.path().join("logits")), ["00000.npy", "00001.npy"]);
    let npy = fs::read(folder.path().join("logits/00001.npy")).unwrap();
    assert!(npy.starts_with(b"\x93NUMPY\x01\x00"));
    let header = usize::from(u16::from_le_bytes([npy[8], npy[9]])) + 10;
    let text = String::from_utf8_lossy(&npy[..header]).into_owned();
    assert!(text.contains("'<f4'") && text.contains("(1, 1, 256, 256, )"), "{text}");
    assert_eq!((header % 64, npy.len() - header), (0, 4 * 256 * 256));
    let stats = fs::read(folder.path().join("stats.json")).unwrap();
    let stats: serde_json::Value = serde_json::from_slice(&stats).unwrap();
    assert_eq!(stats["frames"], 2);
    assert!(stats["stages"]["infer"]["median_ms"].as_f64().unwrap() > 0.0, "{stats}");
    assert!(stats["fps"].as_f64().unwrap() > 0.0 && stats["peak_rss_mb"].as_u64().unwrap() > 0);
}

#[test]
fn every_nth_picture_of_a_folder_is_inferred() {
    let folder = TempDir::new().unwrap();
    synth(&folder, "clip", "5");
    let line = ["-q", "matte", "clip/im", "-o", "out/", "--interval", "2", "--stats", "stats.json"];
    succeeds(&line, folder.path());
    let stats = fs::read(folder.path().join("stats.json")).unwrap();
    let stats: serde_json::Value = serde_json::from_slice(&stats).unwrap();
    assert_eq!((&stats["frames"], &stats["inferred"]), (&5.into(), &3.into()), "{stats}");
}

#[test]
fn an_interrupted_run_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    synth(&folder, "clip.mkv", "200");
    let mut child = command(&["-q", "matte", "clip.mkv", "-o", "out.mov"], folder.path())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while names(folder.path()).len() < 2 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(names(folder.path()).len(), 2, "the run never started to write");
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert_eq!(names(folder.path()), ["clip.mkv"]);
}

#[test]
fn engines_are_listed_shown_and_built_into_a_folder() {
    let folder = TempDir::new().unwrap();
    let list = succeeds(&["engine", "list"], folder.path());
    assert!(list.contains("nano") && list.contains("base-plus"), "{list}");
    assert!(succeeds(&["engine", "show", "nano"], folder.path()).contains("256"));
    fails(1, &["engine", "show", "giant"], folder.path(), &["giant"]);
    succeeds(&["engine", "build", "nano", "--random-weights", "1", "-o", "cache"], folder.path());
    assert!(!names(&folder.path().join("cache")).is_empty());
}
