//! Shards do what one machine does, and together no more.
use crate::tree::{assert_same, clip, ends, picture, results, snapshot};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

fn data(folder: &Path) {
    (0..7).for_each(|i| clip(&folder.join(format!("data/clip{i}")), 1 + (i * 3) % 5));
}

fn items_of(journal: &Path) -> Vec<String> {
    let text = fs::read_to_string(journal).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.map(|line| line["item"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn merged_shards_are_byte_for_byte_what_one_machine_writes() {
    let folder = TempDir::new().unwrap();
    data(folder.path());
    // On one thread, for OpenVINO's sums on several differ from run to run in their last bit.
    let job = ["batch", "--root", "data", "--threads", "1", "--out"];
    ends(0, &[&job[..], &["whole"]].concat(), folder.path());
    let line = [&job[..], &["out"]].concat();
    for shard in ["2/3", "0/3"] {
        ends(0, &[&line[..], &["--shard", shard]].concat(), folder.path());
    }
    let out = folder.path().join("out");
    assert!(!out.join("result.jsonl").exists());
    // One is missing: that is said, and what is there is told.
    let (told, _) = ends(2, &["batch", "--merge", "--json", "--out", "out"], folder.path());
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["done"].as_u64().unwrap() + told["missing"].as_u64().unwrap(), 7);
    ends(0, &[&line[..], &["--shard", "1/3"]].concat(), folder.path());
    let journals = (0..3).map(|i| items_of(&out.join(format!("journal-{i}-of-3.jsonl"))));
    let mut items: Vec<_> = journals.flatten().collect();
    items.sort();
    assert_eq!(items, (0..7).map(|i| format!("clip{i}")).collect::<Vec<_>>());
    // A shard that is run again changes nothing.
    ends(0, &[&line[..], &["--shard", "1/3"]].concat(), folder.path());
    ends(0, &["batch", "--merge", "--out", "out"], folder.path());
    assert_same(&snapshot(&out), &snapshot(&folder.path().join("whole")));
}

#[test]
fn shards_are_balanced_by_frames_and_keep_their_items_when_data_changes() {
    let folder = TempDir::new().unwrap();
    data(folder.path());
    let line = ["batch", "--root", "data", "--out", "out"];
    ends(0, &[&line[..], &["--shard", "0/2"]].concat(), folder.path());
    // What comes now would change the balance: the listing of the first shard stays.
    clip(&folder.path().join("data/clip00"), 9);
    ends(0, &[&line[..], &["--shard", "1/2"]].concat(), folder.path());
    ends(0, &["batch", "--merge", "--out", "out"], folder.path());
    let out = folder.path().join("out");
    let frames: BTreeMap<_, _> = results(&out)
        .into_iter()
        .map(|(item, line)| (item, line["frames"].as_u64().unwrap()))
        .collect();
    assert_eq!(frames.len(), 7);
    let loads = [0, 1].map(|i| {
        let items = items_of(&out.join(format!("journal-{i}-of-2.jsonl")));
        items.iter().map(|item| frames[item]).sum::<u64>()
    });
    assert!(loads[0].abs_diff(loads[1]) <= 1, "{loads:?}");
}

#[test]
fn a_whole_run_takes_what_shards_have_left() {
    let folder = TempDir::new().unwrap();
    data(folder.path());
    let line = ["batch", "--root", "data", "--out", "out"];
    ends(0, &[&line[..], &["--shard", "0/2"]].concat(), folder.path());
    let out = folder.path().join("out");
    let by_shard = items_of(&out.join("journal-0-of-2.jsonl"));
    ends(0, &line, folder.path());
    let by_rest = items_of(&out.join("journal.jsonl"));
    assert!(by_rest.iter().all(|item| !by_shard.contains(item)));
    assert_eq!((by_shard.len() + by_rest.len(), results(&out).len()), (7, 7));
}

#[test]
fn a_shard_without_items_is_complete() {
    let folder = TempDir::new().unwrap();
    picture(&folder.path().join("data/a.png"), 1);
    let line = ["batch", "--dataset", "stills", "--root", "data", "--out", "out"];
    ends(0, &[&line[..], &["--shard", "3/4"]].concat(), folder.path());
    ends(0, &[&line[..], &["--shard", "0/4"]].concat(), folder.path());
    ends(0, &["batch", "--merge", "--out", "out"], folder.path());
}

#[test]
fn a_shard_is_i_of_n() {
    let folder = TempDir::new().unwrap();
    for wrong in ["4/4", "1", "a/b", "0/0", "-1/3"] {
        let shard = format!("--shard={wrong}");
        let (_, err) = ends(1, &["batch", "--root", ".", "--out", "out", &shard], folder.path());
        assert!(err.contains("expected I/N"), "{err}");
    }
}
