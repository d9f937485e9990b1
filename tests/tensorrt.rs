//! TensorRT compiles every graph on a machine without a GPU, and says what is missing to run it.
//!
//! What runs on a GPU is in `gpu.rs`; every recipe in every arithmetic is in `tensorrt_recipes.rs`.
#![cfg(all(feature = "tensorrt", not(feature = "tensorrt-enterprise")))]
#![allow(clippy::unwrap_used)]
use gstmgdsam2::backend::BackendError;
use gstmgdsam2::backend::tensorrt::gpu::Gpu;
use gstmgdsam2::backend::tensorrt::{Compile, Place, Target, TensorRt, compile, library};
use gstmgdsam2::checkpoint::Checkpoint;
use gstmgdsam2::engines::{self, BackendChoice, EngineError, Recipe, Request, Weights};
use gstmgdsam2::model::image_graph;
use gstmgdsam2::onnx::Graph;
use gstmgdsam2::signature::{Precision, image};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::{env, fs};

const TOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tiny.toml");
const PRECISIONS: [Precision; 3] = [Precision::F32, Precision::F16, Precision::Bf16];

/// Whether TensorRT is here; says so if not.
fn has_tensorrt() -> bool {
    match library::load().and_then(|_| library::load_parser()) {
        Ok(()) => true,
        Err(reason) => {
            println!("skipped: {reason}");
            false
        }
    }
}

fn graph(recipe: &str, precision: Precision) -> Vec<u8> {
    let (config, weights) = (Recipe::find(recipe).unwrap().model.unwrap(), Checkpoint::random(1));
    let graph = Graph::new("image", &weights, precision);
    image_graph(graph, &config, &image(config.inp_size)).unwrap().to_bytes().unwrap()
}

/// All that TensorRT-RTX serves in this arithmetic: on Turing it multiplies matrices in f16 alone.
fn targets(precision: Precision) -> Vec<Target> {
    let turing = Target::new(7, 5).unwrap();
    Target::all().filter(|target| precision == Precision::F16 || *target != turing).collect()
}

fn compiled(onnx: &[u8], targets: &[Target]) -> Result<Vec<u8>, BackendError> {
    let (mut plan, progress) = (Vec::new(), &mut |_| ());
    let mut options = Compile { targets, progress, interrupted: || false };
    compile(onnx.to_vec(), &mut plan, &mut options).map(|()| plan)
}

#[test]
fn every_arithmetic_compiles_to_the_same_bytes_twice() {
    if !has_tensorrt() {
        return;
    }
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "child_compiles_twice", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
}

/// Builds that run beside each other in one process now and then change each other's bytes.
#[test]
#[ignore = "run by every_arithmetic_compiles_to_the_same_bytes_twice, in a process of its own"]
fn child_compiles_twice() {
    for precision in PRECISIONS {
        let onnx = graph(TOY, precision);
        let targets = targets(precision);
        let first = compiled(&onnx, &targets).unwrap();
        assert!(!first.is_empty());
        assert!(first == compiled(&onnx, &targets).unwrap(), "{precision:?}");
    }
}

#[test]
fn nano_compiles_for_all_architectures() {
    if has_tensorrt() {
        compiled(&graph("nano", Precision::F16), &targets(Precision::F16)).unwrap();
    }
}

#[test]
fn turing_computes_in_f16_alone() {
    if !has_tensorrt() {
        return;
    }
    for precision in [Precision::F32, Precision::Bf16] {
        let refused = compiled(&graph(TOY, precision), &[Target::new(7, 5).unwrap()]).unwrap_err();
        let message = refused.to_string().to_lowercase();
        assert!(message.contains("sm75"), "{precision:?}: {refused}");
    }
}

#[test]
fn what_tensorrt_reports_comes_with_its_code() {
    if !has_tensorrt() {
        return;
    }
    let refused = compiled(&graph(TOY, Precision::F32), &[Target::new(7, 5).unwrap()]);
    let message = refused.unwrap_err().to_string();
    assert!(message.starts_with("TensorRT: building: k") && message.contains("SM75"), "{message}");
}

#[test]
fn what_is_no_graph_is_an_error_in_tensorrts_words() {
    if !has_tensorrt() {
        return;
    }
    for onnx in [&b""[..], b"not a graph", &graph(TOY, Precision::F32)[..100]] {
        let message = compiled(onnx, &targets(Precision::F32)).unwrap_err().to_string();
        assert!(message.starts_with("TensorRT: "), "{message}");
    }
}

#[test]
fn an_operator_that_tensorrt_lacks_is_an_error_that_names_it() {
    if !has_tensorrt() {
        return;
    }
    // A node's field 4, of 18 bytes, is its operator.
    let (known, unknown) = (b"\x22\x12LayerNormalization", b"\x22\x12LayerNormalisation");
    let mut onnx = graph(TOY, Precision::F32);
    let at = onnx.windows(known.len()).position(|bytes| bytes == known).unwrap();
    onnx[at..at + known.len()].copy_from_slice(unknown);
    let message = compiled(&onnx, &targets(Precision::F32)).unwrap_err().to_string();
    assert!(message.starts_with("TensorRT: reading the graph: "), "{message}");
    assert!(message.contains("LayerNormalisation"), "{message}");
}

#[test]
fn an_interrupted_build_leaves_nothing() {
    if !has_tensorrt() {
        return;
    }
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let interrupted = || ASKED.fetch_add(1, Relaxed) > 2;
    let folder = tempfile::tempdir().unwrap();
    let request = Request { model: "nano".into(), interrupted, ..toy(folder.path()) };
    let error = engines::build(&request, &mut |_| ()).unwrap_err();
    assert!(matches!(error, EngineError::Backend(BackendError::Interrupted)), "{error}");
    assert!(engines::list_cache(request.cache).unwrap().is_empty());
    let names = fs::read_dir(folder.path()).unwrap().map(|item| item.unwrap().file_name());
    assert!(names.into_iter().all(|name| name == "lock" || name == "graphs"));
}

#[test]
fn a_built_engine_serves_each_gpu_it_was_built_for() {
    if !has_tensorrt() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let build = |targets: &[&str]| {
        let targets = targets.iter().map(|target| target.to_string()).collect();
        let request = Request { targets, ..toy(folder.path()) };
        engines::build(&request, &mut |_| ()).unwrap()
    };
    let first = build(&["8.6", "89"]);
    let manifest = first.graphs[0].entry.as_ref().unwrap().manifest.clone().unwrap();
    assert_eq!(manifest.identity.device, "sm_8.6 sm_8.9");
    assert!(manifest.identity.backend.starts_with("TensorRT-RTX 1."), "{manifest:?}");
    assert!(
        [&["89"][..], &["86"], &["89", "86"]].iter().all(|targets| build(targets).graphs[0].reused)
    );

    let other = build(&["120"]);
    assert!(!other.graphs[0].reused);
    let told = other.warnings.join("\n");
    assert!(told.contains("device: expected sm_12.0, found sm_8.6 sm_8.9"), "{told}");
}

#[test]
fn progress_only_grows() {
    if !has_tensorrt() {
        return;
    }
    let (mut seen, targets) = (Vec::new(), [Target::new(8, 9).unwrap()]);
    let onnx = graph(TOY, Precision::F16);
    let progress = &mut |fraction| seen.push(fraction);
    let mut options = Compile { targets: &targets, progress, interrupted: || false };
    compile(onnx, &mut Vec::new(), &mut options).unwrap();
    assert!(seen.len() > 3, "{seen:?}");
    assert!(seen.windows(2).all(|pair| pair[0] < pair[1]) && seen[seen.len() - 1] <= 1.0);
}

#[test]
fn without_a_gpu_each_way_in_says_what_is_missing() {
    if !has_tensorrt() {
        return;
    }
    let Err(missing) = Gpu::detect(0) else {
        println!("skipped: there is a GPU");
        return;
    };
    assert!(missing.to_string().contains("libcuda"), "{missing}");
    let plan = compiled(&graph(TOY, Precision::F16), &targets(Precision::F16)).unwrap();
    let opened = TensorRt::open(plan, &image(64), Place::default());
    assert_eq!(opened.err().unwrap().to_string(), missing.to_string());

    let folder = tempfile::tempdir().unwrap();
    let request = Request { targets: Vec::new(), ..toy(folder.path()) };
    let refused = engines::open(&request, &mut |_| ()).err().unwrap().to_string();
    assert_eq!(refused, missing.to_string());
    let auto = Request { backend: BackendChoice::Auto, precision: None, ..request };
    let opened = engines::open(&auto, &mut |_| ()).unwrap();
    let told = opened.warnings.join("\n");
    assert!(told.contains(&format!("TensorRT is not used: {missing}")), "{told}");
    assert!(opened.backend.contains("libcuda"), "{}", opened.backend);
}

#[test]
fn each_missing_library_has_its_own_message() {
    let empty = tempfile::tempdir().unwrap();
    let message = |folder: &Path| {
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "child_loads_tensorrt", "--ignored", "--nocapture"])
            .env(library::DIR_VARIABLE, folder)
            .output()
            .unwrap();
        String::from_utf8(child.stdout).unwrap()
    };
    let none = message(empty.path());
    assert!(none.contains("no TensorRT-RTX library (libtensorrt_rtx.so*)"), "{none}");
    fs::write(empty.path().join("libtensorrt_rtx.so.1"), "no library").unwrap();
    let damaged = message(empty.path());
    assert!(damaged.contains("libtensorrt_rtx.so.1: "), "{damaged}");
    assert!(none.contains("no TensorRT's ONNX parser library"), "{none}");
}

#[test]
#[ignore = "run by each_missing_library_has_its_own_message, in a process of its own"]
fn child_loads_tensorrt() {
    println!("{}", library::load().unwrap_err());
    println!("{}", library::load_parser().unwrap_err());
}

fn toy(cache: &Path) -> Request {
    Request {
        model: TOY.into(),
        weights: Weights::random(7),
        backend: BackendChoice::TensorRt,
        precision: Some(Precision::F16),
        cache: Some(cache.into()),
        targets: vec!["89".into()],
        ..Request::default()
    }
}
