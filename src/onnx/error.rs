//! Why a graph could not be built.
use crate::checkpoint::{CheckpointError, Mismatches};

/// Why a graph could not be built.
#[derive(Debug, thiserror::Error)]
pub enum GraphError {
    /// The checkpoint does not fit the model: every difference is named.
    #[error(transparent)]
    Weights(#[from] Box<Mismatches>),
    /// A tensor's values could not be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// An op cannot take these shapes: the model or its configuration is wrong.
    #[error("{op} in `{scope}`: cannot take shapes {shapes:?}")]
    Shape {
        /// The operator.
        op: &'static str,
        /// Where in the model.
        scope: String,
        /// The shapes it was given.
        shapes: Vec<Vec<usize>>,
    },
    /// The configuration describes no model.
    #[error("{field}: expected {expected}, found {found}")]
    Config {
        /// The configuration's field.
        field: &'static str,
        /// What it must be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// The graph is too large to be one message.
    #[error(
        "graph `{0}`: {1} bytes are more than one protobuf message can hold; save it to a file"
    )]
    TooLarge(String, usize),
}
