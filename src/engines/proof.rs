//! An engine on trial: its logits of a picture against OpenVINO's in f32, before its first frame.
use super::entry::Validation;
use super::open::{Plan, Stored};
use super::validation::{Bench, Measured, settle};
use super::{EngineError, Progress, Request};
use crate::backend::openvino::{OpenVino, Options};
use crate::backend::{BackendError, Engine, Tensor};
use crate::model::image_graph;
use crate::signature::{ElementType, Precision, Signature, TensorSpec};
use std::collections::BTreeSet;
use std::fs::File;

/// The picture on trial: frames of the demo clip, their alpha and composites, side by side.
const PICTURE: &[u8] = include_bytes!("../../pipelines/demo.png");

/// A plan's engine on trial.
pub(super) struct Proof<'a> {
    plan: &'a mut Plan,
    request: &'a Request,
    progress: &'a mut dyn FnMut(Progress),
    picture: Tensor,
    /// What is judged, and where it is kept.
    engine: Box<dyn Engine>,
    stored: Stored,
    /// The model's blocks by number.
    names: Vec<String>,
}

impl<'a> Proof<'a> {
    /// Puts `engine` on trial, which was opened from `stored`.
    pub(super) fn new(
        plan: &'a mut Plan,
        request: &'a Request,
        progress: &'a mut dyn FnMut(Progress),
        engine: Box<dyn Engine>,
        stored: Stored,
    ) -> Result<Self, EngineError> {
        let picture = picture(&plan.signature.inputs[0])?;
        Ok(Self { plan, request, progress, picture, engine, stored, names: Vec::new() })
    }

    /// The engine, or the one that came out of moving blocks to f32, which is recorded.
    pub(super) fn settle(mut self, tolerance: f64) -> Result<Box<dyn Engine>, EngineError> {
        let verdict = settle(&mut self, tolerance)?;
        let backend = self.plan.compiler.describe();
        let distance = verdict.distance;
        if !verdict.is_good {
            let graph = self.plan.signature.graph.clone();
            return Err(EngineError::Inaccurate { graph, backend, tolerance, distance });
        }
        let f32_blocks: Vec<_> =
            verdict.f32_blocks.iter().map(|&number| self.names[number].clone()).collect();
        if !f32_blocks.is_empty() {
            let blocks = f32_blocks.join(", ");
            let precision = self.plan.compiler.precision();
            self.plan.warnings.push(format!(
                "{precision:?} is too coarse here, so these blocks compute in F32: {blocks}"
            ));
        }
        tracing::info!(distance, tolerance, "the engine agrees with f32");
        if let Some(entry) = &mut self.stored.entry {
            let recorded = entry.record(&backend, Validation { distance, tolerance, f32_blocks });
            if let Err(e) = recorded {
                self.plan.warnings.push(format!("the engine is compared with f32 each time: {e}"));
            }
        }
        Ok(self.engine)
    }

    fn run(&self, engine: &mut dyn Engine) -> Result<Vec<Tensor>, BackendError> {
        let mut outputs: Vec<_> = engine.signature().outputs.iter().map(Tensor::zeros).collect();
        engine.run(&[&self.picture], &mut outputs)?;
        Ok(outputs)
    }

    /// The graph that gives out its blocks, its signature, and which blocks those are.
    fn tapped(
        &mut self,
        precision: Precision,
    ) -> Result<(Vec<u8>, Signature, Vec<usize>), EngineError> {
        let plan = &*self.plan;
        let graph = plan.empty_graph(precision);
        graph.give_out_blocks();
        let onnx = image_graph(graph.clone(), &plan.recipe.model, &plan.signature)?;
        let names = graph.blocks();
        let mut signature = plan.signature.clone();
        let mut numbers = Vec::new();
        for (name, shape) in onnx.outputs().into_iter().skip(signature.outputs.len()) {
            numbers.extend(names.iter().position(|block| *block == name));
            let element_type = ElementType::F32;
            signature.outputs.push(TensorSpec { name, shape, element_type });
        }
        let onnx = onnx.to_bytes()?;
        self.names = names;
        Ok((onnx, signature, numbers))
    }

    fn measured(
        &self,
        engine: &mut dyn Engine,
        numbers: &[usize],
    ) -> Result<Measured, EngineError> {
        let mut outputs = self.run(engine)?;
        let blocks = outputs.split_off(self.plan.signature.outputs.len());
        Ok(Measured { outputs, blocks: numbers.iter().copied().zip(blocks).collect() })
    }
}

impl Bench for Proof<'_> {
    type Error = EngineError;

    fn reference(&mut self, with_blocks: bool) -> Result<Measured, EngineError> {
        (self.progress)(Progress { stage: "comparing with f32", fraction: 0.9 });
        let options = Options { precision: Precision::F32, threads: self.request.threads };
        let (onnx, signature, numbers) = match with_blocks {
            true => self.tapped(Precision::F32)?,
            false => {
                let plan = &*self.plan;
                let graph = plan.empty_graph(Precision::F32);
                let onnx = image_graph(graph, &plan.recipe.model, &plan.signature)?.to_bytes()?;
                (onnx, plan.signature.clone(), Vec::new())
            }
        };
        let mut engine = OpenVino::build(&onnx, &signature, &options)?;
        self.measured(&mut engine, &numbers)
    }

    fn candidate(
        &mut self,
        f32_blocks: &BTreeSet<usize>,
        with_blocks: bool,
    ) -> Result<Measured, EngineError> {
        let is_new = *f32_blocks != self.plan.f32_blocks;
        self.plan.f32_blocks = f32_blocks.clone();
        if with_blocks {
            let (onnx, signature, numbers) = self.tapped(self.plan.compiler.graph_precision())?;
            let file = tempfile::NamedTempFile::new().map_err(BackendError::Write)?;
            let compiler = &self.plan.compiler;
            compiler.compile(&onnx, &signature, file.path(), &mut |_| ())?;
            let file = File::open(file.path()).map_err(BackendError::Read)?;
            let mut engine = compiler.open(&file, None, &signature)?;
            return self.measured(&mut *engine, &numbers);
        }
        if is_new {
            self.stored = self.plan.store_anew(self.request, self.progress)?;
            self.engine = self.plan.load(&self.stored)?;
        }
        let outputs = self.engine.signature().outputs.iter();
        let mut outputs: Vec<_> = outputs.map(Tensor::zeros).collect();
        self.engine.run(&[&self.picture], &mut outputs)?;
        Ok(Measured { outputs, blocks: Vec::new() })
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
