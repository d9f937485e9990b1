//! ONNX Runtime computes what OpenVINO does, and never on the CPU when a GPU was asked for.
#![cfg(feature = "onnxruntime")]
#![allow(clippy::unwrap_used)]
use gstmgdsam2::backend::onnxruntime::{OnnxRuntime, Provider, library};
use gstmgdsam2::backend::openvino::{OpenVino, Options};
use gstmgdsam2::backend::{BackendError, DeviceRun, Engine, Tensor};
use gstmgdsam2::checkpoint::Checkpoint;
use gstmgdsam2::engines::validation::relative_l2;
use gstmgdsam2::engines::{self, BackendChoice, Recipe, Request, Weights};
use gstmgdsam2::model::image_graph;
use gstmgdsam2::onnx::Graph;
use gstmgdsam2::session::{Exchange, Frame};
use gstmgdsam2::signature::{Precision, Signature, image};
use std::process::Command;
use std::{env, fs};

const TOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tiny.toml");

/// Whether ONNX Runtime is here; says so if not.
fn has_onnxruntime() -> bool {
    library::version().inspect_err(|reason| println!("skipped: {reason}")).is_ok()
}

fn toy() -> (Vec<u8>, Signature) {
    let (config, weights) = (Recipe::find(TOY).unwrap().model.unwrap(), Checkpoint::random(3));
    let signature = image(config.inp_size);
    let graph = Graph::new("image", &weights, Precision::F32);
    (image_graph(graph, &config, &signature).unwrap().to_bytes().unwrap(), signature)
}

fn run(engine: &mut dyn Engine) -> Tensor {
    let [input, output] =
        [&engine.signature().inputs[0], &engine.signature().outputs[0]].map(Tensor::zeros);
    let picture = Tensor::U8((0..input.len()).map(|i| (i * i % 251) as u8).collect());
    let mut outputs = [output];
    engine.run(&[&picture], &mut outputs).unwrap();
    outputs[0].clone()
}

#[test]
fn logits_are_those_of_openvino() {
    if !has_onnxruntime() {
        return;
    }
    let (onnx, signature) = toy();
    let options = Options { precision: Precision::F32, threads: 1 };
    let wanted = run(&mut OpenVino::build(&onnx, &signature, &options).unwrap());
    let provider = Provider::Cpu { threads: 1 };
    let found = run(&mut OnnxRuntime::open(&onnx, &signature, provider).unwrap());
    let distance = relative_l2(&found, &wanted);
    assert!(distance < 1e-5, "{distance:e}");
}

#[test]
fn sessions_are_compared_with_f32_once_and_then_come_out_of_the_cache() {
    if !has_onnxruntime() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let request = Request {
        weights: Weights::random(7),
        backend: BackendChoice::OnnxRuntime(engines::Provider::Cpu),
        cache: Some(folder.path().into()),
        ..Request::default()
    };
    let mut opened = engines::open(&request, &mut |_| ()).unwrap();
    assert!(opened.backend.starts_with("onnxruntime 1."), "{}", opened.backend);
    assert!(opened.backend.ends_with("(CPU)"), "{}", opened.backend);
    let mut exchange = Exchange::new(opened.session.side());
    opened.session.step(&Frame::default(), &mut exchange).unwrap();
    assert!(exchange.logits().iter().any(|logit| *logit != 0.0));
    assert!(engines::build(&request, &mut |_| ()).unwrap().graphs[0].reused);

    let mut stages = Vec::new();
    engines::open(&request, &mut |progress| stages.push(progress.stage)).unwrap();
    assert!(!stages.contains(&"comparing with f32"), "{stages:?}");
    for entry in engines::list_cache(request.cache).unwrap() {
        let validations = entry.manifest.unwrap().validations;
        let validation = validations.get(&opened.backend).unwrap();
        assert!(validation.distance < 1e-4 && validation.f32_blocks.is_empty(), "{validation:?}");
    }
}

/// The toy in f16 under a tolerance that f16 does not meet.
#[test]
fn blocks_that_are_too_coarse_are_rebuilt_in_f32_once_and_recorded() {
    if !has_onnxruntime() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let recipe = folder.path().join("strict.toml");
    let strict = "[tensorrt]\nprecision = \"f16\"\ntolerance = 2e-4\n";
    fs::write(&recipe, format!("{}\n{strict}", fs::read_to_string(TOY).unwrap())).unwrap();
    let request = Request {
        model: recipe.display().to_string(),
        weights: Weights::random(7),
        backend: BackendChoice::OnnxRuntime(engines::Provider::Cpu),
        precision: Some(Precision::F16),
        cache: Some(folder.path().join("cache")),
        ..Request::default()
    };
    let logits = |stages: &mut Vec<&'static str>| {
        let mut opened = engines::open(&request, &mut |p| stages.push(p.stage)).unwrap();
        let mut exchange = Exchange::new(opened.session.side());
        exchange.image_mut().iter_mut().enumerate().for_each(|(i, byte)| *byte = (i / 7) as u8);
        opened.session.step(&Frame::default(), &mut exchange).unwrap();
        (exchange.logits.tensor().unwrap().clone(), opened.warnings, opened.backend)
    };
    let (first, warnings, backend) = logits(&mut Vec::new());
    let told = warnings.join("\n");
    assert!(told.contains("F16 is too coarse here, so these blocks compute in F32"), "{told}");
    let entries = engines::list_cache(request.cache.clone()).unwrap();
    let manifests = entries.into_iter().map(|entry| entry.manifest.unwrap());
    let validations: Vec<_> =
        manifests.filter_map(|manifest| manifest.validations.get(&backend).cloned()).collect();
    let [validation] = &validations[..] else { panic!("{validations:?}") };
    assert!(validation.distance <= 2e-4 && !validation.f32_blocks.is_empty(), "{validation:?}");

    let mut stages = Vec::new();
    let (again, warnings, _) = logits(&mut stages);
    assert!(!stages.contains(&"comparing with f32"), "{stages:?}");
    assert!(!warnings.join("\n").contains("too coarse"), "{warnings:?}");
    assert_eq!(again, first);
}

/// A provider that is not in the library, or whose libraries or GPU are missing.
#[test]
fn a_gpu_that_is_not_there_is_an_error() {
    if !has_onnxruntime() {
        return;
    }
    let (onnx, signature) = toy();
    for provider in [Provider::Cuda(99), Provider::TensorRt(99)] {
        let message = OnnxRuntime::open(&onnx, &signature, provider).err().unwrap().to_string();
        assert!(message.starts_with("ONNX Runtime: asking for its provider: "), "{message}");
    }
}

#[test]
fn an_engine_on_the_cpu_takes_no_device_pointers() {
    if !has_onnxruntime() {
        return;
    }
    let (onnx, signature) = toy();
    let mut engine = OnnxRuntime::open(&onnx, &signature, Provider::Cpu { threads: 1 }).unwrap();
    let run = DeviceRun { inputs: vec![0], outputs: vec![0], stream: 0 };
    // SAFETY: it is refused before any address is looked at.
    let refused = unsafe { engine.run_on_device(run) }.unwrap_err();
    assert!(matches!(refused, BackendError::NoGpu(_)), "{refused}");
}

#[test]
fn what_is_no_graph_is_an_error() {
    if !has_onnxruntime() {
        return;
    }
    let (onnx, signature) = toy();
    for bytes in [&b"not a graph"[..], &onnx[..100]] {
        let provider = Provider::Cpu { threads: 1 };
        let message = OnnxRuntime::open(bytes, &signature, provider).err().unwrap().to_string();
        assert!(message.starts_with("ONNX Runtime: reading the graph: "), "{message}");
    }
    let other = Signature { outputs: vec![], ..signature };
    let provider = Provider::Cpu { threads: 1 };
    assert!(matches!(
        OnnxRuntime::open(&onnx, &other, provider),
        Err(BackendError::Count { what: "outputs", expected: 0, found: 1, .. })
    ));
}

#[test]
fn a_missing_library_is_an_error_that_names_the_place() {
    let empty = tempfile::tempdir().unwrap();
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "child_without_onnxruntime", "--ignored", "--nocapture"])
        .env(library::DIR_VARIABLE, empty.path())
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&child.stdout);
    assert!(output.contains("no ONNX Runtime library (libonnxruntime.so*)"), "{output}");
    assert!(output.contains(empty.path().to_str().unwrap()), "{output}");
}

#[test]
#[ignore = "run by a_missing_library_is_an_error_that_names_the_place, in a process of its own"]
fn child_without_onnxruntime() {
    let (onnx, signature) = toy();
    let provider = Provider::Cpu { threads: 1 };
    println!("{}", OnnxRuntime::open(&onnx, &signature, provider).err().unwrap());
}
