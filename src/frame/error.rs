//! Why a picture could not be read, fitted or written.
use super::PixelFormat;
#[cfg(feature = "cuda")]
use crate::cuda::CudaError;

/// Why a picture could not be read, fitted or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum FrameError {
    /// No pixels, or more than any video has.
    #[error("{format:?} frame: expected a size of 1x1 to 65536x65536, found {width}x{height}")]
    Size { format: PixelFormat, width: usize, height: usize },
    /// The view has another number of planes than its layout.
    #[error("{format:?} frame: expected {expected} planes, found {found}")]
    PlaneCount { format: PixelFormat, expected: usize, found: usize },
    /// A row does not fit its stride, in bytes.
    #[error(
        "{format:?} frame, plane {plane}: expected a stride of {expected} or more, found {found}"
    )]
    Stride { format: PixelFormat, plane: usize, expected: usize, found: usize },
    /// The last row ends outside the plane, in bytes.
    #[error("{format:?} frame, plane {plane}: expected {expected} bytes or more, found {found}")]
    PlaneBytes { format: PixelFormat, plane: usize, expected: usize, found: usize },
    /// The layout is not read as input.
    #[error(
        "input format: expected NV12, I420, YV12, P010_10LE, RGB, GRAY8 or a relative, found {found:?}"
    )]
    Input { found: PixelFormat },
    /// The layout cannot hold the output.
    #[error("output format: expected RGBA, BGRA, ARGB, ABGR, A420, AYUV or GRAY8, found {found:?}")]
    Output { found: PixelFormat },
    /// Input and output differ in size, in pixels.
    #[error("output frame: expected {}x{}, found {}x{}", expected.0, expected.1, found.0, found.1)]
    TargetSize { expected: (usize, usize), found: (usize, usize) },
    /// A buffer of the model's does not have the model's size, in elements.
    #[error("`{name}`: expected {expected} elements, found {found}")]
    Elements { name: &'static str, expected: usize, found: usize },
    /// [`Coefficients`](super::refine::Coefficients) that nothing was fitted to.
    #[error("coefficients: expected a fitted matte, found none")]
    NotFitted,
    /// The device refused, or has no memory left.
    #[cfg(feature = "cuda")]
    #[error(transparent)]
    Cuda(#[from] CudaError),
}
