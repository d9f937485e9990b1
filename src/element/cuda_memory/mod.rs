//! Buffers in CUDA memory: GStreamer's contexts, pools and memory, and our device in them.
mod context;
mod frame;
mod library;
mod link;
mod pictures;
mod staging;
mod stream;

pub use context::Contexts;
pub use link::Link;
pub use pictures::DevicePictures;

use frame::MappedFrame;

use super::formats;
use crate::cuda::CudaError;
use gst_video::VideoFormat;

/// The caps feature.
pub const FEATURE: &str = "memory:CUDAMemory";

/// What the sink pad takes in CUDA memory: what libgstcuda 1.22 can allocate, all but grey.
pub const INPUTS: &[VideoFormat] = formats::INPUTS.split_at(12).0;

/// What the src pad gives in CUDA memory: R'G'B' with alpha. Asked for the others, libgstcuda 1.22
/// aborts.
pub const OUTPUTS: &[VideoFormat] = formats::OUTPUTS.split_at(4).0;

/// Whether the pads can agree on CUDA memory here.
pub fn is_available() -> bool {
    library::functions().is_ok()
}

/// Why frames cannot be in CUDA memory.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CudaMemoryError {
    /// GStreamer's CUDA library is not installed.
    #[error("GStreamer's CUDA library (libgstcuda-1.0.so.0, from GStreamer's bad plugins): {0}")]
    NoLibrary(String),
    /// libgstcuda found no driver.
    #[error("no CUDA driver (libcuda.so.1) was found")]
    NoDriver,
    /// libgstcuda made no context.
    #[error("libgstcuda refused the context of CUDA device {0}")]
    NoContext(usize),
    /// A buffer said to be in CUDA memory is not, or cannot be mapped.
    #[error("expected a buffer in CUDA memory, found {0}")]
    NotCuda(String),
    /// The device refused.
    #[error(transparent)]
    Cuda(#[from] CudaError),
}
