//! OpenVINO on the CPU.
use super::Compiler;
use crate::backend::openvino::cpu::Cpu;
use crate::backend::openvino::{OpenVino, Options};
use crate::backend::{BackendError, Engine};
use crate::engines::{Recipe, Request};
use crate::signature::{Precision, Signature};
use std::fs::File;
use std::path::Path;

/// OpenVINO, this machine's processor, and how it shall compute.
pub(super) struct OpenVinoCpu {
    cpu: Cpu,
    options: Options,
    /// Why it is not TensorRT, where that was hoped for.
    note: Option<String>,
}

impl OpenVinoCpu {
    /// Opens OpenVINO if need be.
    pub(super) fn new(
        request: &Request,
        recipe: &Recipe,
        warnings: &mut Vec<String>,
    ) -> Result<Self, BackendError> {
        let cpu = Cpu::detect()?;
        let precision = choose_precision(request.precision, recipe, &cpu, warnings);
        let options = Options { precision, threads: request.threads };
        Ok(Self { cpu, options, note: None })
    }

    /// Adds to the description.
    pub(super) fn with_note(self, note: String) -> Self {
        Self { note: Some(note), ..self }
    }
}

impl Compiler for OpenVinoCpu {
    fn backend(&self) -> String {
        format!("openvino {}", self.cpu.version)
    }

    fn device(&self) -> String {
        format!("{}: {}", self.cpu.name, self.cpu.capabilities.join(" "))
    }

    fn describe(&self) -> String {
        let note = self.note.as_ref().map(|note| format!("; {note}"));
        format!("openvino {} (CPU{})", self.cpu.short_version(), note.unwrap_or_default())
    }

    fn precision(&self) -> Precision {
        self.options.precision
    }

    /// OpenVINO lowers an f32 graph itself, and then fuses attention, which casts would prevent.
    fn graph_precision(&self) -> Precision {
        Precision::F32
    }

    fn compile(
        &self,
        onnx: &[u8],
        signature: &Signature,
        file: &Path,
        _: &mut dyn FnMut(f32),
    ) -> Result<(), BackendError> {
        OpenVino::build(onnx, signature, &self.options)?.export(file)
    }

    fn open(
        &self,
        file: &File,
        _: Option<&Path>,
        signature: &Signature,
    ) -> Result<Box<dyn Engine>, BackendError> {
        Ok(Box::new(OpenVino::import(file, signature, &self.options)?))
    }
}

/// What is asked for, else the recipe's; f32 where the CPU cannot do it, which is only worth a
/// warning if it was asked for.
fn choose_precision(
    asked: Option<Precision>,
    recipe: &Recipe,
    cpu: &Cpu,
    warnings: &mut Vec<String>,
) -> Precision {
    let wanted = asked.unwrap_or(recipe.openvino.precision);
    if cpu.computes_in(wanted) {
        return wanted;
    }
    if asked.is_some() {
        warnings.push(format!("{} has no {wanted:?} instructions: computing in F32", cpu.name));
    }
    Precision::F32
}
