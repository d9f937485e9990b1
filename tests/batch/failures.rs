//! What goes wrong with one item does not stop the others.
use crate::tree::{clip, command, ends, picture, results, statuses};
use std::fs;
use tempfile::TempDir;

#[track_caller]
fn assert_statuses(out: &std::path::Path, expected: &[(&str, &str)]) {
    let expected: Vec<_> =
        expected.iter().map(|(item, status)| (item.to_string(), status.to_string())).collect();
    assert_eq!(statuses(out), expected);
}

#[test]
fn bad_clips_are_reported_with_their_reasons_and_the_others_go_on() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    clip(&data.join("good"), 2);
    clip(&data.join("torn"), 3);
    fs::write(data.join("torn/00001.png"), b"not a picture").unwrap();
    fs::create_dir(data.join("empty")).unwrap();
    fs::write(data.join("words.mp4"), "these are words").unwrap();
    let rows = ["empty", "good", "missing", "torn", "words"].map(|name| match name {
        "words" => "words,words.mp4\n".into(),
        name => format!("{name},{name}\n"),
    });
    fs::write(data.join("list.csv"), format!("item,source\n{}", rows.concat())).unwrap();
    let line = ["batch", "--manifest", "data/list.csv", "--out", "out"];
    let (_, err) = ends(2, &line, folder.path());
    let out = folder.path().join("out");
    let failed = ["empty", "missing", "torn", "words"].map(|name| (name, "failed"));
    assert_statuses(&out, &[failed[0], ("good", "done"), failed[1], failed[2], failed[3]]);
    let reasons =
        [("empty", "expected pictures"), ("missing", "No such file"), ("torn", "00001.png")];
    for (item, line) in results(&out) {
        let reason = line["error"].as_str().unwrap_or_default();
        assert!(reasons.iter().all(|(name, words)| *name != item || reason.contains(words)));
        assert!(item == "good" || err.contains(reason), "{err}");
    }
    // Nothing is left of what failed, and it is tried again.
    assert_eq!(fs::read_dir(out.join("mattes")).unwrap().count(), 1);
    picture(&data.join("torn/00001.png"), 1);
    ends(2, &line, folder.path());
    assert_statuses(&out, &[failed[0], ("good", "done"), failed[1], ("torn", "done"), failed[3]]);
}

#[test]
fn a_batch_of_which_nothing_can_be_done_is_exit_code_1() {
    let folder = TempDir::new().unwrap();
    fs::create_dir_all(folder.path().join("data/empty")).unwrap();
    let (_, err) = ends(1, &["batch", "--root", "data", "--out", "out"], folder.path());
    assert!(err.contains("none of 1 items"), "{err}");
    assert_statuses(&folder.path().join("out"), &[("empty", "failed")]);
}

#[test]
fn a_matte_that_does_not_fit_on_the_disk_fails_alone() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let size = "320x240";
    for (name, frames) in [("large", "12"), ("small", "1"), ("tiny", "1")] {
        let out = format!("data/{name}.mkv");
        fs::create_dir_all(&data).unwrap();
        ends(0, &["synth", "--out", &out, "--frames", frames, "--size", size], folder.path());
    }
    let program = command(&[], folder.path()).get_program().to_owned();
    // No file may be larger than 512 kB. Whoever ignores the signal gets an error like a full disk's.
    let limited = std::process::Command::new("bash")
        .args(["-c", "trap '' XFSZ; ulimit -f 512; exec \"$@\"", "bash"])
        .arg(program)
        .args(["-q", "batch", "--root", "data", "--format", "mkv", "--out", "out"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let err = String::from_utf8_lossy(&limited.stderr);
    assert_eq!(limited.status.code(), Some(2), "{err}");
    let out = folder.path().join("out");
    assert_statuses(&out, &[("large", "failed"), ("small", "done"), ("tiny", "done")]);
    assert!(!out.join("mattes/large.mkv").exists());
    ends(0, &["batch", "--root", "data", "--format", "mkv", "--out", "out"], folder.path());
    assert_statuses(&out, &[("large", "done"), ("small", "done"), ("tiny", "done")]);
}

#[test]
fn another_job_does_not_mix_with_what_is_there() {
    let folder = TempDir::new().unwrap();
    picture(&folder.path().join("data/a.png"), 1);
    let line = ["batch", "--dataset", "stills", "--root", "data", "--out", "out"];
    ends(0, &line, folder.path());
    let (_, err) = ends(1, &[&line[..], &["--format", "png16"]].concat(), folder.path());
    assert!(err.contains("another `format`") && err.contains("png8"), "{err}");
    // How many at a time is nothing that results depend on.
    ends(0, &[&line[..], &["--lanes", "1"]].concat(), folder.path());
}

#[test]
fn an_output_within_the_data_is_refused() {
    let folder = TempDir::new().unwrap();
    clip(&folder.path().join("data/a"), 1);
    let (_, err) = ends(1, &["batch", "--root", "data", "--out", "data/out"], folder.path());
    assert!(err.contains("outside of"), "{err}");
}
