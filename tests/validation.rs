//! Engines are compared with f32 before they are used: OpenVINO's bf16 stands in for a GPU's.
#![allow(clippy::unwrap_used)]
use gstmgdsam2::backend::openvino::cpu::Cpu;
use gstmgdsam2::backend::openvino::{OpenVino, Options};
use gstmgdsam2::backend::{BackendError, Engine, Tensor};
use gstmgdsam2::checkpoint::Checkpoint;
use gstmgdsam2::engines::Recipe;
use gstmgdsam2::engines::validation::{Bench, Measured, settle};
use gstmgdsam2::model::{Config, image_graph};
use gstmgdsam2::onnx::Graph;
use gstmgdsam2::signature::{ElementType, Precision, Signature, TensorSpec, image};
use std::collections::BTreeSet;

const TOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tiny.toml");

/// A model of random weights, by OpenVINO: the reference in f32, the candidate in bf16.
struct StandIn {
    model: Config,
    weights: Checkpoint,
    /// What was asked for, in order: how many blocks in f32, and whether blocks were given out.
    asked: Vec<(usize, bool)>,
}

impl StandIn {
    fn new() -> Self {
        let (model, weights) = (toy().model.unwrap(), Checkpoint::random(5));
        Self { model, weights, asked: Vec::new() }
    }

    fn run(&self, precision: Precision, with_blocks: bool) -> Result<Measured, BackendError> {
        let (onnx, signature, numbers) = self.graph(Precision::F32, &BTreeSet::new(), with_blocks);
        let options = Options { precision, threads: 1 };
        let mut engine = OpenVino::build(&onnx, &signature, &options)?;
        let input = &signature.inputs[0];
        let len = input.shape.iter().product::<usize>();
        let picture = Tensor::U8((0..len).map(|i| (i / 7 % 256) as u8).collect());
        let mut outputs: Vec<_> = signature.outputs.iter().map(Tensor::zeros).collect();
        engine.run(&[&picture], &mut outputs)?;
        let blocks = outputs.split_off(1);
        Ok(Measured { outputs, blocks: numbers.into_iter().zip(blocks).collect() })
    }

    fn graph(
        &self,
        precision: Precision,
        f32_blocks: &BTreeSet<usize>,
        with_blocks: bool,
    ) -> (Vec<u8>, Signature, Vec<usize>) {
        let mut signature = image(self.model.inp_size);
        let graph = Graph::new("image", &self.weights, precision);
        graph.compute_in_f32(f32_blocks);
        if with_blocks {
            graph.give_out_blocks();
        }
        let onnx = image_graph(graph.clone(), &self.model, &signature).unwrap();
        let mut numbers = Vec::new();
        for (name, shape) in onnx.outputs().into_iter().skip(1) {
            numbers.push(graph.blocks().iter().position(|block| *block == name).unwrap());
            signature.outputs.push(TensorSpec { name, shape, element_type: ElementType::F32 });
        }
        (onnx.to_bytes().unwrap(), signature, numbers)
    }
}

impl Bench for StandIn {
    type Error = BackendError;

    fn reference(&mut self, with_blocks: bool) -> Result<Measured, BackendError> {
        self.run(Precision::F32, with_blocks)
    }

    /// OpenVINO lowers everything or nothing.
    fn candidate(
        &mut self,
        f32_blocks: &BTreeSet<usize>,
        with_blocks: bool,
    ) -> Result<Measured, BackendError> {
        self.asked.push((f32_blocks.len(), with_blocks));
        let is_lowered = f32_blocks.is_empty();
        self.run(if is_lowered { Precision::Bf16 } else { Precision::F32 }, with_blocks)
    }
}

fn toy() -> Recipe {
    Recipe::find(TOY).unwrap()
}

fn has_bf16() -> bool {
    let has = Cpu::detect().unwrap().computes_in(Precision::Bf16);
    if !has {
        println!("skipped: this CPU has no bf16");
    }
    has
}

#[test]
fn bf16_is_good_enough_for_the_recipes() {
    if !has_bf16() {
        return;
    }
    let mut bench = StandIn::new();
    let verdict = settle(&mut bench, toy().tensorrt.tolerance).unwrap();
    assert!(verdict.is_good && verdict.f32_blocks.is_empty(), "{verdict:?}");
    assert!(verdict.distance > 1e-5, "{verdict:?}: was it bf16 at all?");
    assert_eq!(bench.asked, [(0, false)]);
}

#[test]
fn bf16_is_not_good_enough_for_everything() {
    if !has_bf16() {
        return;
    }
    let mut bench = StandIn::new();
    let verdict = settle(&mut bench, 1e-5).unwrap();
    assert!(verdict.is_good && !verdict.f32_blocks.is_empty(), "{verdict:?}");
    let moved = verdict.f32_blocks.len();
    assert_eq!(bench.asked, [(0, false), (0, true), (moved, false)]);
}

/// A graph in f16 whose blocks are all in f32 has f32's weights and nothing rounded: it is f32.
#[test]
fn blocks_in_f32_compute_what_an_f32_graph_does() {
    let bench = StandIn::new();
    let all: BTreeSet<usize> = (0..1000).collect();
    let run = |precision, f32_blocks: &BTreeSet<usize>| {
        let (onnx, signature, _) = bench.graph(precision, f32_blocks, false);
        let options = Options { precision: Precision::F32, threads: 1 };
        let mut engine = OpenVino::build(&onnx, &signature, &options).unwrap();
        let mut outputs = [Tensor::zeros(&signature.outputs[0])];
        engine.run(&[&Tensor::zeros(&signature.inputs[0])], &mut outputs).unwrap();
        outputs[0].clone()
    };
    let wanted = run(Precision::F32, &BTreeSet::new());
    assert_eq!(run(Precision::F16, &all), wanted);
    assert_ne!(run(Precision::F16, &BTreeSet::new()), wanted);
}
