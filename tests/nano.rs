//! The models that ship are the models that were trained.
#![allow(clippy::unwrap_used)]
use gstmgdsam2::backend::openvino::{OpenVino, Options};
use gstmgdsam2::backend::{Engine, Tensor};
use gstmgdsam2::checkpoint::Checkpoint;
use gstmgdsam2::engines::Recipe;
use gstmgdsam2::model::sam2::{tracker_graph, tracker_graphs};
use gstmgdsam2::model::{detail_decoder_graph, detail_encoder_graph};
use gstmgdsam2::onnx::{Graph, OnnxModel};
use gstmgdsam2::signature::detail::{self, DetailShape};
use gstmgdsam2::signature::{ElementType, Precision, Signature, TensorSpec};
use safetensors::SafeTensors;
use std::path::PathBuf;

fn shipped(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("engines/nano").join(file)
}

/// A tensor of a fixture that the training code wrote.
fn tensor(fixture: &SafeTensors, name: &str, spec: &TensorSpec) -> Tensor {
    let kept = fixture.tensor(name).unwrap();
    assert_eq!(kept.shape(), spec.shape, "{name}");
    match spec.element_type {
        ElementType::U8 => Tensor::U8(kept.data().to_vec()),
        ElementType::F32 => {
            let floats = kept.data().as_chunks::<4>().0.iter();
            Tensor::F32(floats.map(|b| f32::from_le_bytes(*b)).collect())
        }
    }
}

/// What a graph gives for these inputs.
fn outputs(onnx: &OnnxModel, signature: &Signature, inputs: &[Tensor]) -> Vec<Tensor> {
    let options = Options { precision: Precision::F32, threads: 0 };
    let mut engine = OpenVino::build(onnx.to_bytes().unwrap(), signature, &options).unwrap();
    let mut outputs: Vec<Tensor> = signature.outputs.iter().map(Tensor::zeros).collect();
    engine.run(&inputs.iter().collect::<Vec<_>>(), &mut outputs).unwrap();
    outputs
}

/// The fixture's tensors `case/...` of these names and shapes.
fn kept(fixture: &SafeTensors, case: &str, specs: &[TensorSpec]) -> Vec<Tensor> {
    specs.iter().map(|spec| tensor(fixture, &format!("{case}{}", spec.name), spec)).collect()
}

/// Compares a graph's outputs with the fixture's `case/...`.
fn check(signature: &Signature, outputs: &[Tensor], fixture: &SafeTensors, case: &str) {
    let norm = |v: &mut dyn Iterator<Item = f64>| v.map(|x| x * x).sum::<f64>().sqrt();
    let wanted = kept(fixture, case, &signature.outputs);
    for ((spec, got), want) in signature.outputs.iter().zip(outputs).zip(&wanted) {
        let (Tensor::F32(got), Tensor::F32(want)) = (got, want) else {
            panic!("{} is of floats", spec.name)
        };
        let difference = norm(&mut got.iter().zip(want).map(|(g, w)| f64::from(g - w)));
        let error = difference / norm(&mut want.iter().map(|w| f64::from(*w)));
        println!("nano/{case}{}: relative L2 {error:.1e}", spec.name);
        assert!(error < 1e-5, "{case}{}: relative L2 {error:.1e}", spec.name);
    }
}

#[test]
fn both_halves_equal_the_training_model_on_the_shipped_weights() {
    let bytes = std::fs::read(shipped("parity.safetensors")).unwrap();
    let fixture = SafeTensors::deserialize(&bytes).unwrap();
    let mut config = Recipe::find("nano").unwrap().model.unwrap();
    let side = |name: &str| fixture.tensor(name).unwrap().shape()[2];
    config.inp_size = side("prompted/image") / 2;
    let (inp_size, embed_dim, d_model) = (config.inp_size, config.embed_dim, config.d_model);
    let prompt_side = Some(side("prompted/mask_logits"));
    let shape = DetailShape { inp_size, embed_dim, d_model, prompt_side };
    let [first, second] = [detail::encoder(&shape, None), detail::decoder(&shape)];
    let weights = Checkpoint::open(&shipped("weights.safetensors")).unwrap();
    let graph = |signature: &Signature| Graph::new(&signature.graph, &weights, Precision::F32);
    let encoder = detail_encoder_graph(graph(&first), (&config, None), &first).unwrap();
    let decoder = detail_decoder_graph(graph(&second), &config, &second).unwrap();
    for case in ["prompted/", "promptless/"] {
        let mut inputs = kept(&fixture, case, &first.inputs);
        let views = outputs(&encoder, &first, &inputs);
        inputs.extend(views);
        inputs.extend(kept(&fixture, case, &second.inputs[inputs.len()..]));
        check(&second, &outputs(&decoder, &second, &inputs), &fixture, case);
    }
}

#[test]
fn the_trackers_graphs_equal_the_training_model_on_the_shipped_weights() {
    let bytes = std::fs::read(shipped("tracker_parity.safetensors")).unwrap();
    let fixture = SafeTensors::deserialize(&bytes).unwrap();
    let mut config = Recipe::find("nano-tracker").unwrap().tracker.unwrap().model;
    config.image_size = fixture.tensor("tracker_encoder/image").unwrap().shape()[1];
    config.conditioning_frames = 1;
    let weights = Checkpoint::open(&shipped("tracker.safetensors")).unwrap();
    for plan in tracker_graphs(&config, ElementType::U8) {
        let name = &plan.0.graph;
        let graph = Graph::new(name, &weights, Precision::F32);
        let onnx = tracker_graph(graph, &config, &plan).unwrap();
        let of_graph = |key: &&str| key.strip_prefix(name.as_str()).is_some_and(is_case);
        let mut cases: Vec<&str> = fixture.names().into_iter().filter(of_graph).collect();
        for case in &mut cases {
            *case = &case[..=case.find('/').unwrap()];
        }
        cases.sort_unstable();
        cases.dedup();
        assert!(!cases.is_empty(), "{name} is in the fixture");
        for case in cases {
            let inputs = kept(&fixture, case, &plan.0.inputs);
            check(&plan.0, &outputs(&onnx, &plan.0, &inputs), &fixture, case);
        }
    }
}

/// Whether what follows a graph's name in a key ends the name or names one of its cases.
fn is_case(rest: &str) -> bool {
    rest.starts_with(['/', '.'])
}
