//! Engines by ONNX Runtime: on NVIDIA GPUs that TensorRT-RTX does not serve, and on the CPU.
//!
//! A session is made anew each time it is opened: what is kept is the graph. A provider that is
//! asked for and cannot be had is an error; nothing is moved to the CPU instead.
mod binding;
pub mod library;

use self::binding::Binding;
use crate::backend::{BackendError, DeviceRun, Engine, Tensor, check_tensors};
use crate::signature::Signature;
use cudarc::driver::result::stream;
use cudarc::driver::sys::CUstream;
use ort::ep::{CPU, CUDA, ExecutionProviderDispatch, TensorRT};
use ort::memory::{AllocationDevice, AllocatorType, MemoryInfo, MemoryType};
use ort::session::Session;
use std::ffi::c_void;
use std::fmt;

/// What computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// ONNX Runtime's own kernels, with so many threads; 0 is one per core.
    Cpu {
        /// How many.
        threads: usize,
    },
    /// cuDNN and cuBLAS, on the GPU of this number.
    Cuda(u32),
    /// TensorRT, on the GPU of this number.
    TensorRt(u32),
}

/// A session, with memory for one inference at a time.
pub struct OnnxRuntime {
    session: Session,
    signature: Signature,
    provider: Provider,
}

impl OnnxRuntime {
    /// A session on `onnx`, a ModelProto with its weights inside.
    ///
    /// An error if the library or the provider is not there, if a node cannot run on the
    /// provider, or if the graph is not of `signature`.
    pub fn open(
        onnx: &[u8],
        signature: &Signature,
        provider: Provider,
    ) -> Result<Self, BackendError> {
        let environment = library::load()?;
        let builder =
            Session::builder(&environment).map_err(|e| refused("making a session", &e))?;
        let builder = builder.with_execution_providers([provider.dispatch()]);
        let builder = builder.map_err(|e| refused("asking for its provider", &e))?;
        let mut builder = match provider {
            Provider::Cpu { threads } => builder.with_intra_threads(threads),
            Provider::Cuda(_) | Provider::TensorRt(_) => builder.with_disable_cpu_fallback(),
        }
        .map_err(|e| refused("making a session", &e))?;
        let session = builder.commit_from_memory(onnx);
        let session = session.map_err(|e| refused("reading the graph", &e))?;
        check_names(&session, signature)?;
        Ok(Self { session, signature: signature.clone(), provider })
    }
}

impl Engine for OnnxRuntime {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn run(&mut self, inputs: &[&Tensor], outputs: &mut [Tensor]) -> Result<(), BackendError> {
        check_tensors(&self.signature, inputs, outputs)?;
        let memory = MemoryInfo::default();
        let mut binding = Binding::new(&self.session)?;
        for (spec, tensor) in self.signature.inputs.iter().zip(inputs) {
            let address = match tensor {
                Tensor::U8(values) => values.as_ptr().cast::<c_void>(),
                Tensor::F32(values) => values.as_ptr().cast(),
            };
            // SAFETY: ONNX Runtime only reads inputs; `inputs` outlive the binding, and were
            // checked against `spec`.
            unsafe { binding.input(spec, &memory, address.cast_mut())? };
        }
        for (spec, tensor) in self.signature.outputs.iter().zip(outputs) {
            let address = match tensor {
                Tensor::U8(values) => values.as_mut_ptr().cast::<c_void>(),
                Tensor::F32(values) => values.as_mut_ptr().cast(),
            };
            // SAFETY: `outputs` are borrowed alone for longer than the binding lives, and were
            // checked against `spec`; every bit pattern is a valid number.
            unsafe { binding.output(spec, &memory, address)? };
        }
        binding.run(&mut self.session)
    }

    fn device(&self) -> Option<u32> {
        match self.provider {
            Provider::Cpu { .. } => None,
            Provider::Cuda(device) | Provider::TensorRt(device) => Some(device),
        }
    }

    /// ONNX Runtime runs on a stream of its own: the caller's is waited for before, and the run has
    /// ended when this returns.
    unsafe fn run_on_device(&mut self, run: DeviceRun) -> Result<(), BackendError> {
        run.check(&self.signature)?;
        let (Provider::Cuda(device) | Provider::TensorRt(device)) = self.provider else {
            let graph = &self.signature.graph;
            return Err(BackendError::NoGpu(format!("engine `{graph}` runs on the CPU")));
        };
        // SAFETY: the caller vouches for the stream, and queued its inputs in this stream's context.
        unsafe { stream::synchronize(run.stream as CUstream) }
            .map_err(|e| refused("waiting for its inputs", &e))?;
        let (kind, place) = (AllocatorType::Device, AllocationDevice::CUDA);
        let memory = MemoryInfo::new(place, device as i32, kind, MemoryType::Default);
        let memory = memory.map_err(|e| refused("naming the GPU's memory", &e))?;
        let mut binding = Binding::new(&self.session)?;
        for (spec, &address) in self.signature.inputs.iter().zip(&run.inputs) {
            // SAFETY: the caller vouches for the addresses.
            unsafe { binding.input(spec, &memory, address as *mut c_void)? };
        }
        for (spec, &address) in self.signature.outputs.iter().zip(&run.outputs) {
            // SAFETY: as above.
            unsafe { binding.output(spec, &memory, address as *mut c_void)? };
        }
        binding.run(&mut self.session)
    }
}

impl Provider {
    fn dispatch(self) -> ExecutionProviderDispatch {
        let provider = match self {
            Self::Cpu { .. } => CPU::default().build(),
            Self::Cuda(device) => CUDA::default().with_device_id(device as i32).build(),
            Self::TensorRt(device) => TensorRT::default().with_device_id(device as i32).build(),
        };
        provider.error_on_failure()
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu { .. } => f.write_str("CPU"),
            Self::Cuda(device) => write!(f, "CUDA, GPU {device}"),
            Self::TensorRt(device) => write!(f, "TensorRT, GPU {device}"),
        }
    }
}

/// Inputs and outputs are those of the signature. Their shapes are checked when they are bound.
fn check_names(session: &Session, signature: &Signature) -> Result<(), BackendError> {
    let sides = [
        ("inputs", &signature.inputs, session.inputs()),
        ("outputs", &signature.outputs, session.outputs()),
    ];
    for (what, specs, outlets) in sides {
        if outlets.len() != specs.len() {
            let (expected, found) = (specs.len(), outlets.len());
            let graph = signature.graph.clone();
            return Err(BackendError::Count { graph, what, expected, found });
        }
        for (spec, outlet) in specs.iter().zip(outlets) {
            if outlet.name() != spec.name {
                let (expected, found) = ("this tensor".into(), outlet.name().into());
                return Err(BackendError::Tensor { name: spec.name.clone(), expected, found });
            }
        }
    }
    Ok(())
}

fn refused(doing: &'static str, reason: &dyn std::error::Error) -> BackendError {
    BackendError::OnnxRuntime { doing, reason: reason.to_string() }
}
