//! Pictures as GStreamer lays them out, and the pixel work on them.
mod across;
mod alpha;
mod blend;
mod box_mean;
mod chroma;
mod color_lines;
mod colorimetry;
mod components;
pub mod composite;
mod convert;
#[cfg(feature = "cuda")]
pub mod device;
mod error;
pub mod foreground;
mod format;
mod measure;
pub mod preprocess;
pub mod refine;
mod resize;
mod separate;
mod sigmoid;
mod source_rows;
pub mod steady;
mod stretch;
mod upsample;
mod vector;
mod window;

pub use colorimetry::{Colorimetry, Matrix};
pub use error::FrameError;
pub use format::PixelFormat;
pub(crate) use upsample::Upsample;

/// One plane of a picture: rows of `stride` bytes; a row may be shorter than its stride.
#[derive(Debug, Clone, Copy)]
pub struct Plane<'a> {
    /// From the first row's first byte; the last row may end before its stride does.
    pub bytes: &'a [u8],
    /// Bytes from one row to the next.
    pub stride: usize,
}

/// A picture to read.
#[derive(Debug, Clone)]
pub struct FrameView<'a> {
    /// The layout.
    pub format: PixelFormat,
    /// In pixels; odd sizes round chroma up, as gst-video does.
    pub width: usize,
    /// In pixels.
    pub height: usize,
    /// How samples become colours.
    pub colorimetry: Colorimetry,
    /// In the format's plane order (YV12: Y, V, U).
    pub planes: Vec<Plane<'a>>,
}

/// One plane of a picture that is written.
#[derive(Debug)]
pub struct PlaneMut<'a> {
    /// From the first row's first byte; the last row may end before its stride does.
    pub bytes: &'a mut [u8],
    /// Bytes from one row to the next.
    pub stride: usize,
}

/// A picture to write.
#[derive(Debug)]
pub struct FrameViewMut<'a> {
    /// The layout.
    pub format: PixelFormat,
    /// In pixels.
    pub width: usize,
    /// In pixels.
    pub height: usize,
    /// How colours become samples.
    pub colorimetry: Colorimetry,
    /// In the format's plane order.
    pub planes: Vec<PlaneMut<'a>>,
}

impl<'a> FrameView<'a> {
    /// Every row of every plane lies within its bytes; what reads a checked view cannot panic.
    pub fn check(&self) -> Result<(), FrameError> {
        let planes = self.planes.iter().map(|p| (p.bytes.len(), p.stride));
        check_planes(self.format, self.width, self.height, planes)
    }

    /// The first `bytes` bytes of row `y` of `plane`.
    fn row(&self, plane: usize, y: usize, bytes: usize) -> &'a [u8] {
        let Plane { bytes: all, stride } = self.planes[plane];
        &all[y * stride..][..bytes]
    }
}

impl FrameViewMut<'_> {
    /// Every row of every plane lies within its bytes; what writes a checked view cannot panic.
    pub fn check(&self) -> Result<(), FrameError> {
        let planes = self.planes.iter().map(|p| (p.bytes.len(), p.stride));
        check_planes(self.format, self.width, self.height, planes)
    }

    /// The first `bytes` bytes of row `y` of `plane`.
    fn row_mut(&mut self, plane: usize, y: usize, bytes: usize) -> &mut [u8] {
        let PlaneMut { bytes: all, stride } = &mut self.planes[plane];
        &mut all[y * *stride..][..bytes]
    }
}

/// `planes` are `(bytes, stride)`.
fn check_planes(
    format: PixelFormat,
    width: usize,
    height: usize,
    planes: impl ExactSizeIterator<Item = (usize, usize)>,
) -> Result<(), FrameError> {
    let size = FrameError::Size { format, width, height };
    if width == 0 || height == 0 || width > MAX_SIDE || height > MAX_SIDE {
        return Err(size);
    }
    if planes.len() != format.plane_count() {
        let (expected, found) = (format.plane_count(), planes.len());
        return Err(FrameError::PlaneCount { format, expected, found });
    }
    for (plane, (bytes, stride)) in planes.enumerate() {
        let Some((row_bytes, rows)) = format.plane_size(plane, width, height) else {
            return Err(size);
        };
        if stride < row_bytes {
            let (expected, found) = (row_bytes, stride);
            return Err(FrameError::Stride { format, plane, expected, found });
        }
        let needed = stride.checked_mul(rows - 1).and_then(|n| n.checked_add(row_bytes));
        if needed.is_none_or(|n| bytes < n) {
            let (expected, found) = (needed.unwrap_or(usize::MAX), bytes);
            return Err(FrameError::PlaneBytes { format, plane, expected, found });
        }
    }
    Ok(())
}

/// Pixels; more is no video and would overflow the sums below.
const MAX_SIDE: usize = 1 << 16;
