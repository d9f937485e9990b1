//! Why a session could not be made or a frame not be matted.
use super::FrameIndex;
use crate::backend::BackendError;
use crate::frame::FrameError;
use crate::signature::Signature;

/// Why a session could not be made or a frame not be matted.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The engine is of another graph.
    #[error("engine `{}`: expected {expected:?}, found {found:?}", found.graph)]
    Signature {
        /// What this session runs.
        expected: Box<Signature>,
        /// What the engine is.
        found: Box<Signature>,
    },
    /// The prompt is none.
    #[error("prompt: {what}: expected {expected}, found {found}")]
    Prompt {
        /// What of it.
        what: &'static str,
        /// What it must be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A frame is tracked and no frame was prompted.
    #[error("frame {frame}: expected a prompt before it, found none")]
    NothingToTrack {
        /// The frame.
        frame: FrameIndex,
    },
    /// The engines found something in a prompted frame that is no number.
    #[error("frame {frame}: expected finite values of the prompted object, found others")]
    NotFinite {
        /// The frame.
        frame: FrameIndex,
    },
    /// A picture cannot be brought to the tracker's size.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The device refused, or has no memory left.
    #[cfg(feature = "cuda")]
    #[error(transparent)]
    Cuda(#[from] crate::cuda::CudaError),
    /// The engine failed.
    #[error(transparent)]
    Backend(#[from] BackendError),
}
