//! Recipes are read strictly; engines come out of the cache whole, or are built again.
#![allow(clippy::unwrap_used)]
use gstmgdsam2::backend::Tensor;
use gstmgdsam2::engines::cache::Cache;
use gstmgdsam2::engines::entry::{Entry, Identity, Manifest};
use gstmgdsam2::engines::{self, BackendChoice, BuiltGraph, Recipe, Request, Weights};
use gstmgdsam2::session::{Exchange, Frame};
use gstmgdsam2::signature::Precision;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{env, fs};

const TOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tiny.toml");
const CACHE_VARIABLE: &str = "MGDSAM2_TEST_CACHE";

#[test]
fn every_recipe_reads() {
    for name in Recipe::list() {
        let recipe = Recipe::find(name).unwrap();
        assert_eq!(recipe.name, name);
        assert!(!recipe.title.is_empty() && !recipe.description.is_empty());
    }
    assert_eq!(Recipe::find(TOY).unwrap().name, "tiny");
}

#[test]
fn a_recipe_with_an_unknown_field_is_an_error_at_its_line() {
    let text = fs::read_to_string(TOY).unwrap();
    let line_of = |text: &str, what| 1 + text.lines().position(|l| l.contains(what)).unwrap();
    for section in ["[weights]", "[model]", "[openvino]"] {
        let text = text.replace(section, &format!("{section}\ncolour = 1"));
        let message = Recipe::parse("toy", &text).unwrap_err().to_string();
        let line = format!("recipe `toy`, line {}: ", line_of(&text, "colour"));
        assert!(message.starts_with(&line) && message.contains("`colour`"), "{message}");
    }
    let missing = text.replace("embed_dim = 8", "");
    let message = Recipe::parse("toy", &missing).unwrap_err().to_string();
    assert!(message.contains("`embed_dim`"), "{message}");
    let wrong = text.replace("embed_dim = 8", "embed_dim = -8");
    let message = Recipe::parse("toy", &wrong).unwrap_err().to_string();
    assert!(message.contains(&format!("line {}", line_of(&wrong, "-8"))), "{message}");
}

#[test]
fn sizes_that_no_model_has_are_errors() {
    let text = fs::read_to_string(TOY).unwrap();
    let dimensions = text.lines().skip_while(|l| *l != "[model]").skip(1);
    for line in dimensions.take_while(|l| !l.is_empty()) {
        let (field, value) = line.split_once(" = ").unwrap();
        for odd in ["0", "70000"] {
            let first_number = value.trim_start_matches('[').split([',', ']']).next().unwrap();
            let changed = format!("{field} = {}", value.replacen(first_number, odd, 1));
            let parsed = Recipe::parse("toy", &text.replace(line, &changed));
            let counts_from_0 = field == "global_att_blocks" && odd == "0";
            assert_eq!(parsed.is_ok(), counts_from_0, "{changed}: {parsed:?}");
        }
    }
}

#[test]
fn mutated_recipes_and_entries_never_panic() {
    let folder = tempfile::tempdir().unwrap();
    let entry = build(&toy(folder.path())).entry.unwrap().path;
    let (recipe, manifest) = (fs::read(TOY).unwrap(), entry.join("manifest.json"));
    let whole = fs::read(&manifest).unwrap();
    let mut random = Pcg64::seed_from_u64(3);
    let mut refused = 0;
    for _ in 0..2000 {
        let text = mutant(&recipe, &mut random);
        refused += usize::from(Recipe::parse("mutant", &String::from_utf8_lossy(&text)).is_err());
        let changed = mutant(&whole, &mut random);
        fs::write(&manifest, &changed).unwrap();
        // A note for people may change; what vouches for the engine may not.
        let vouches = |json: &[u8]| Manifest::parse(json).map(|m| (m.identity.key(), m.sha256));
        let same = vouches(&changed) == vouches(&whole);
        assert!(same || Entry::at(&entry).verify().is_err(), "{changed:?}");
    }
    assert!(refused > 500, "only {refused} of 2000 recipes were refused");
}

/// A few bytes overwritten, removed or doubled.
fn mutant(good: &[u8], random: &mut Pcg64) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for _ in 0..random.random_range(1..4) {
        let at = random.random_range(0..bytes.len());
        match random.random_range(0..4) {
            0 => bytes[at] = random.random(),
            1 => bytes[at] ^= 1 << random.random_range(0..8),
            2 => drop(bytes.remove(at)),
            _ => bytes.insert(at, bytes[at]),
        }
    }
    bytes
}

#[test]
fn an_unknown_model_is_an_error_that_lists_the_known() {
    let message = Recipe::find("huge").unwrap_err().to_string();
    assert!(message.contains("`huge`") && message.contains("base-plus"), "{message}");
}

#[test]
fn a_recipe_without_weights_asks_for_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let request = Request { weights: Weights::default(), ..toy(folder.path()) };
    let message = engines::build(&request, &mut |_| ()).unwrap_err().to_string();
    assert!(message.contains("checkpoint"), "{message}");
}

#[test]
fn dimensions_that_make_no_model_are_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("odd.toml");
    let text = fs::read_to_string(TOY).unwrap().replace("inp_size = 64", "inp_size = 65");
    fs::write(&path, text).unwrap();
    let request = Request { model: path.to_str().unwrap().into(), ..toy(folder.path()) };
    let message = engines::build(&request, &mut |_| ()).unwrap_err().to_string();
    assert!(message.contains("inp_size"), "{message}");
}

#[test]
fn an_engine_is_built_once_and_runs_the_same_from_the_cache() {
    let folder = tempfile::tempdir().unwrap();
    let request = toy(folder.path());
    let mut stages = Vec::new();
    let mut first = engines::open(&request, &mut |p| stages.push(p)).unwrap();
    assert!(stages.windows(2).all(|p| p[0].fraction <= p[1].fraction), "{stages:?}");
    assert!(stages.iter().any(|p| p.stage == "compiling"), "{stages:?}");
    assert_eq!(stages.last().unwrap().fraction, 1.0);

    stages.clear();
    let mut second = engines::open(&request, &mut |p| stages.push(p)).unwrap();
    assert!(!stages.iter().any(|p| p.stage == "compiling"), "{stages:?}");
    assert_eq!(second.precision, Precision::F32);
    assert!(second.backend.starts_with("openvino 20"), "{}", second.backend);
    assert!(second.warnings.iter().any(|w| w.contains("random weights")));

    let side = first.session.side();
    let picture = Tensor::U8((0..3 * side * side).map(|i| (i % 255) as u8).collect());
    let logits = [&mut first, &mut second].map(|opened| {
        let mut exchange = Exchange::new(side);
        exchange.image = picture.clone().into();
        opened.session.step(&Frame::default(), &mut exchange).unwrap();
        exchange.logits.tensor().unwrap().clone()
    });
    assert_eq!(logits[0], logits[1]);
}

#[test]
fn weights_blocks_and_precision_have_entries_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let request = toy(folder.path());
    let others = [
        Request { weights: Weights::random(8), ..request.clone() },
        Request { model: format!("{TOY}~mcem"), ..request.clone() },
        Request { precision: Some(Precision::Bf16), ..request.clone() },
    ];
    build(&request);
    for other in others {
        let first = build(&other);
        // Without bf16 instructions the last one is the first one again.
        assert!(!first.reused || first.precision == Precision::F32 && other.precision.is_some());
        assert!(build(&other).reused);
    }
    let entries = engines::list_cache(request.cache).unwrap();
    assert!(entries.len() >= 2 && entries.iter().all(|entry| entry.verify().is_ok()));
}

#[test]
fn every_damage_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let entry = build(&toy(folder.path())).entry.unwrap();
    let payload = fs::read(entry.path.join("engine.bin")).unwrap();
    let manifest = fs::read(entry.path.join("manifest.json")).unwrap();
    let mut flipped = payload.clone();
    flipped[payload.len() / 2] ^= 1;
    let later =
        String::from_utf8(manifest.clone()).unwrap().replace("\"format\": 2", "\"format\": 3");
    let damages: [(&str, &[u8]); 7] = [
        ("engine.bin", &flipped),
        ("engine.bin", &payload[..payload.len() - 1]),
        ("engine.bin", b""),
        ("manifest.json", b"{}"),
        ("manifest.json", b"\xff"),
        ("manifest.json", &manifest[..manifest.len() - 2]),
        ("manifest.json", later.as_bytes()),
    ];
    for (file, content) in damages {
        let whole = if file == "engine.bin" { &payload } else { &manifest };
        fs::write(entry.path.join(file), content).unwrap();
        assert!(Entry::at(&entry.path).verify().is_err(), "{file} of {} bytes", content.len());
        fs::write(entry.path.join(file), whole).unwrap();
        Entry::at(&entry.path).verify().unwrap();
    }
}

#[test]
fn damaged_entries_are_built_again() {
    let folder = tempfile::tempdir().unwrap();
    let request = toy(folder.path());
    let entry = build(&request).entry.unwrap().path;
    fs::write(entry.join("engine.bin"), "not an engine").unwrap();
    assert!(!build(&request).reused);
    fs::remove_file(entry.join("manifest.json")).unwrap();
    assert!(!build(&request).reused);
    assert!(build(&request).reused);
}

#[test]
fn a_wrong_index_is_only_slow() {
    let folder = tempfile::tempdir().unwrap();
    let request = toy(folder.path());
    build(&request);
    fs::write(index(folder.path()), "0".repeat(64)).unwrap();
    build(&request);
    assert!(build(&request).reused);
    assert_eq!(engines::list_cache(request.cache).unwrap().len(), 1);
}

#[test]
fn an_interrupted_build_is_removed_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let left = folder.path().join("building-AbCdEf");
    fs::create_dir_all(&left).unwrap();
    fs::write(left.join("engine.bin"), "half of it").unwrap();
    assert!(build(&toy(folder.path())).entry.is_some());
    assert!(!left.exists());
}

#[test]
fn without_a_usable_cache_engines_run_with_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let warned = |request: &Request| {
        let built = engines::build(request, &mut |_| ()).unwrap();
        assert!(built.graphs[0].entry.is_none());
        assert!(built.warnings.iter().any(|w| w.contains("cache")), "{:?}", built.warnings);
    };
    // A file is in the way of the folder.
    fs::write(folder.path().join("file"), "").unwrap();
    warned(&toy(&folder.path().join("file/cache")));
    // A folder is in the way of the lock.
    fs::create_dir_all(folder.path().join("a/lock")).unwrap();
    warned(&toy(&folder.path().join("a")));
    // A folder is in the way of the index.
    let request = toy(&folder.path().join("b"));
    build(&request);
    let index = index(&folder.path().join("b"));
    fs::remove_file(&index).unwrap();
    fs::create_dir_all(index.join("in the way")).unwrap();
    warned(&request);
}

#[test]
fn two_processes_build_one_entry() {
    let folder = tempfile::tempdir().unwrap();
    let children: [Child; 2] = std::array::from_fn(|_| {
        Command::new(env::current_exe().unwrap())
            .args(["--exact", "child_builds_the_toy", "--ignored", "--nocapture"])
            .env(CACHE_VARIABLE, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    });
    let outputs = children.map(|child| {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    });
    let reused = outputs.iter().filter(|text| text.contains("reused: true")).count();
    assert_eq!(reused, 1, "{outputs:?}");
    let entries = engines::list_cache(Some(folder.path().into())).unwrap();
    assert_eq!(entries.len(), 1);
    entries[0].verify().unwrap();
}

#[test]
#[ignore = "run by two_processes_build_one_entry, in processes of its own"]
fn child_builds_the_toy() {
    let folder = PathBuf::from(env::var_os(CACHE_VARIABLE).unwrap());
    println!("reused: {}", build(&toy(&folder)).reused);
}

#[test]
fn everything_in_an_identity_is_in_its_key() {
    let identity = Identity {
        graph_sha256: "a".into(),
        precision: Precision::F32,
        backend: "b".into(),
        device: "c".into(),
    };
    let others = [
        Identity { graph_sha256: "x".into(), ..identity.clone() },
        Identity { precision: Precision::Bf16, ..identity.clone() },
        Identity { backend: "x".into(), ..identity.clone() },
        Identity { device: "x".into(), ..identity.clone() },
    ];
    assert!(others.iter().all(|other| other.key() != identity.key()));
}

#[test]
fn why_an_engine_does_not_serve_is_said_in_words() {
    let wanted = Identity {
        graph_sha256: String::new(),
        precision: Precision::F16,
        backend: "TensorRT-RTX 1.7.1".into(),
        device: "sm_8.9".into(),
    };
    let found = Identity { graph_sha256: "0".repeat(64), ..wanted.clone() };
    let told = wanted.difference(&found).unwrap();
    assert_eq!(told, "graph: the program, the recipe or the weights have changed");
    let found = Identity { backend: "TensorRT-RTX 1.6.0".into(), ..wanted.clone() };
    let told = wanted.difference(&found).unwrap();
    assert_eq!(told, "version: expected TensorRT-RTX 1.7.1, found TensorRT-RTX 1.6.0");
    assert_eq!(wanted.difference(&wanted), None);
}

#[test]
fn a_manifest_of_another_entry_vouches_for_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let entry = build(&toy(folder.path())).entry.unwrap().path;
    let moved = entry.with_file_name("0".repeat(64));
    fs::rename(&entry, &moved).unwrap();
    assert!(Entry::at(&moved).verify().is_err());
    assert!(Manifest::parse(&fs::read(moved.join("manifest.json")).unwrap()).is_ok());
}

#[test]
fn an_empty_cache_lists_nothing() {
    let folder = tempfile::tempdir().unwrap();
    assert!(engines::list_cache(Some(folder.path().join("none"))).unwrap().is_empty());
    Cache::open(folder.path()).unwrap();
    assert!(engines::list_cache(Some(folder.path().into())).unwrap().is_empty());
}

fn toy(cache: &Path) -> Request {
    Request {
        model: TOY.into(),
        weights: Weights::random(7),
        backend: BackendChoice::Auto,
        precision: Some(Precision::F32),
        threads: 1,
        cache: Some(cache.into()),
        ..Request::default()
    }
}

/// The only graph of `request`'s recipe.
fn build(request: &Request) -> BuiltGraph {
    engines::build(request, &mut |_| ()).unwrap().graphs.remove(0)
}

/// The only file of the index.
fn index(cache: &Path) -> PathBuf {
    fs::read_dir(cache.join("graphs")).unwrap().next().unwrap().unwrap().path()
}
