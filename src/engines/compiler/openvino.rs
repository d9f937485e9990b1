//! OpenVINO on the CPU.
use super::{Compiler, threads};
use crate::backend::openvino::cpu::Cpu;
use crate::backend::openvino::{OpenVino, Options};
use crate::backend::{BackendError, Engine};
use crate::engines::{Recipe, Request};
use crate::signature::{Precision, Signature};
use std::fs::File;
use std::path::Path;

/// OpenVINO and this machine's processor.
pub(super) struct OpenVinoCpu {
    cpu: Cpu,
    threads: usize,
    /// Why it is not TensorRT, where that was hoped for.
    note: Option<String>,
}

impl OpenVinoCpu {
    /// Opens OpenVINO if need be.
    pub(super) fn new(request: &Request, recipe: &Recipe) -> Result<Self, BackendError> {
        Ok(Self { cpu: Cpu::detect()?, threads: threads(request, recipe), note: None })
    }

    fn options(&self, precision: Precision) -> Options {
        Options { precision, threads: self.threads }
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

    /// F32 where the CPU cannot do it, which is only worth a warning if it was asked for.
    fn precision(
        &self,
        asked: Option<Precision>,
        on_cpu: Precision,
        warnings: &mut Vec<String>,
    ) -> Precision {
        let (cpu, wanted) = (&self.cpu, asked.unwrap_or(on_cpu));
        if cpu.computes_in(wanted) {
            return wanted;
        }
        if asked.is_some() {
            warnings.push(format!("{} has no {wanted:?} instructions: computing in F32", cpu.name));
        }
        Precision::F32
    }

    /// OpenVINO lowers an f32 graph itself, and then fuses attention, which casts would prevent.
    fn graph_precision(&self, _: Precision) -> Precision {
        Precision::F32
    }

    fn compile(
        &self,
        onnx: Vec<u8>,
        file: &Path,
        signature: &Signature,
        precision: Precision,
        _: &mut dyn FnMut(f32),
    ) -> Result<(), BackendError> {
        OpenVino::build(onnx, signature, &self.options(precision))?.export(file)
    }

    fn open(
        &self,
        file: &File,
        _: Option<&Path>,
        signature: &Signature,
        precision: Precision,
    ) -> Result<Box<dyn Engine>, BackendError> {
        Ok(Box::new(OpenVino::import(file, signature, &self.options(precision))?))
    }
}
