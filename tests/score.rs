//! `mgdsam2 score` and `mgdsam2 report`, seen from outside: what is paired, read, written, refused.
#![allow(clippy::unwrap_used)]
use serde_json::Value;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

const SIDE: u32 = 48;

fn mgdsam2(arguments: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mgdsam2"));
    command.arg("-q").args(arguments).current_dir(folder).env_remove("RUST_LOG").output().unwrap()
}

/// Exit code `code`, or the panic says what was printed; both outputs.
fn ends(code: i32, arguments: &[&str], folder: &Path) -> (String, String) {
    let output = mgdsam2(arguments, folder);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {err}");
    (out, err)
}

/// `score --pred pred --gt gt` by `protocol`, as its JSON says.
fn scores(folder: &Path, protocol: &str, more: &[&str]) -> Value {
    let line =
        ["score", "--pred", "pred", "--gt", "gt", "--protocol", protocol, "--json", "s.json"];
    ends(0, &[&line[..], more].concat(), folder);
    serde_json::from_slice(&fs::read(folder.join("s.json")).unwrap()).unwrap()
}

/// Writes a picture of `SIDE` square whose samples are `bytes`.
fn write(path: &Path, colour: png::ColorType, depth: png::BitDepth, bytes: &[u8]) {
    write_sized(path, (SIDE, SIDE), colour, depth, bytes);
}

fn write_sized(
    path: &Path,
    (width, height): (u32, u32),
    colour: png::ColorType,
    depth: png::BitDepth,
    bytes: &[u8],
) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut encoder = png::Encoder::new(File::create(path).unwrap(), width, height);
    encoder.set_color(colour);
    encoder.set_depth(depth);
    if colour == png::ColorType::Indexed {
        // DAVIS' first colours: black, dark red, dark green.
        encoder.set_palette(vec![0, 0, 0, 128, 0, 0, 0, 128, 0]);
    }
    encoder.write_header().unwrap().write_image_data(bytes).unwrap();
}

fn grey(path: &Path, sample: impl Fn(u32, u32) -> u8) {
    let bytes: Vec<u8> = (0..SIDE * SIDE).map(|i| sample(i % SIDE, i / SIDE)).collect();
    write(path, png::ColorType::Grayscale, png::BitDepth::Eight, &bytes);
}

/// A square of `level`, from column and row `first` on.
fn square(first: u32, level: u8) -> impl Fn(u32, u32) -> u8 {
    move |x, y| {
        if (first..first + 20).contains(&x) && (first..first + 20).contains(&y) { level } else { 0 }
    }
}

#[test]
fn a_prediction_equal_to_the_truth_has_the_best_scores() {
    let folder = TempDir::new().unwrap();
    for frame in 0..3 {
        for side in ["pred", "gt"] {
            grey(
                &folder.path().join(side).join(format!("clip/{frame:05}.png")),
                square(10 + frame, 255),
            );
        }
    }
    let sod = scores(folder.path(), "sod", &[]);
    for (key, best) in [("mae", 0.0), ("f_max", 1.0), ("f_max_of_mean_curve", 1.0), ("mba", 1.0)] {
        assert_eq!(sod["overall"][key], best, "{key}");
    }
    assert_eq!(scores(folder.path(), "dis", &[])["overall"]["hce"], 0.0);
    assert_eq!(scores(folder.path(), "davis", &[])["overall"]["j_and_f"], 1.0);
    let matting = scores(folder.path(), "matting", &[]);
    for key in ["mad", "mse", "grad", "conn", "dtssd"] {
        assert_eq!(matting["overall"][key], 0.0, "{key}");
    }
    assert_eq!(matting["items"][0]["names"], serde_json::json!(["00000", "00001", "00002"]));
    assert_eq!(matting["items"][0]["per_frame"]["mad"].as_array().unwrap().len(), 3);
}

#[test]
fn every_kind_of_ground_truth_means_the_same_mask() {
    let folder = TempDir::new().unwrap();
    grey(&folder.path().join("pred/a.png"), square(12, 200));
    grey(&folder.path().join("gt/a.png"), square(10, 255));
    let expected = scores(folder.path(), "sod", &[])["overall"].clone();
    let path = folder.path().join("gt/a.png");
    let mask = || (0..SIDE * SIDE).map(|i| square(10, 1)(i % SIDE, i / SIDE));
    let sixteen: Vec<u8> = mask().flat_map(|v| [v * 255; 2]).collect();
    let alpha: Vec<u8> = mask().flat_map(|v| [90, 20, 200, v * 255]).collect();
    let opaque: Vec<u8> = mask().flat_map(|v| [v * 255, v * 255, v * 255, 255]).collect();
    let rgb: Vec<u8> = mask().flat_map(|v| [v * 255; 3]).collect();
    let labels: Vec<u8> = mask().collect();
    let bits: Vec<u8> =
        labels.chunks(8).map(|eight| eight.iter().fold(0, |byte, v| byte << 1 | v)).collect();
    use png::{BitDepth::*, ColorType::*};
    for (colour, depth, bytes) in [
        (Grayscale, Sixteen, sixteen),
        (Rgba, Eight, alpha),
        (Rgba, Eight, opaque),
        (Rgb, Eight, rgb),
        (Indexed, Eight, labels),
        (Indexed, One, bits.clone()),
        (Grayscale, One, bits),
    ] {
        write(&path, colour, depth, &bytes);
        assert_eq!(scores(folder.path(), "sod", &[])["overall"], expected, "{colour:?} {depth:?}");
    }
}

#[test]
fn mattes_of_sixteen_bits_are_scored_in_sixteen_bits() {
    let folder = TempDir::new().unwrap();
    for (side, low) in [("pred", 1), ("gt", 0)] {
        let bytes: Vec<u8> = (0..SIDE * SIDE).flat_map(|_| [128, low]).collect();
        let path = folder.path().join(side).join("clip/0.png");
        write(&path, png::ColorType::Grayscale, png::BitDepth::Sixteen, &bytes);
    }
    let mad = scores(folder.path(), "matting", &[])["overall"]["mad"].as_f64().unwrap();
    assert!((mad - 1000.0 / 65535.0).abs() < 1e-4, "{mad}");
}

#[test]
fn labels_of_a_palette_are_objects_of_their_own() {
    let folder = TempDir::new().unwrap();
    let two = |found: u8| {
        move |i: u32| {
            square(2, 1)(i % SIDE, i / SIDE).max(found * square(24, 2)(i % SIDE, i / SIDE))
        }
    };
    let write_labels = |side: &str, label: &dyn Fn(u32) -> u8| {
        let bytes: Vec<u8> = (0..SIDE * SIDE).map(label).collect();
        write(
            &folder.path().join(side).join("clip/0.png"),
            png::ColorType::Indexed,
            png::BitDepth::Eight,
            &bytes,
        );
    };
    write_labels("gt", &two(1));
    write_labels("pred", &two(0));
    let found = scores(folder.path(), "davis", &[]);
    assert_eq!(found["items"][0]["objects"].as_array().unwrap().len(), 2);
    assert_eq!(found["overall"]["j_mean"], 0.5);
    let binary = scores(folder.path(), "davis", &["--objects", "binary"]);
    assert_eq!(binary["overall"]["objects"], 1);
}

#[test]
fn empty_and_full_masks_have_scores_or_null() {
    let folder = TempDir::new().unwrap();
    for (name, level) in [("empty", 0), ("full", 255)] {
        grey(&folder.path().join("gt").join(name).with_extension("png"), |_, _| level);
        grey(&folder.path().join("pred").join(name).with_extension("png"), square(5, 255));
    }
    let found = scores(folder.path(), "dis", &["--csv", "s.csv"]);
    assert_eq!(found["items"].as_array().unwrap().len(), 2);
    assert_eq!(found["items"][0]["scores"]["mba"], Value::Null);
    assert!(found["items"][0]["scores"]["mae"].as_f64().unwrap() > 0.1);
    let csv = fs::read_to_string(folder.path().join("s.csv")).unwrap();
    let widths: Vec<_> = csv.lines().map(|line| line.split(',').count()).collect();
    assert_eq!((widths.len(), widths.iter().min()), (4, widths.iter().max()), "{csv}");
    let keys = found["columns"].as_array().unwrap().iter();
    let keys: Vec<_> = keys.map(|column| column["key"].as_str().unwrap()).collect();
    assert_eq!(csv.lines().next().unwrap(), format!("item,frames,{},error", keys.join(",")));
}

#[test]
fn what_cannot_be_scored_is_named_and_the_rest_is_scored() {
    let folder = TempDir::new().unwrap();
    let at = |path: &str| folder.path().join(path);
    for side in ["pred", "gt"] {
        grey(&at(side).join("good/0.png"), square(8, 255));
        grey(&at(side).join("short/0.png"), square(8, 255));
        grey(&at(side).join("short/2.png"), square(8, 255));
    }
    grey(&at("gt/short/1.png"), square(8, 255));
    grey(&at("gt/absent/0.png"), square(8, 255));
    grey(&at("gt/other/0.png"), square(8, 255));
    let narrow = vec![0; 40 * 30];
    write_sized(
        &at("pred/other/0.png"),
        (40, 30),
        png::ColorType::Grayscale,
        png::BitDepth::Eight,
        &narrow,
    );
    grey(&at("gt/torn/0.png"), square(8, 255));
    fs::create_dir_all(at("pred/torn")).unwrap();
    fs::write(at("pred/torn/0.png"), b"\x89PNG\r\n\x1a\n torn").unwrap();
    for protocol in ["sod", "davis", "matting"] {
        let line =
            ["score", "--pred", "pred", "--gt", "gt", "--protocol", protocol, "--json", "s.json"];
        let (_, errors) = ends(2, &line, folder.path());
        for words in ["`absent`", "`short`", "first missing is `1`", "40x30", "48x48", "torn/0.png"]
        {
            assert!(errors.contains(words), "`{words}` is not in:\n{errors}");
        }
        let found: Value = serde_json::from_slice(&fs::read(at("s.json")).unwrap()).unwrap();
        assert_eq!(found["items"].as_array().unwrap().len(), 1, "{protocol}");
        assert_eq!(found["failed"].as_array().unwrap().len(), 4, "{protocol}");
    }
}

#[test]
fn nothing_scored_is_exit_code_1_and_writes_nothing() {
    let folder = TempDir::new().unwrap();
    grey(&folder.path().join("gt/a/0.png"), square(8, 255));
    grey(&folder.path().join("gt/b/0.png"), square(8, 255));
    grey(&folder.path().join("pred/c/0.png"), square(8, 255));
    let line = ["score", "--pred", "pred", "--gt", "gt", "--protocol", "sod", "--json", "s.json"];
    let (_, errors) = ends(1, &line, folder.path());
    assert!(errors.contains("none of 2 items"), "{errors}");
    assert!(!folder.path().join("s.json").exists());
    let (_, errors) =
        ends(1, &["score", "--pred", "none", "--gt", "gt", "--protocol", "sod"], folder.path());
    assert!(errors.contains("none"), "{errors}");
}

#[test]
fn scores_do_not_depend_on_the_number_of_threads() {
    let folder = TempDir::new().unwrap();
    for i in 0..7 {
        grey(&folder.path().join(format!("gt/{i}.png")), square(3 * i, 255));
        grey(&folder.path().join(format!("pred/{i}.png")), |x, y| (x * 5 + y * i) as u8);
    }
    let with = |threads: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mgdsam2"));
        let line = ["-q", "score", "--pred", "pred", "--gt", "gt", "--protocol", "dis"];
        let done = command.args(line).env("RAYON_NUM_THREADS", threads).current_dir(folder.path());
        done.output().unwrap().stdout
    };
    assert_eq!(with("1"), with("4"));
}

/// A procedural clip, matted into folder and movie, its scores and its report.
fn reported(folder: &Path) -> String {
    ends(0, &["synth", "--out", "clip", "--frames", "3", "--size", "96x64"], folder);
    let f32 = ["--precision", "f32"];
    ends(0, &[&["matte", "clip/im", "-o", "out/clip/", "--alpha-only"], &f32[..]].concat(), folder);
    let line =
        ["score", "--pred", "out", "--gt", "clip", "--protocol", "sod", "--json", "out/score.json"];
    ends(0, &line, folder);
    let done = r#"{"item":"clip","frames":3,"seconds":1.5,"stages":{"infer":9.0},"status":"done"}"#;
    fs::write(folder.join("out/result.jsonl"), format!("{done}\n{{\"item\": \"to")).unwrap();
    ends(0, &["report", "out"], folder);
    fs::read_to_string(folder.join("out/report.html")).unwrap()
}

#[test]
fn a_movie_scores_as_its_frames_in_a_folder_and_a_report_holds_all_it_shows() {
    let folder = TempDir::new().unwrap();
    let page = reported(folder.path());
    let outside: Vec<_> = page.match_indices("://").collect();
    assert_eq!(outside.len(), page.matches("http://www.w3.org/2000/svg").count());
    assert!(page.contains("data:image/jpeg;base64,") && page.contains("cut-out"));
    assert!(!page.contains("<link rel=\"stylesheet\"") && !page.contains("<script src"));

    // bf16 is not the same twice.
    let line = ["matte", "clip/im", "-o", "movie/clip.mkv", "--precision", "f32"];
    ends(0, &line, folder.path());
    let line =
        ["score", "--pred", "movie", "--gt", "clip", "--protocol", "sod", "--json", "m.json"];
    ends(0, &line, folder.path());
    let read = |path: &str| -> Value {
        serde_json::from_slice(&fs::read(folder.path().join(path)).unwrap()).unwrap()
    };
    assert_eq!(read("m.json")["overall"], read("out/score.json")["overall"]);

    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/report_browser.py");
    let report = folder.path().join("out/report.html");
    let browser =
        Command::new("python3").arg(script).arg(report).arg("--no-install").output().unwrap();
    print!("{}", String::from_utf8_lossy(&browser.stdout));
    assert!(browser.status.success(), "{}", String::from_utf8_lossy(&browser.stderr));
}

#[test]
fn a_study_writes_curves_that_a_report_draws() {
    let folder = TempDir::new().unwrap();
    ends(0, &["synth", "--out", "clip", "--frames", "2", "--size", "90x60"], folder.path());
    let line = ["study", "robustness", "--root", "clip", "--out", "study", "--frames", "1"];
    ends(0, &line, folder.path());
    let study: Value =
        serde_json::from_slice(&fs::read(folder.path().join("study/study.json")).unwrap()).unwrap();
    let curves = study["curves"].as_array().unwrap();
    assert_eq!(curves.len(), 5);
    for curve in curves {
        let points = curve["lines"][2]["points"].as_array().unwrap();
        assert!(
            points.iter().all(|point| (0.0..=1.0).contains(&point[1].as_f64().unwrap())),
            "{curve}"
        );
    }
    ends(0, &["report", "study"], folder.path());
    assert!(folder.path().join("study/report.html").exists());
    let (_, errors) =
        ends(1, &["study", "robustness", "--root", "study", "--out", "x"], folder.path());
    assert!(errors.contains("study"), "{errors}");
}
