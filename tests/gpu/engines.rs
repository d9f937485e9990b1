//! Engines compute on the GPU what OpenVINO does on the CPU.
use cudarc::driver::{CudaContext, DevicePtr};
use gstmgdsam2::backend::tensorrt::gpu::Gpu;
use gstmgdsam2::backend::tensorrt::{Compile, Place, Target, TensorRt, compile, library};
use gstmgdsam2::backend::{DeviceRun, Engine, Tensor};
use gstmgdsam2::checkpoint::Checkpoint;
use gstmgdsam2::engines::validation::relative_l2;
use gstmgdsam2::engines::{self, BackendChoice, Recipe, Request, Weights};
use gstmgdsam2::model::image_graph;
use gstmgdsam2::onnx::Graph;
use gstmgdsam2::session::{Coverage, Exchange, Frame, Prompt};
use gstmgdsam2::signature::{Precision, image};
use gstmgdsam2::synth::{Clip, Kind};
use std::path::Path;

const PRECISIONS: [(Precision, f64); 3] =
    [(Precision::F32, 1e-3), (Precision::F16, 2e-2), (Precision::Bf16, 5e-2)];

/// Whether there is a GPU that this edition of TensorRT serves; says so if not.
fn has_gpu() -> bool {
    match Gpu::detect(0).and_then(|_| library::load()) {
        Ok(_) => true,
        Err(reason) => {
            println!("skipped: {reason}");
            false
        }
    }
}

fn nano(cache: &Path, backend: BackendChoice, precision: Precision) -> Request {
    Request {
        backend,
        precision: Some(precision),
        weights: Weights::default(),
        cache: Some(cache.into()),
        ..Request::default()
    }
}

fn picture(side: usize) -> Tensor {
    Tensor::U8((0..3 * side * side).map(|i| ((i / 3 % side) ^ (i / 3 / side)) as u8).collect())
}

fn logits(request: &Request) -> Tensor {
    let mut opened = engines::open(request, &mut |_| ()).unwrap();
    let side = opened.session.side();
    let mut exchange = Exchange::new(side);
    exchange.image = picture(side).into();
    // The first run prepares, the second is captured, the third is replayed; each by itself.
    let frame = Frame { is_first: true, ..Frame::default() };
    for _ in 0..3 {
        opened.session.step(&frame, &mut exchange).unwrap();
    }
    println!("{}: {:?}", opened.backend, opened.warnings);
    exchange.logits.tensor().unwrap().clone()
}

#[test]
#[ignore = "needs an NVIDIA GPU that TensorRT serves"]
fn tensorrt_computes_what_openvino_does() {
    if !has_gpu() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let request = |backend, precision| nano(folder.path(), backend, precision);
    let wanted = logits(&request(BackendChoice::OpenVino, Precision::F32));
    for (precision, tolerance) in PRECISIONS {
        let distance = relative_l2(&logits(&request(BackendChoice::TensorRt, precision)), &wanted);
        println!("{precision:?}: relative L2 {distance:.1e}");
        assert!(distance < tolerance, "{precision:?}: {distance:e}");
    }
}

/// The mean difference of alpha over a clip that starts with a mask, memory and all.
#[test]
#[ignore = "needs an NVIDIA GPU that TensorRT serves"]
fn an_object_is_followed_as_on_the_cpu() {
    if !has_gpu() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let follow = |backend, precision| {
        let request = nano(folder.path(), backend, precision);
        let mut session = engines::open(&request, &mut |_| ()).unwrap().session;
        let side = session.side();
        let (clip, mut exchange) = (Clip::new(Kind::Demo, side, side, 3), Exchange::new(side));
        let alphas = (0..12).map(|index| {
            let shown = clip.render(index);
            let mask = Coverage { width: side, height: side, values: shown.alpha };
            let prompts = [Prompt::Mask(mask)];
            exchange.image_mut().copy_from_slice(&shown.rgb);
            let prompts = if index == 0 { &prompts[..] } else { &[] };
            let frame = Frame { index: index as i64, prompts, ..Frame::default() };
            session.step(&frame, &mut exchange).unwrap();
            exchange.logits().iter().map(|v| 1.0 / (1.0 + (-v).exp())).collect::<Vec<f32>>()
        });
        alphas.collect::<Vec<_>>().concat()
    };
    let wanted = follow(BackendChoice::OpenVino, Precision::F32);
    for (precision, tolerance) in [(Precision::F32, 1e-3), (Precision::F16, 1e-2)] {
        let found = follow(BackendChoice::TensorRt, precision);
        let difference = found.iter().zip(&wanted).map(|(a, b)| (a - b).abs()).sum::<f32>();
        let mean = difference / wanted.len() as f32;
        println!("{precision:?}: alpha differs by {mean:.1e} in the mean");
        assert!(mean < tolerance, "{precision:?}: {mean:e}");
    }
}

#[test]
#[ignore = "needs an NVIDIA GPU that TensorRT serves"]
fn engines_are_validated_once_and_recorded() {
    if !has_gpu() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let request = nano(folder.path(), BackendChoice::TensorRt, Precision::F16);
    let mut stages = Vec::new();
    engines::open(&request, &mut |p| stages.push(p.stage)).unwrap();
    assert!(stages.contains(&"comparing with f32"), "{stages:?}");
    let entry = engines::list_cache(request.cache.clone()).unwrap().remove(0);
    assert_eq!(entry.manifest.unwrap().validations.len(), 1);
    stages.clear();
    engines::open(&request, &mut |p| stages.push(p.stage)).unwrap();
    assert!(!stages.contains(&"comparing with f32"), "{stages:?}");
}

#[test]
#[ignore = "needs an NVIDIA GPU that TensorRT serves"]
fn device_pointers_and_host_tensors_give_the_same() {
    if !has_gpu() {
        return;
    }
    let (config, weights) = (Recipe::find("nano").unwrap().model.unwrap(), Checkpoint::random(1));
    let signature = image(config.inp_size);
    let graph = Graph::new("image", &weights, Precision::F16);
    let onnx = image_graph(graph, &config, &signature).unwrap().to_bytes().unwrap();
    let context = CudaContext::new(0).unwrap();
    let (major, minor) = context.compute_capability().unwrap();
    let targets = [Target::new(major as u32, minor as u32).unwrap()];
    let progress = &mut |_| ();
    let options = &mut Compile { targets: &targets, progress, interrupted: || false };
    let mut plan = Vec::new();
    compile(onnx, &mut plan, options).unwrap();
    let mut engine = TensorRt::open(plan, &signature, Place::default()).unwrap();

    let picture = picture(2 * config.inp_size);
    let mut wanted = [Tensor::zeros(&signature.outputs[0])];
    engine.run(&[&picture], &mut wanted).unwrap();

    let stream = context.new_stream().unwrap();
    let Tensor::U8(bytes) = &picture else { panic!("pictures are bytes") };
    let input = stream.clone_htod(bytes).unwrap();
    let output = stream.alloc_zeros::<f32>(wanted[0].len()).unwrap();
    let run = DeviceRun {
        inputs: vec![input.device_ptr(&stream).0],
        outputs: vec![output.device_ptr(&stream).0],
        stream: stream.cu_stream() as u64,
    };
    // SAFETY: both are of the signature's sizes, and outlive the wait below.
    unsafe { engine.run_on_device(run) }.unwrap();
    let found = Tensor::F32(stream.clone_dtoh(&output).unwrap());
    stream.synchronize().unwrap();
    assert_eq!(found, wanted[0]);
}
