//! Engines behind one trait: named tensors in, named tensors out.
mod library;
mod memory;
#[cfg(feature = "onnxruntime")]
pub mod onnxruntime;
pub mod openvino;
#[cfg(feature = "tensorrt")]
pub mod tensorrt;

use crate::signature::{ElementType, Precision, Signature, TensorSpec};
use std::path::PathBuf;

/// A host tensor, contiguous, in the element type its signature says.
#[derive(Debug, Clone, PartialEq)]
pub enum Tensor {
    /// Pixels.
    U8(Vec<u8>),
    /// Everything else.
    F32(Vec<f32>),
}

impl Tensor {
    /// Zeros of the shape and type that `spec` asks for.
    pub fn zeros(spec: &TensorSpec) -> Self {
        let len = spec.shape.iter().product();
        match spec.element_type {
            ElementType::U8 => Self::U8(vec![0; len]),
            ElementType::F32 => Self::F32(vec![0.0; len]),
        }
    }

    /// Elements, of whatever type.
    pub fn len(&self) -> usize {
        match self {
            Self::U8(values) => values.len(),
            Self::F32(values) => values.len(),
        }
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The type of the elements.
    pub fn element_type(&self) -> ElementType {
        match self {
            Self::U8(_) => ElementType::U8,
            Self::F32(_) => ElementType::F32,
        }
    }

    /// An error unless the type and the number of elements are what `spec` says.
    pub fn check(&self, spec: &TensorSpec) -> Result<(), BackendError> {
        let len = spec.shape.iter().product::<usize>();
        if self.element_type() == spec.element_type && self.len() == len {
            return Ok(());
        }
        Err(BackendError::Tensor {
            name: spec.name.clone(),
            expected: format!("{len} values of {:?}", spec.element_type),
            found: format!("{} of {:?}", self.len(), self.element_type()),
        })
    }
}

/// A built model, ready to run.
pub trait Engine: Send {
    /// Names, shapes and types, in the order [`run`](Self::run) takes them.
    fn signature(&self) -> &Signature;

    /// Runs once. `inputs` and `outputs` are in the signature's order and of its shapes;
    /// outputs are overwritten whole.
    fn run(&mut self, inputs: &[&Tensor], outputs: &mut [Tensor]) -> Result<(), BackendError>;

    /// The GPU that the engine runs on, as CUDA counts, and on tensors in whose memory.
    fn device(&self) -> Option<u32> {
        None
    }

    /// Enqueues one run on tensors that are in the memory of the engine's GPU; an error where the
    /// engine has none.
    ///
    /// # Safety
    /// Every address must be of memory of its tensor's size on that GPU, and with the stream stay
    /// valid until the stream has come past this run. Inputs must be written in the stream's order.
    unsafe fn run_on_device(&mut self, _run: DeviceRun) -> Result<(), BackendError> {
        Err(BackendError::NoGpu(format!("engine `{}` runs on the CPU", self.signature().graph)))
    }
}

/// One run on a GPU: addresses and a stream as the driver's numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRun {
    /// `CUdeviceptr`s in the signature's order.
    pub inputs: Vec<u64>,
    /// As many as the signature's outputs.
    pub outputs: Vec<u64>,
    /// A `CUstream` of the same context.
    pub stream: u64,
}

impl DeviceRun {
    /// An error unless there are as many tensors as `signature` has.
    pub fn check(&self, signature: &Signature) -> Result<(), BackendError> {
        check_count(signature, "inputs", signature.inputs.len(), self.inputs.len())?;
        check_count(signature, "outputs", signature.outputs.len(), self.outputs.len())
    }
}

/// An error unless tensors are as many as, and what, `signature` says.
pub fn check_tensors(
    signature: &Signature,
    inputs: &[&Tensor],
    outputs: &[Tensor],
) -> Result<(), BackendError> {
    check_count(signature, "inputs", signature.inputs.len(), inputs.len())?;
    check_count(signature, "outputs", signature.outputs.len(), outputs.len())?;
    let specs = signature.inputs.iter().chain(&signature.outputs);
    let tensors = inputs.iter().copied().chain(outputs);
    specs.zip(tensors).try_for_each(|(spec, tensor)| tensor.check(spec))
}

fn check_count(
    signature: &Signature,
    what: &'static str,
    expected: usize,
    found: usize,
) -> Result<(), BackendError> {
    if found == expected {
        return Ok(());
    }
    Err(BackendError::Count { graph: signature.graph.clone(), what, expected, found })
}

/// Why an engine could not be made or run.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// A tensor is not what the signature says.
    #[error("tensor `{name}`: expected {expected}, found {found}")]
    Tensor {
        /// The tensor's name.
        name: String,
        /// What the signature says.
        expected: String,
        /// What was given.
        found: String,
    },
    /// Too many or too few tensors.
    #[error("engine `{graph}`: expected {expected} {what}, found {found}")]
    Count {
        /// The graph's name.
        graph: String,
        /// `inputs` or `outputs`.
        what: &'static str,
        /// What the signature says.
        expected: usize,
        /// What was given.
        found: usize,
    },
    /// A library is not installed where it is looked for.
    #[error(
        "no {library} library ({file}*) was found; set {variable} to the folder that \
         holds it; looked in:{}", looked.iter().map(|p| format!("\n  {}", p.display())).collect::<String>()
    )]
    NoLibrary {
        /// Whose it is.
        library: &'static str,
        /// The file's name up to its version.
        file: &'static str,
        /// The environment variable that names the folder.
        variable: &'static str,
        /// Every place, in the order of looking.
        looked: Vec<PathBuf>,
    },
    /// A library is there and cannot be loaded.
    #[error("{library} library {}: {reason}", path.display())]
    Library {
        /// Whose it is.
        library: &'static str,
        /// The file.
        path: PathBuf,
        /// What the loader said.
        reason: String,
    },
    /// A library is of another version than this program was built for.
    #[error("{library} library {}: expected version {expected}, found {found}", path.display())]
    Version {
        /// Whose it is.
        library: &'static str,
        /// The file.
        path: PathBuf,
        /// What this program was built for.
        expected: String,
        /// What the library says.
        found: String,
    },
    /// There is no GPU to run on, or none that the backend serves.
    #[error("no GPU: {0}")]
    NoGpu(String),
    /// This program was built without the backend.
    #[error("{backend} was left out of this build, which needs `--features {feature}` for it")]
    NotBuilt {
        /// Its name.
        backend: &'static str,
        /// The feature that it needs.
        feature: &'static str,
    },
    /// The backend does not describe its engines.
    #[error("{backend} does not describe its engines: only TensorRT does")]
    NoInspector {
        /// Its name and version.
        backend: String,
    },
    /// Building was asked to stop.
    #[error("interrupted")]
    Interrupted,
    /// TensorRT refused.
    #[error("TensorRT: {doing}: {reason}")]
    TensorRt {
        /// What was asked of it.
        doing: &'static str,
        /// Its own words.
        reason: String,
    },
    /// ONNX Runtime refused.
    #[error("ONNX Runtime: {doing}: {reason}")]
    OnnxRuntime {
        /// What was asked of it.
        doing: &'static str,
        /// Its own words.
        reason: String,
    },
    /// OpenVINO refused.
    #[error("OpenVINO: {doing}: {reason}")]
    OpenVino {
        /// What was asked of it.
        doing: &'static str,
        /// Its own words.
        reason: String,
    },
    /// The engine came out in another arithmetic than was asked for.
    #[error("engine `{graph}`: expected to compute in {expected:?}, found `{found}`")]
    Precision {
        /// The graph's name.
        graph: String,
        /// What was asked for.
        expected: Precision,
        /// OpenVINO's word for what it took.
        found: String,
    },
    /// A built engine's file cannot be read.
    #[error("reading a built engine: {0}")]
    Read(std::io::Error),
    /// A built engine cannot be written.
    #[error("writing a built engine: {0}")]
    Write(std::io::Error),
}
