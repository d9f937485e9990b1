//! A batch may be stopped at any moment and goes on where it was.
use crate::tree::{assert_same, clip, command, ends, picture, results, snapshot};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// On one thread, for OpenVINO's sums on several differ from run to run in their last bit.
const STILLS: [&str; 9] =
    ["batch", "--dataset", "stills", "--root", "data", "--out", "out", "--threads", "1"];

fn stills(folder: &Path, count: usize) {
    (0..count).for_each(|i| picture(&folder.join(format!("data/p{i:03}.png")), i));
}

fn spawn(arguments: &[&str], folder: &Path) -> Child {
    command(arguments, folder).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn what_is_finished_is_not_done_again_unless_it_is_gone() {
    let folder = TempDir::new().unwrap();
    stills(folder.path(), 3);
    ends(0, &STILLS, folder.path());
    let out = folder.path().join("out");
    let first = snapshot(&out);
    let journal = || fs::read_to_string(out.join("journal.jsonl")).unwrap().lines().count();
    assert_eq!(journal(), 3);
    let modified = || fs::metadata(out.join("mattes/p001.png")).unwrap().modified().unwrap();
    let before = modified();
    // As if it had been killed after its last item.
    fs::create_dir(out.join("journal.partial")).unwrap();
    ends(0, &STILLS, folder.path());
    assert_same(&snapshot(&out), &first);
    assert_eq!((journal(), modified()), (3, before));
    fs::remove_file(out.join("mattes/p002.png")).unwrap();
    ends(0, &STILLS, folder.path());
    assert_eq!(journal(), 4);
    assert_same(&snapshot(&out), &first);
    picture(&folder.path().join("data/p003.png"), 9);
    ends(0, &STILLS, folder.path());
    assert_eq!(results(&out).len(), 4);
}

#[test]
fn a_torn_last_line_of_the_journal_is_cut_away() {
    let folder = TempDir::new().unwrap();
    stills(folder.path(), 3);
    ends(0, &STILLS, folder.path());
    let out = folder.path().join("out");
    let whole = snapshot(&out);
    let journal = out.join("journal.jsonl");
    let bytes = fs::read(&journal).unwrap();
    // Any cut: in the last line, at its end, in the line before, at the very start.
    for cut in [bytes.len() - 1, bytes.len() - 40, bytes.len() / 2, 1, 0] {
        fs::write(&journal, &bytes[..cut]).unwrap();
        ends(0, &STILLS, folder.path());
        assert_same(&snapshot(&out), &whole);
        let text = fs::read_to_string(&journal).unwrap();
        assert!(text.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
    }
    // Blocks that never reached the disk read as zeros.
    OpenOptions::new().append(true).open(&journal).unwrap().write_all(&[0; 600]).unwrap();
    ends(0, &STILLS, folder.path());
    assert_same(&snapshot(&out), &whole);
}

#[test]
fn a_second_run_on_the_same_journal_is_refused() {
    let folder = TempDir::new().unwrap();
    stills(folder.path(), 1);
    ends(0, &STILLS, folder.path());
    let journal = fs::File::open(folder.path().join("out/journal.jsonl")).unwrap();
    journal.lock().unwrap();
    let merge = &["batch", "--merge", "--out", "out"][..];
    for line in [&STILLS[..], merge] {
        let (_, err) = ends(1, line, folder.path());
        assert!(err.contains("another run is at work"), "{err}");
    }
}

#[test]
fn ctrl_c_and_sigterm_leave_whole_files_and_no_others() {
    let folder = TempDir::new().unwrap();
    stills(folder.path(), 60);
    let out = folder.path().join("out");
    for signal in ["-INT", "-TERM"] {
        let mut child = spawn(&STILLS, folder.path());
        let journal = out.join("journal.jsonl");
        let lines = || fs::read(&journal).map_or(0, |b| b.iter().filter(|b| **b == b'\n').count());
        let (before, deadline) = (lines(), Instant::now() + Duration::from_secs(60));
        while lines() < before + 3 && Instant::now() < deadline {
            sleep(Duration::from_millis(2));
        }
        let pid = child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(2), "{signal}");
        let done = results(&out).len();
        assert!((3..60).contains(&done), "{done} items were done at {signal}");
        assert_eq!(fs::read_dir(out.join("mattes")).unwrap().count(), done);
        assert!(!out.join("journal.partial").exists());
    }
    ends(0, &STILLS, folder.path());
    assert_eq!(results(&out).len(), 60);
}

/// The moments are drawn from the time that an undisturbed run takes; a run that is through before
/// it is killed is compared, and the batch starts anew.
#[test]
fn killed_at_50_random_moments_the_result_is_that_of_an_undisturbed_run() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    (0..4).for_each(|i| clip(&data.join(format!("clip{i}")), 2 + i));
    (0..8).for_each(|i| clip(&data.join(format!("short{i}")), 1));
    let line = ["batch", "--root", "data", "--out", "out", "--threads", "1"];
    let started = Instant::now();
    ends(0, &line, folder.path());
    let undisturbed = started.elapsed();
    let out = folder.path().join("out");
    let expected = snapshot(&out);
    let mut dice = Pcg64Mcg::seed_from_u64(50);
    let (mut kills, mut resumed) = (0, false);
    while kills < 50 || resumed {
        if !resumed && out.exists() {
            fs::remove_dir_all(&out).unwrap();
        }
        let mut child = spawn(&line, folder.path());
        let moment = undisturbed.mul_f64(dice.random_range(0.0..1.0));
        let deadline = Instant::now() + moment;
        let ended = loop {
            match child.try_wait().unwrap() {
                Some(status) => break Some(status),
                None if kills < 50 && Instant::now() >= deadline => break None,
                None => sleep(Duration::from_millis(1)),
            }
        };
        match ended {
            Some(status) => {
                assert_eq!(status.code(), Some(0), "after {kills} kills");
                assert_same(&snapshot(&out), &expected);
            }
            None => {
                child.kill().unwrap();
                child.wait().unwrap();
                kills += 1;
            }
        }
        resumed = ended.is_none();
    }
}

/// The kernel kills whoever writes a file past its limit, in units of 512 bytes.
#[test]
fn nothing_stays_of_a_file_whose_writer_was_killed() {
    let folder = TempDir::new().unwrap();
    stills(folder.path(), 3);
    let out = folder.path().join("out");
    ends(0, &STILLS, folder.path());
    let expected = snapshot(&out);
    let merge = &["batch", "--merge", "--out", "out"][..];
    for (line, limit, name) in [
        (&STILLS[..], "0", "job.toml"),
        (&STILLS, "0", "items.jsonl"),
        (&STILLS, "1", "result.jsonl"),
        (merge, "0", "result.jsonl"),
    ] {
        fs::remove_file(out.join(name)).unwrap();
        let killed = Command::new("sh")
            .args(["-c", "ulimit -f \"$0\" && exec \"$@\"", limit])
            .args([env!("CARGO_BIN_EXE_mgdsam2"), "-q"])
            .args(line)
            .current_dir(folder.path())
            .status();
        assert_eq!(killed.unwrap().signal(), Some(libc::SIGXFSZ), "{name}");
        assert!(!out.join(name).exists(), "{name}");
        ends(0, line, folder.path());
        assert_same(&snapshot(&out), &expected);
    }
}

/// What grows with the number of items would show: 200 more of them, and a picture is 1 kB.
#[test]
fn memory_does_not_grow_with_the_number_of_items() {
    let folder = TempDir::new().unwrap();
    let peak = |count: usize, out: &str| {
        stills(folder.path(), count);
        let line = [&STILLS[..6], &[out]].concat();
        let mut child = spawn(&line, folder.path());
        let status = format!("/proc/{}/status", child.id());
        let mut peak = 0;
        while child.try_wait().unwrap().is_none() {
            let text = fs::read_to_string(&status).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kilobytes =
                line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok());
            peak = kilobytes.unwrap_or(0).max(peak);
            sleep(Duration::from_millis(2));
        }
        assert_eq!(child.wait().unwrap().code(), Some(0));
        peak
    };
    let (few, many): (u64, u64) = (peak(20, "few"), peak(220, "many"));
    println!("peak RSS: {few} kB with 20 items, {many} kB with 220");
    assert!(many < few + few / 8, "{few} kB with 20 items, {many} kB with 220");
}
