//! A backend as the cache sees it: what it makes of a graph, and how it opens that again.
#[cfg(feature = "onnxruntime")]
mod onnxruntime;
mod openvino;
#[cfg(feature = "tensorrt")]
mod tensorrt;

use self::openvino::OpenVinoCpu;
use super::recipe::TensorRtRecipe;
use super::{BackendChoice, EngineError, Recipe, Request};
use crate::backend::{BackendError, Engine};
use crate::signature::{Precision, Signature};
use std::fs::File;
#[cfg(any(feature = "tensorrt", feature = "onnxruntime"))]
use std::io::{Read, Seek};
use std::path::Path;
use std::thread;

/// Compiles graphs, and opens what it compiled.
pub(super) trait Compiler {
    /// Library and full version, for keys of the cache.
    fn backend(&self) -> String;

    /// What engines are compiled for, for keys of the cache.
    fn device(&self) -> String;

    /// Whether what was compiled for `device` runs here.
    fn serves(&self, device: &str) -> bool {
        device == self.device()
    }

    /// For people: library, version, processor.
    fn describe(&self) -> String;

    /// How the recipe has it compute; none where it needs no proof.
    fn trial(&self) -> Option<&TensorRtRecipe> {
        None
    }

    /// What an engine computes in: what is `asked` for, or else the fastest that the recipe
    /// allows, which for OpenVINO is `on_cpu`.
    fn precision(
        &self,
        asked: Option<Precision>,
        on_cpu: Precision,
        _warnings: &mut Vec<String>,
    ) -> Precision {
        asked.unwrap_or_else(|| self.trial().map_or(on_cpu, |recipe| recipe.precision))
    }

    /// What the graph of an engine is written in that computes in `precision`: the same, unless
    /// the backend lowers graphs itself.
    fn graph_precision(&self, precision: Precision) -> Precision {
        precision
    }

    /// Compiles `onnx`, a ModelProto of `signature` that is let go once it is read, into `file`.
    fn compile(
        &self,
        onnx: Vec<u8>,
        file: &Path,
        signature: &Signature,
        precision: Precision,
        progress: &mut dyn FnMut(f32),
    ) -> Result<(), BackendError>;

    /// Opens what [`compile`](Self::compile) wrote. In `folder`, where there is one, the backend
    /// may keep more.
    fn open(
        &self,
        file: &File,
        folder: Option<&Path>,
        signature: &Signature,
        precision: Precision,
    ) -> Result<Box<dyn Engine>, BackendError>;

    /// The layers of what [`compile`](Self::compile) wrote, as the backend describes them.
    fn inspect(&self, _file: &File, _signature: &Signature) -> Result<String, BackendError> {
        Err(BackendError::NoInspector { backend: self.backend() })
    }
}

/// What `request` asks for. What else a user must know is added to `warnings`.
pub(super) fn choose(
    request: &Request,
    recipe: &Recipe,
    warnings: &mut Vec<String>,
) -> Result<Box<dyn Compiler>, EngineError> {
    Ok(match request.backend {
        BackendChoice::OpenVino => Box::new(OpenVinoCpu::new(request, recipe)?),
        BackendChoice::TensorRt => tensorrt(request, recipe)?,
        BackendChoice::OnnxRuntime(provider) => onnxruntime(request, recipe, provider)?,
        BackendChoice::Auto => match tensorrt(request, recipe) {
            Ok(compiler) => compiler,
            Err(why) => instead_of_tensorrt(request, recipe, &why.into(), warnings)?,
        },
    })
}

/// OpenVINO, which says why it is not TensorRT: in the log, in its description and, unless this
/// program was built without TensorRT, as a warning.
pub(super) fn instead_of_tensorrt(
    request: &Request,
    recipe: &Recipe,
    why: &EngineError,
    warnings: &mut Vec<String>,
) -> Result<Box<dyn Compiler>, EngineError> {
    tracing::info!(%why, "TensorRT is not used");
    if !matches!(why, EngineError::Backend(BackendError::NotBuilt { .. })) {
        warnings.push(format!("TensorRT is not used: {why}"));
    }
    let note = why.to_string().lines().next().unwrap_or_default().to_owned();
    Ok(Box::new(OpenVinoCpu::new(request, recipe)?.with_note(note)))
}

/// How many threads each engine on the CPU has; 0 is one per core.
fn threads(request: &Request, recipe: &Recipe) -> usize {
    match request.threads {
        0 if recipe.openvino.look_ahead => {
            thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1))
        }
        asked => asked,
    }
}

#[cfg(feature = "tensorrt")]
fn tensorrt(request: &Request, recipe: &Recipe) -> Result<Box<dyn Compiler>, BackendError> {
    Ok(Box::new(tensorrt::TensorRtGpu::new(request, recipe)?))
}

#[cfg(not(feature = "tensorrt"))]
fn tensorrt(_: &Request, _: &Recipe) -> Result<Box<dyn Compiler>, BackendError> {
    Err(BackendError::NotBuilt { backend: "TensorRT", feature: "tensorrt" })
}

#[cfg(feature = "onnxruntime")]
fn onnxruntime(
    request: &Request,
    recipe: &Recipe,
    provider: super::Provider,
) -> Result<Box<dyn Compiler>, BackendError> {
    Ok(Box::new(onnxruntime::OnnxRuntimeSession::new(request, recipe, provider)?))
}

#[cfg(not(feature = "onnxruntime"))]
fn onnxruntime(
    _: &Request,
    _: &Recipe,
    _: super::Provider,
) -> Result<Box<dyn Compiler>, BackendError> {
    Err(BackendError::NotBuilt { backend: "ONNX Runtime", feature: "onnxruntime" })
}

/// The whole file, wherever it stands.
#[cfg(any(feature = "tensorrt", feature = "onnxruntime"))]
fn read(mut file: &File) -> Result<Vec<u8>, BackendError> {
    let mut bytes = Vec::new();
    file.rewind().and_then(|()| file.read_to_end(&mut bytes)).map_err(BackendError::Read)?;
    Ok(bytes)
}
