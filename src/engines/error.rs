//! Why engines could not be opened, and how it is told.
use super::recipe::RecipeError;
use crate::backend::BackendError;
use crate::checkpoint::CheckpointError;
use crate::onnx::GraphError;
use crate::session::SessionError;
use std::path::PathBuf;

/// Why engines could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// There is no such recipe, or it is wrong.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// The recipe has no weights of its own.
    #[error(
        "model `{model}` ships no weights: give a checkpoint, try `mgdsam2 fetch {model}`, or ask \
         for random weights to try its speed ({from})"
    )]
    NoWeights {
        /// The recipe's name.
        model: String,
        /// Where its weights come from.
        from: String,
    },
    /// The weights inside the program are not what they should be.
    #[error("shipped weights: {0}")]
    Shipped(String),
    /// The checkpoint cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The recipe and the checkpoint make no graph.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The backend is missing, or refused.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The engine is not what a session runs.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The cache cannot be listed.
    #[error("engine cache {}: {source}", folder.display())]
    Cache {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The backend computes something else than the model, even in f32.
    #[error(
        "engine `{graph}` on {backend}: expected logits within {tolerance} (relative L2) of f32, \
         found {distance:.2e}"
    )]
    Inaccurate {
        /// The graph's name.
        graph: String,
        /// What ran it.
        backend: String,
        /// What the recipe lets through.
        tolerance: f64,
        /// What was measured.
        distance: f64,
    },
}
