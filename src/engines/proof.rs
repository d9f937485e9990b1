//! An engine on trial: its outputs on a picture against OpenVINO's in f32, before its first frame.
use super::build::{GraphBuild, Stored};
use super::entry::Validation;
use super::validation::{Bench, Measured, settle};
use super::{EngineError, Progress};
use crate::backend::openvino::{OpenVino, Options};
use crate::backend::{BackendError, Engine, Tensor};
use crate::signature::{ElementType, Precision, Signature, TensorSpec};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use std::collections::BTreeSet;
use std::fs::File;

/// The picture on trial: frames of the demo clip, their alpha and composites, side by side.
const PICTURE: &[u8] = include_bytes!("../../pipelines/demo.png");

/// A graph's engine on trial.
pub(super) struct Proof<'a, 'b> {
    build: &'a mut GraphBuild<'b>,
    threads: usize,
    progress: &'a mut dyn FnMut(Progress),
    inputs: Vec<Tensor>,
    /// What is judged, and where it is kept.
    engine: Box<dyn Engine>,
    stored: Stored,
    /// The model's blocks by number.
    names: Vec<String>,
}

impl<'a, 'b> Proof<'a, 'b> {
    /// Puts `engine` on trial, which was opened from `stored`.
    pub(super) fn new(
        build: &'a mut GraphBuild<'b>,
        threads: usize,
        progress: &'a mut dyn FnMut(Progress),
        engine: Box<dyn Engine>,
        stored: Stored,
    ) -> Result<Self, EngineError> {
        let inputs = build.graph.signature.inputs.iter().map(input).collect::<Result<_, _>>()?;
        Ok(Self { build, threads, progress, inputs, engine, stored, names: Vec::new() })
    }

    /// The engine, or the one that came out of moving blocks to f32, which is recorded.
    pub(super) fn settle(mut self, tolerance: f64) -> Result<Box<dyn Engine>, EngineError> {
        let verdict = settle(&mut self, tolerance)?;
        let backend = self.build.compiler.describe();
        let distance = verdict.distance;
        if !verdict.is_good {
            let graph = self.build.graph.signature.graph.clone();
            return Err(EngineError::Inaccurate { graph, backend, tolerance, distance });
        }
        let f32_blocks: Vec<_> =
            verdict.f32_blocks.iter().map(|&number| self.names[number].clone()).collect();
        if !f32_blocks.is_empty() {
            let blocks = f32_blocks.join(", ");
            let precision = self.build.graph.precision;
            self.build.warnings.push(format!(
                "{precision:?} is too coarse here, so these blocks compute in F32: {blocks}"
            ));
        }
        tracing::info!(distance, tolerance, "the engine agrees with f32");
        if let Some(entry) = &mut self.stored.entry {
            let recorded = entry.record(&backend, Validation { distance, tolerance, f32_blocks });
            if let Err(e) = recorded {
                self.build.warnings.push(format!("the engine is compared with f32 each time: {e}"));
            }
        }
        Ok(self.engine)
    }

    /// The graph, its signature, and which blocks it gives out if `with_blocks`.
    fn graph(
        &mut self,
        precision: Precision,
        with_blocks: bool,
    ) -> Result<(Vec<u8>, Signature, Vec<usize>), EngineError> {
        let graph = self.build.empty_graph(precision);
        if with_blocks {
            graph.give_out_blocks();
        }
        let onnx = (self.build.graph.make)(graph.clone())?;
        self.names = graph.blocks();
        let mut signature = self.build.graph.signature.clone();
        let mut numbers = Vec::new();
        for (name, shape) in onnx.outputs().into_iter().skip(signature.outputs.len()) {
            numbers.extend(self.names.iter().position(|block| *block == name));
            let element_type = ElementType::F32;
            signature.outputs.push(TensorSpec { name, shape, element_type });
        }
        Ok((onnx.to_bytes()?, signature, numbers))
    }

    fn measured(
        &self,
        engine: &mut dyn Engine,
        numbers: &[usize],
    ) -> Result<Measured, EngineError> {
        let outputs = run(engine, &self.inputs)?;
        let (outputs, blocks) = outputs.split_at(self.build.graph.signature.outputs.len());
        let blocks = numbers.iter().copied().zip(blocks.iter().cloned()).collect();
        Ok(Measured { outputs: outputs.to_vec(), blocks })
    }
}

fn run(engine: &mut dyn Engine, inputs: &[Tensor]) -> Result<Vec<Tensor>, BackendError> {
    let mut outputs: Vec<_> = engine.signature().outputs.iter().map(Tensor::zeros).collect();
    engine.run(&inputs.iter().collect::<Vec<_>>(), &mut outputs)?;
    Ok(outputs)
}

impl Bench for Proof<'_, '_> {
    type Error = EngineError;

    fn reference(&mut self, with_blocks: bool) -> Result<Measured, EngineError> {
        (self.progress)(Progress { stage: "comparing with f32", fraction: 0.5 });
        let options = Options { precision: Precision::F32, threads: self.threads };
        let (onnx, signature, numbers) = self.graph(Precision::F32, with_blocks)?;
        let mut engine = OpenVino::build(onnx, &signature, &options)?;
        self.measured(&mut engine, &numbers)
    }

    fn candidate(
        &mut self,
        f32_blocks: &BTreeSet<usize>,
        with_blocks: bool,
    ) -> Result<Measured, EngineError> {
        let is_new = *f32_blocks != self.build.f32_blocks;
        self.build.f32_blocks = f32_blocks.clone();
        let (compiler, precision) = (self.build.compiler, self.build.graph.precision);
        if with_blocks {
            let written_in = compiler.graph_precision(precision);
            let (onnx, signature, numbers) = self.graph(written_in, true)?;
            let file = tempfile::NamedTempFile::new().map_err(BackendError::Write)?;
            compiler.compile(onnx, file.path(), &signature, precision, &mut |_| ())?;
            let file = File::open(file.path()).map_err(BackendError::Read)?;
            let mut engine = compiler.open(&file, None, &signature, precision)?;
            return self.measured(&mut *engine, &numbers);
        }
        if is_new {
            self.stored = self.build.stored_anew(self.progress)?;
            self.engine = self.build.load(&self.stored)?;
        }
        let outputs = run(&mut *self.engine, &self.inputs)?;
        Ok(Measured { outputs, blocks: Vec::new() })
    }
}

/// The bundled picture, or noise of unit size where features are expected.
fn input(spec: &TensorSpec) -> Result<Tensor, EngineError> {
    let mut random = Pcg64::seed_from_u64(1);
    match spec.element_type {
        ElementType::U8 => picture(spec),
        ElementType::F32 => {
            let len = spec.shape.iter().product::<usize>();
            Ok(Tensor::F32((0..len).map(|_| random.random_range(-1.0..1.0)).collect()))
        }
    }
}

/// The bundled picture in the size of `spec`, (1, side, side, 3), by the nearest pixels.
fn picture(spec: &TensorSpec) -> Result<Tensor, EngineError> {
    let unreadable = |e: png::DecodingError| EngineError::Shipped(format!("picture: {e}"));
    let mut reader = png::Decoder::new(std::io::Cursor::new(PICTURE));
    reader.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = reader.read_info().map_err(unreadable)?;
    let mut pixels = vec![0; reader.output_buffer_size().unwrap_or_default()];
    let info = reader.next_frame(&mut pixels).map_err(unreadable)?;
    let (width, height) = (info.width as usize, info.height as usize);
    let (samples, side) = (info.color_type.samples(), spec.shape[1]);
    let nearest = |i: usize| {
        let (y, x, channel) = (i / 3 / side, i / 3 % side, i % 3);
        let at = (y * height / side * width + x * width / side) * samples;
        pixels[at + channel.min(samples - 1)]
    };
    Ok(Tensor::U8((0..3 * side * side).map(nearest).collect()))
}
