//! Published data sets, manifests and plain folders, as small trees.
use crate::tree::{clip, ends, movie, picture, results, statuses};
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// Makes what `path` is called: `name*3/` is a folder of three pictures.
fn make(root: &Path, path: &str) {
    if let Some((name, frames)) = path.strip_suffix('/').and_then(|path| path.split_once('*')) {
        clip(&root.join(name), frames.parse().unwrap());
    } else if path.ends_with(".mkv") {
        movie(&root.join(path), 3);
    } else if let Some((name, text)) = path.split_once(": ") {
        fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
        fs::write(root.join(name), text.replace('|', "\n")).unwrap();
    } else {
        picture(&root.join(path), path.len());
    }
}

/// Mattes the tree of `paths`; checks `(item, source, gt, output, frames)` of each result.
#[track_caller]
fn check(arguments: &[&str], paths: &[&str], expected: &[(&str, &str, &str, &str, u64)]) {
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("data");
    paths.iter().for_each(|path| make(&root, path));
    let line = [&["batch", "--root", "data", "--out", "out"], arguments].concat();
    ends(0, &line, folder.path());
    let out = folder.path().join("out");
    let found = results(&out);
    let text = |line: &Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
    let found: Vec<_> = found
        .iter()
        .map(|(item, line)| {
            let [source, gt, output] = ["source", "gt", "output"].map(|key| text(line, key));
            assert!(out.join(&output).exists(), "{arguments:?}: {output}");
            (item.clone(), source, gt, output, line["frames"].as_u64().unwrap())
        })
        .collect();
    let expected: Vec<_> = expected
        .iter()
        .map(|(item, source, gt, output, n)| {
            let [item, source, gt] = [item, source, gt].map(|text| text.to_string());
            (item, source, gt, format!("mattes/{output}"), *n)
        })
        .collect();
    assert_eq!(found, expected, "{arguments:?}");
}

#[test]
fn davis_s_is_pictures_and_masks() {
    check(
        &["--dataset", "davis-s"],
        &["images/b.png", "images/a.png", "masks/a.png", "masks/b.png", "masks/c.png"],
        &[
            ("a", "images/a.png", "masks/a.png", "a.png", 1),
            ("b", "images/b.png", "masks/b.png", "b.png", 1),
        ],
    );
}

#[test]
fn davis_2016_takes_the_clips_of_its_list() {
    check(
        &["--dataset", "davis-2016"],
        &[
            "JPEGImages/480p/bear*2/",
            "JPEGImages/480p/swan*3/",
            "Annotations/480p/swan*3/",
            "ImageSets/480p/val.txt: /JPEGImages/480p/swan/00000.jpg /Annotations/480p/swan/00000.png|/JPEGImages/480p/swan/00001.jpg /Annotations/480p/swan/00001.png",
        ],
        &[("swan", "JPEGImages/480p/swan", "Annotations/480p/swan", "swan", 3)],
    );
}

#[test]
fn davis_2017_takes_the_split_that_is_asked_for() {
    let tree = [
        "JPEGImages/Full-Resolution/bear*2/",
        "JPEGImages/Full-Resolution/swan*1/",
        "Annotations/Full-Resolution/bear*2/",
        "ImageSets/2017/val.txt: swan|",
        "ImageSets/2017/train.txt: bear|",
    ];
    let bear = "JPEGImages/Full-Resolution/bear";
    check(
        &["--dataset", "davis-2017", "--split", "train"],
        &tree,
        &[("bear", bear, "Annotations/Full-Resolution/bear", "bear", 2)],
    );
    let swan = "JPEGImages/Full-Resolution/swan";
    check(&["--dataset", "davis-2017"], &tree, &[("swan", swan, "", "swan", 1)]);
}

#[test]
fn dis5k_names_its_parts() {
    let tree = [
        "DIS-VD/im/1#a.png",
        "DIS-VD/gt/1#a.png",
        "DIS-TE1/im/1#a.png",
        "DIS-TE1/gt/1#a.png",
        "DIS-TE4/im/9#z.png",
        "DIS-TR/im/never.png",
    ];
    let vd = ("DIS-VD/1#a", "DIS-VD/im/1#a.png", "DIS-VD/gt/1#a.png", "DIS-VD/1#a.png", 1);
    let te1 = ("DIS-TE1/1#a", "DIS-TE1/im/1#a.png", "DIS-TE1/gt/1#a.png", "DIS-TE1/1#a.png", 1);
    let te4 = ("DIS-TE4/9#z", "DIS-TE4/im/9#z.png", "", "DIS-TE4/9#z.png", 1);
    check(&["--dataset", "dis5k"], &tree, &[vd, te1, te4]);
    check(&["--dataset", "dis5k", "--split", "DIS-TE4,DIS-VD"], &tree, &[te4, vd]);
}

#[test]
fn sets_of_salient_objects_are_found_by_their_folders() {
    let sets = [
        ("hrsod", "HRSOD_test", "HRSOD_test_mask"),
        ("uhrsd", "UHRSD_TE_2K/image", "UHRSD_TE_2K/mask"),
        ("uhrsd", "UHRSD_TE/image", "UHRSD_TE/mask"),
        ("duts", "DUTS-TE/DUTS-TE-Image", "DUTS-TE/DUTS-TE-Mask"),
        ("duts", "DUTS-TE-Image", "DUTS-TE-Mask"),
        ("hku-is", "imgs", "gt"),
    ];
    for (dataset, images, masks) in sets {
        let (image, mask) = (format!("{images}/0004.png"), format!("{masks}/0004.png"));
        let expected = ("0004", image.as_str(), mask.as_str(), "0004.png", 1);
        check(&["--dataset", dataset], &[&image, &mask], &[expected]);
    }
}

#[test]
fn v_him_names_its_parts() {
    check(
        &["--dataset", "v-him"],
        &["comp_hard/fgr/v2*1/", "comp_easy/fgr/v1*2/", "comp_easy/pha/v1/00000/00.png"],
        &[
            ("comp_easy/v1", "comp_easy/fgr/v1", "comp_easy/pha/v1", "comp_easy/v1", 2),
            ("comp_hard/v2", "comp_hard/fgr/v2", "", "comp_hard/v2", 1),
        ],
    );
}

#[test]
fn videomatte_has_folders_in_clips_and_clips_in_folders() {
    check(
        &["--dataset", "videomatte"],
        &[
            "videomatte_static/0000/com*2/",
            "videomatte_static/0000/pha*2/",
            "videomatte_static/0000/fgr*2/",
        ],
        &[(
            "videomatte_static/0000",
            "videomatte_static/0000/com",
            "videomatte_static/0000/pha",
            "videomatte_static/0000",
            2,
        )],
    );
    check(
        &["--dataset", "videomatte"],
        &["test/fgr/0000.mkv", "test/pha/0000.mkv"],
        &[("test/0000", "test/fgr/0000.mkv", "test/pha/0000.mkv", "test/0000", 3)],
    );
}

#[test]
fn plain_folders_hold_clips_or_stills() {
    check(
        &[],
        &["one*2/", "two.mkv", "notes.txt: words"],
        &[("one", "one", "", "one", 2), ("two", "two.mkv", "", "two", 3)],
    );
    check(
        &["--dataset", "stills"],
        &["b.png", "a.png", "deeper/c.png"],
        &[("a", "a.png", "", "a.png", 1), ("b", "b.png", "", "b.png", 1)],
    );
}

#[test]
fn a_manifest_is_csv_or_jsonl_with_paths_beside_it() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    ["x/one.png", "x/gt.png", "two*2/"].iter().for_each(|path| make(&data, path));
    fs::write(data.join("list.csv"), "item, source, gt\nA/one, x/one.png, x/gt.png\ntwo, two,\n")
        .unwrap();
    let lines = "{\"item\": \"A/one\", \"source\": \"x/one.png\", \"gt\": \"x/gt.png\"}\n\
                 {\"item\": \"two\", \"source\": \"two\", \"frames\": 2}\n";
    fs::write(data.join("list.jsonl"), lines).unwrap();
    for list in ["csv", "jsonl"] {
        let manifest = format!("data/list.{list}");
        ends(0, &["batch", "--manifest", &manifest, "--out", list], folder.path());
        let results = results(&folder.path().join(list));
        assert_eq!(results[0].0, "A/one");
        assert_eq!(results[0].1["gt"], "x/gt.png");
        assert_eq!(results[0].1["output"], "mattes/A/one.png");
        assert_eq!((results[1].0.as_str(), &results[1].1["gt"]), ("two", &Value::Null));
        assert_eq!(results[1].1["frames"], 2);
    }
}

#[test]
fn names_that_lead_elsewhere_or_meet_are_refused() {
    let folder = TempDir::new().unwrap();
    let refused = [
        ("../up,a.png", "`../up`"),
        ("/etc/x,a.png", "`/etc/x`"),
        (".git,a.png", "`.git`"),
        ("a,a.png\na,b.png", "`a` is there twice"),
        ("a,a.png\na/b,b.png", "`a/b` lies within item `a`"),
    ];
    for (rows, words) in refused {
        fs::write(folder.path().join("list.csv"), format!("item,source\n{rows}\n")).unwrap();
        let line = ["batch", "--manifest", "list.csv", "--out", "out"];
        let (_, err) = ends(1, &line, folder.path());
        assert!(err.contains(words), "{err}");
    }
}

#[test]
fn a_job_file_says_it_all_and_what_is_typed_goes_first() {
    let folder = TempDir::new().unwrap();
    let jobs = folder.path().join("jobs");
    ["data/a.png", "data/b.png"].iter().for_each(|path| make(&jobs, path));
    fs::write(
        jobs.join("job.toml"),
        "dataset = \"stills\"\nroot = \"data\"\nout = \"out\"\nformat = \"png16\"\nlanes = 1\n",
    )
    .unwrap();
    ends(0, &["batch", "jobs/job.toml"], folder.path());
    let done = [("a", "done"), ("b", "done")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(statuses(&jobs.join("out")), done);
    let depth = |path: &Path| {
        let file = std::io::BufReader::new(fs::File::open(path).unwrap());
        png::Decoder::new(file).read_info().unwrap().info().bit_depth
    };
    assert_eq!(depth(&jobs.join("out/mattes/a.png")), png::BitDepth::Sixteen);
    ends(0, &["batch", "jobs/job.toml", "--format", "png8", "--out", "other"], folder.path());
    assert_eq!(depth(&folder.path().join("other/mattes/a.png")), png::BitDepth::Eight);
    fs::write(jobs.join("wrong.toml"), "datset = \"stills\"\n").unwrap();
    let (_, err) = ends(1, &["batch", "jobs/wrong.toml"], folder.path());
    assert!(err.contains("datset"), "{err}");
}

#[test]
fn clips_become_movies_on_request() {
    for format in ["mkv", "mov"] {
        let output = format!("one.{format}");
        check(&["--format", format], &["one*3/"], &[("one", "one", "", &output, 3)]);
    }
}
