//! ONNX Runtime by the provider that is asked for.
use super::{Compiler, read};
use crate::backend::onnxruntime::{OnnxRuntime, Provider as Native, library};
use crate::backend::{BackendError, Engine};
use crate::engines::{Provider, Recipe, Request};
use crate::signature::{Precision, Signature};
use std::fs::{self, File};
use std::path::Path;

/// ONNX Runtime and one of its providers.
pub(super) struct OnnxRuntimeSession {
    version: String,
    provider: Native,
    fastest: Precision,
    tolerance: f64,
}

impl OnnxRuntimeSession {
    /// Looks for the library; the provider is asked for when an engine is opened.
    pub(super) fn new(
        request: &Request,
        recipe: &Recipe,
        provider: Provider,
    ) -> Result<Self, BackendError> {
        let (provider, fastest) = match provider {
            Provider::Cpu => (Native::Cpu { threads: request.threads }, Precision::F32),
            Provider::Cuda => (Native::Cuda(request.cuda_device), recipe.tensorrt.precision),
            Provider::TensorRt => {
                (Native::TensorRt(request.cuda_device), recipe.tensorrt.precision)
            }
        };
        let tolerance = recipe.tensorrt.tolerance;
        Ok(Self { version: library::version()?, provider, fastest, tolerance })
    }
}

impl Compiler for OnnxRuntimeSession {
    fn backend(&self) -> String {
        format!("onnxruntime {}", self.version)
    }

    /// What is kept is the graph, which runs anywhere.
    fn device(&self) -> String {
        "any".into()
    }

    fn describe(&self) -> String {
        format!("{} ({})", self.backend(), self.provider)
    }

    fn precision(&self, asked: Option<Precision>, _: Precision, _: &mut Vec<String>) -> Precision {
        asked.unwrap_or(self.fastest)
    }

    fn compile(
        &self,
        onnx: Vec<u8>,
        file: &Path,
        _: &Signature,
        _: Precision,
        _: &mut dyn FnMut(f32),
    ) -> Result<(), BackendError> {
        fs::write(file, onnx).map_err(BackendError::Write)
    }

    fn open(
        &self,
        file: &File,
        _: Option<&Path>,
        signature: &Signature,
        _: Precision,
    ) -> Result<Box<dyn Engine>, BackendError> {
        let onnx = read(file)?;
        Ok(Box::new(OnnxRuntime::open(&onnx, signature, self.provider)?))
    }

    fn tolerance(&self) -> Option<f64> {
        Some(self.tolerance)
    }
}
