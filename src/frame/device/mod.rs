//! The same pixel work on a CUDA device: the CPU's tables, the device's loops, the same bytes.
mod color_lines;
mod composite;
mod refine;
mod squash;
mod steady;

pub use composite::Composite;
pub(crate) use refine::taps;
pub use refine::{Coefficients, Refine};
pub use squash::Squash;
pub use steady::Steady;

use super::source_rows::is_subsampled;
use super::{Colorimetry, FrameError, PixelFormat};
use crate::cuda::{Component, Source};

/// One plane of a picture in device memory.
#[derive(Debug, Clone, Copy)]
pub struct DevicePlane {
    /// A device pointer to the first row's first byte.
    pub data: u64,
    /// Bytes from one row to the next.
    pub stride: usize,
}

/// A picture in device memory, to read or to write.
#[derive(Debug, Clone)]
pub struct DeviceFrame {
    format: PixelFormat,
    size: (usize, usize),
    colorimetry: Colorimetry,
    planes: Vec<DevicePlane>,
}

impl DeviceFrame {
    /// Planes in the format's order; an error unless their number and strides are the format's.
    ///
    /// # Safety
    /// Every row lies in memory of the context that the frame is used in, until the work queued on
    /// it is done; of a frame that is written, nobody else uses the memory until then.
    pub unsafe fn new(
        format: PixelFormat,
        size: (usize, usize),
        colorimetry: Colorimetry,
        planes: Vec<DevicePlane>,
    ) -> Result<Self, FrameError> {
        // Where planes end is for the caller to know.
        let endless = planes.iter().map(|plane| (usize::MAX, plane.stride));
        super::check_planes(format, size.0, size.1, endless)?;
        Ok(Self { format, size, colorimetry, planes })
    }

    /// As kernels read it.
    fn source(&self) -> Result<Source, FrameError> {
        use PixelFormat::{A420, Ayuv, Gray8, Gray16Le, Nv12, P010Le, Yv12};
        let component = |plane: usize, offset: usize, step: usize| {
            let DevicePlane { data, stride } = self.planes[plane];
            Component { data: data + offset as u64, stride: stride as u32, step: step as u32 }
        };
        let components = match self.format {
            A420 | Ayuv | Gray16Le => return Err(FrameError::Input { found: self.format }),
            Gray8 => vec![component(0, 0, 1)],
            Nv12 => vec![component(0, 0, 1), component(1, 0, 2), component(1, 1, 2)],
            P010Le => vec![component(0, 0, 2), component(1, 0, 4), component(1, 2, 4)],
            Yv12 => vec![component(0, 0, 1), component(2, 0, 1), component(1, 0, 1)],
            packed => match packed.rgb_offsets() {
                Some(offsets) => {
                    let step = packed.packed_pixel_bytes();
                    offsets.map(|offset| component(0, offset, step)).into()
                }
                None => vec![component(0, 0, 1), component(1, 0, 1), component(2, 0, 1)],
            },
        };
        let ten_bits = self.format == P010Le;
        // SAFETY: whoever made this frame vouches for its memory.
        Ok(unsafe { Source::new(&components, self.size, is_subsampled(self.format), ten_bits) })
    }
}
