//! Engines behind one trait: named tensors in, named tensors out.
use crate::signature::{ElementType, Signature, TensorSpec};

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
}

/// A built model, ready to run.
pub trait Engine: Send {
    /// Names, shapes and types, in the order [`run`](Self::run) takes them.
    fn signature(&self) -> &Signature;

    /// Runs once. `inputs` and `outputs` are in the signature's order and of its shapes;
    /// outputs are overwritten whole.
    fn run(&mut self, inputs: &[&Tensor], outputs: &mut [Tensor]) -> Result<(), BackendError>;
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
}
