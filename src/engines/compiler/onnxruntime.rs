//! ONNX Runtime by the provider that is asked for.
use super::{Compiler, read, threads};
use crate::backend::onnxruntime::{OnnxRuntime, Provider as Native, library};
use crate::backend::{BackendError, Engine};
use crate::engines::recipe::TensorRtRecipe;
use crate::engines::{Provider, Recipe, Request};
use crate::signature::{Precision, Signature};
use std::fs::{self, File};
use std::path::Path;

/// ONNX Runtime and one of its providers.
pub(super) struct OnnxRuntimeSession {
    version: String,
    provider: Native,
    recipe: TensorRtRecipe,
}

impl OnnxRuntimeSession {
    /// Looks for the library; the provider is asked for when an engine is opened.
    pub(super) fn new(
        request: &Request,
        recipe: &Recipe,
        provider: Provider,
    ) -> Result<Self, BackendError> {
        let mut on_gpu = recipe.tensorrt.clone();
        let provider = match provider {
            Provider::Cpu => {
                on_gpu.precision = Precision::F32;
                Native::Cpu { threads: threads(request, recipe) }
            }
            Provider::Cuda => Native::Cuda(request.cuda_device),
            Provider::TensorRt => Native::TensorRt(request.cuda_device),
        };
        Ok(Self { version: library::version()?, provider, recipe: on_gpu })
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

    fn trial(&self) -> Option<&TensorRtRecipe> {
        Some(&self.recipe)
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
}
