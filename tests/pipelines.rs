//! Each script of `pipelines/`, run as a user runs it, on tiny clips; alpha and counts of what it writes.
//!
//! They run with nano's random weights: what is checked is that every frame arrives with its alpha,
//! not what the matte looks like.
#![allow(clippy::unwrap_used)]
use gst::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;
use tempfile::TempDir;

/// Width, height and frames of the tiny clip.
const SIZE: &str = "96x64";
const FRAMES: usize = 6;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where cargo has put the program and, beside it, the plugin of the same profile.
fn built() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_mgdsam2")).parent().unwrap().into()
}

/// Runs `pipelines/<script>` with arguments; what it printed, once it has succeeded.
fn run(script: &str, arguments: &[&str], folder: &Path) -> String {
    let output = Command::new(root().join("pipelines").join(script))
        .args(arguments)
        .current_dir(folder)
        .env("MGDSAM2_BIN", built())
        .env("GST_REGISTRY", folder.join(".registry"))
        .envs([("FRAMES", "6"), ("SIZE", SIZE)])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}: {text}\n{errors}");
    assert!(text.contains("gst-launch-1.0 "), "{script} prints no line: {text}");
    text
}

fn synth(out: &Path) {
    let out = out.to_str().unwrap();
    let line = ["-q", "synth", "--frames", "6", "--size", SIZE, "--out", out];
    assert!(Command::new(env!("CARGO_BIN_EXE_mgdsam2")).args(line).status().unwrap().success());
}

/// Every frame of `file`, as packed `format`.
fn frames(file: &Path, format: &str) -> Vec<Vec<u8>> {
    static GSTREAMER: Once = Once::new();
    GSTREAMER.call_once(|| gst::init().unwrap());
    let line = format!(
        "filesrc name=in ! decodebin ! videoconvert ! video/x-raw,format={format} ! appsink name=out sync=false"
    );
    let pipeline = gst::parse::launch(&line).unwrap().downcast::<gst::Pipeline>().unwrap();
    pipeline.by_name("in").unwrap().set_property("location", file);
    let sink = pipeline.by_name("out").unwrap().downcast::<gst_app::AppSink>().unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let patience = gst::ClockTime::from_seconds(20);
    let mut frames = Vec::new();
    while let Some(sample) = sink.try_pull_sample(patience) {
        frames.push(sample.buffer().unwrap().map_readable().unwrap().to_vec());
    }
    assert!(sink.is_eos(), "{}: no end of stream", file.display());
    pipeline.set_state(gst::State::Null).unwrap();
    frames
}

fn alpha(rgba: &[u8]) -> impl Iterator<Item = u8> + '_ {
    rgba.chunks(4).map(|pixel| pixel[3])
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn the_demo_writes_five_files_whose_alpha_is_one_and_the_same() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("demo");
    let text = run("demo.sh", &["--out", out.to_str().unwrap()], folder.path());
    assert!(text.contains("mgdsam2matte"), "{text}");
    let expected = ["composite.mp4", "matte.mkv", "matte.mov", "sheet.png", "stats.json"];
    assert_eq!(names(&out), expected);

    let (ffv1, prores) =
        (frames(&out.join("matte.mkv"), "BGRA"), frames(&out.join("matte.mov"), "BGRA"));
    assert_eq!((ffv1.len(), prores.len()), (FRAMES, FRAMES));
    for (exact, near) in ffv1.iter().zip(&prores) {
        let difference = alpha(exact).zip(alpha(near)).map(|(a, b)| a.abs_diff(b)).max();
        assert!(difference <= Some(1), "ProRes changed alpha by {difference:?}");
    }
    assert_eq!(frames(&out.join("composite.mp4"), "I420").len(), FRAMES);

    let stats: serde_json::Value =
        serde_json::from_slice(&fs::read(out.join("stats.json")).unwrap()).unwrap();
    assert_eq!(stats["frames"], FRAMES);
    for stage in ["prepare", "infer", "refine", "composite"] {
        assert!(stats["stages"][stage]["p95_ms"].as_f64().unwrap() > 0.0, "{stage}: {stats}");
    }
}

/// The element's own output, kept without loss, is what the FFV1 file must hold.
#[test]
fn ffv1_keeps_alpha_exactly_and_prores_within_one() {
    let folder = TempDir::new().unwrap();
    let clip = folder.path().join("clip.mkv");
    synth(&clip);
    for name in ["matte.mkv", "matte.mov"] {
        // In bf16 OpenVINO's sums differ in the last bit from one run to the next, now and then.
        run("file.sh", &["clip.mkv", name, "weights=random:1", "precision=f32"], folder.path());
    }
    let synth_folder = folder.path().join("frames");
    synth(&synth_folder);
    let line = ["frames/im", "alpha", "weights=random:1", "precision=f32"];
    run("folder.sh", &line, folder.path());
    let alphas = names(&folder.path().join("alpha"));
    assert_eq!(alphas.len(), FRAMES);
    let (ffv1, prores) = (
        frames(&folder.path().join("matte.mkv"), "BGRA"),
        frames(&folder.path().join("matte.mov"), "BGRA"),
    );
    assert_eq!((ffv1.len(), prores.len()), (FRAMES, FRAMES));
    for ((name, exact), near) in alphas.iter().zip(&ffv1).zip(&prores) {
        let truth = &frames(&folder.path().join("alpha").join(name), "GRAY8")[0];
        let worst = |frame| alpha(frame).zip(truth).map(|(a, t)| a.abs_diff(*t)).max();
        assert_eq!(worst(exact), Some(0), "{name}: FFV1");
        assert!(worst(near) <= Some(1), "{name}: ProRes is off by {:?}", worst(near));
    }
}

#[test]
fn background_ends_with_the_clip_whatever_lies_behind() {
    let folder = TempDir::new().unwrap();
    synth(&folder.path().join("clip.mkv"));
    synth(&folder.path().join("frames"));
    for behind in ["frames/im/00000.png", "clip.mkv"] {
        run("background.sh", &["clip.mkv", behind, "over.mp4"], folder.path());
        assert_eq!(frames(&folder.path().join("over.mp4"), "I420").len(), FRAMES, "{behind}");
    }
}

#[test]
fn camera_writes_a_live_clip_with_alpha() {
    let folder = TempDir::new().unwrap();
    run("camera.sh", &["--out", "live.mkv", "--frames", "30"], folder.path());
    let live = frames(&folder.path().join("live.mkv"), "BGRA");
    // Frames that the model was too slow for are left out, never all of them.
    assert!((1..=30).contains(&live.len()), "{} frames", live.len());
}

#[test]
fn camera_without_a_display_asks_for_a_file() {
    let mut command = Command::new(root().join("pipelines/camera.sh"));
    let output = command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("no display") && said.contains("--out"), "{said}");
}

#[test]
fn wrong_arguments_are_refused_before_any_work() {
    let folder = TempDir::new().unwrap();
    for (script, arguments) in [
        ("file.sh", vec!["none.mkv", "out.mkv"]),
        ("file.sh", vec![]),
        ("folder.sh", vec![".", "out"]),
        ("background.sh", vec!["none.mkv", "none.png", "out.mp4"]),
        ("camera.sh", vec!["--out", "out.avi"]),
        ("demo.sh", vec!["none.mkv"]),
    ] {
        let command = root().join("pipelines").join(script);
        let output =
            Command::new(command).args(&arguments).current_dir(folder.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{script} {arguments:?}");
        assert!(!output.stderr.is_empty(), "{script} {arguments:?}");
    }
    assert!(names(folder.path()).is_empty());
}
