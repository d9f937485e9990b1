//! Engines on the CPU, by OpenVINO.
//!
//! The C API is used directly: the safe bindings above it cannot open an engine that was built
//! before, and building takes many times longer than opening. A built engine keeps its constants
//! in the file that it was opened from, so the file stays mapped; pages that are not needed again
//! after loading are given back.
mod call;
mod core;
pub mod cpu;
pub mod library;
mod request;

use self::core::{CompiledModel, Core, Side};
use self::cpu::Cpu;
use self::request::{HostTensor, InferRequest};
use crate::backend::memory::give_back_freed_memory;
use crate::backend::{BackendError, Engine, Tensor, check_count, check_tensors};
use crate::signature::{Precision, Signature, TensorSpec};
use crossbeam::channel::{RecvTimeoutError, bounded};
use memmap2::{Mmap, UncheckedAdvice};
use std::fs::{self, File};
use std::path::Path;
use std::thread;
use std::time::Duration;
use tempfile::NamedTempFile;

/// How an engine computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// The arithmetic. What the CPU has no instructions for is computed in f32, which
    /// [`OpenVino::precision`] then says.
    pub precision: Precision,
    /// Threads; 0 is one per core.
    pub threads: usize,
}

/// A graph compiled for the CPU, with memory for one inference at a time.
pub struct OpenVino {
    // In the order of dropping: the constants of everything above it lie in `_built`.
    inputs: Vec<HostTensor>,
    outputs: Vec<HostTensor>,
    request: InferRequest,
    model: CompiledModel,
    _built: Option<Mmap>,
    signature: Signature,
    precision: Precision,
}

impl OpenVino {
    /// Compiles `onnx`, a ModelProto with its weights inside, which is let go before that.
    ///
    /// It goes through a temporary file: given memory, OpenVINO would hold three copies of it.
    /// An error if OpenVINO is not found or refuses, or if the graph is not of `signature`.
    pub fn build(
        onnx: impl AsRef<[u8]>,
        signature: &Signature,
        options: &Options,
    ) -> Result<Self, BackendError> {
        let (core, precision) = prepare(options)?;
        let file = NamedTempFile::with_suffix(".onnx").map_err(BackendError::Write)?;
        fs::write(&file, onnx.as_ref()).map_err(BackendError::Write)?;
        drop(onnx);
        give_back_freed_memory();
        let graph = core.read_onnx(file.path())?;
        give_back_freed_memory();
        let model = core.compile(&graph)?;
        Self::new(model, None, signature, precision)
    }

    /// Opens the file that [`export`](Self::export) wrote on this machine with this OpenVINO.
    ///
    /// The file must be whole (OpenVINO does not check it) and must not be changed while the
    /// engine is open; removing or replacing it is fine.
    pub fn import(
        file: &File,
        signature: &Signature,
        options: &Options,
    ) -> Result<Self, BackendError> {
        let (core, precision) = prepare(options)?;
        // SAFETY: built engines are written once, under a name of their own, and only ever removed.
        let built = unsafe { Mmap::map(file) }.map_err(BackendError::Read)?;
        let model = while_giving_back_pages(&built, || {
            // SAFETY: `built` is kept beside the model and the request, and dropped after them.
            unsafe { core.import(&built) }
        })?;
        Self::new(model, Some(built), signature, precision)
    }

    fn new(
        model: CompiledModel,
        built: Option<Mmap>,
        signature: &Signature,
        precision: Precision,
    ) -> Result<Self, BackendError> {
        check_side(&model, signature, Side::Inputs)?;
        check_side(&model, signature, Side::Outputs)?;
        check_precision(&model, signature, precision)?;
        let request = InferRequest::new(&model)?;
        Ok(Self {
            inputs: request.tensors(&signature.inputs)?,
            outputs: request.tensors(&signature.outputs)?,
            request,
            model,
            _built: built,
            signature: signature.clone(),
            precision,
        })
    }

    /// Writes the engine to `file`, for [`import`](Self::import).
    pub fn export(&self, file: &Path) -> Result<(), BackendError> {
        self.model.export(file)
    }

    /// What the engine computes in, as OpenVINO confirmed it.
    pub fn precision(&self) -> Precision {
        self.precision
    }
}

impl Engine for OpenVino {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn run(&mut self, inputs: &[&Tensor], outputs: &mut [Tensor]) -> Result<(), BackendError> {
        check_tensors(&self.signature, inputs, outputs)?;
        self.inputs.iter_mut().zip(inputs).try_for_each(|(host, tensor)| host.write(tensor))?;
        self.request.infer()?;
        self.outputs.iter().zip(outputs).try_for_each(|(host, tensor)| host.read(tensor))
    }
}

/// What `load` makes of the file behind `built`, whose pages are given back meanwhile and after:
/// each weight is read once, to be repacked, and again rarely or never.
fn while_giving_back_pages<T>(built: &Mmap, load: impl FnOnce() -> T) -> T {
    const INTERVAL: Duration = Duration::from_millis(20);
    let give_back = || {
        // SAFETY: the mapping is of a file and never written to: dropped pages are read from the
        // file again when they are needed.
        let _ = unsafe { built.unchecked_advise(UncheckedAdvice::DontNeed) };
    };
    let (loaded, is_loaded) = bounded::<()>(0);
    let outcome = thread::scope(|scope| {
        scope.spawn(move || {
            while is_loaded.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                give_back();
            }
        });
        let outcome = load();
        drop(loaded);
        outcome
    });
    give_back();
    outcome
}

/// A core whose engines answer one frame soonest, in exactly the arithmetic it returns.
fn prepare(options: &Options) -> Result<(Core, Precision), BackendError> {
    let cpu = Cpu::detect()?;
    let lowered = cpu.computes_in(options.precision);
    let precision = if lowered { options.precision } else { Precision::F32 };
    let mut core = Core::new()?;
    core.set(c"INFERENCE_PRECISION_HINT", word(precision))?;
    // Weights are never rounded further on the way.
    core.set(c"DYNAMIC_QUANTIZATION_GROUP_SIZE", "0")?;
    core.set(c"PERFORMANCE_HINT", "LATENCY")?;
    core.set(c"NUM_STREAMS", "1")?;
    core.set(c"INFERENCE_NUM_THREADS", &options.threads.to_string())?;
    if options.threads > 0 {
        // Each engine would be bound to the same first cores.
        core.set(c"ENABLE_CPU_PINNING", "NO")?;
    }
    Ok((core, precision))
}

/// OpenVINO's word for an arithmetic.
fn word(precision: Precision) -> &'static str {
    match precision {
        Precision::F32 => "f32",
        Precision::F16 => "f16",
        Precision::Bf16 => "bf16",
    }
}

fn check_precision(
    model: &CompiledModel,
    signature: &Signature,
    expected: Precision,
) -> Result<(), BackendError> {
    let found = model.get(c"INFERENCE_PRECISION_HINT")?;
    if found == word(expected) {
        return Ok(());
    }
    Err(BackendError::Precision { graph: signature.graph.clone(), expected, found })
}

/// Names, types and shapes.
fn check_side(
    model: &CompiledModel,
    signature: &Signature,
    side: Side,
) -> Result<(), BackendError> {
    let what = match side {
        Side::Inputs => "inputs",
        Side::Outputs => "outputs",
    };
    check_count(signature, what, specs(signature, side).len(), model.count(side)?)?;
    for spec in specs(signature, side) {
        let port = model.port(side, &spec.name);
        let found = port.map_or_else(|_| Ok("no such tensor".into()), |port| port.describe())?;
        let expected = format!("{:?} {:?}", spec.element_type, spec.shape);
        if found != expected {
            return Err(BackendError::Tensor { name: spec.name.clone(), expected, found });
        }
    }
    Ok(())
}

fn specs(signature: &Signature, side: Side) -> &[TensorSpec] {
    match side {
        Side::Inputs => &signature.inputs,
        Side::Outputs => &signature.outputs,
    }
}
