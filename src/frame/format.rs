//! Pixel layouts and the geometry of their planes.

/// Pixel layouts, named as GStreamer names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum PixelFormat {
    Nv12,
    I420,
    Yv12,
    P010Le,
    Rgb,
    Bgr,
    Rgba,
    Bgra,
    Argb,
    Abgr,
    Rgbx,
    Bgrx,
    Gray8,
    Gray16Le,
    A420,
    Ayuv,
}

impl PixelFormat {
    /// Planes of a picture in this layout.
    pub fn plane_count(self) -> usize {
        match self {
            Self::Nv12 | Self::P010Le => 2,
            Self::I420 | Self::Yv12 => 3,
            Self::A420 => 4,
            _ => 1,
        }
    }

    /// `(bytes per row, rows)` that hold samples in `plane` of a `width` by `height` picture;
    /// `None` where that does not fit a `usize`.
    pub fn plane_size(self, plane: usize, width: usize, height: usize) -> Option<(usize, usize)> {
        // 4:2:0 chroma is half size; odd sizes round up, as gst-video does.
        let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
        let (row_bytes, rows) = match (self, plane) {
            (Self::Nv12, 1) => (half_width.checked_mul(2)?, half_height),
            (Self::P010Le, 0) => (width.checked_mul(2)?, height),
            (Self::P010Le, _) => (half_width.checked_mul(4)?, half_height),
            (Self::I420 | Self::Yv12 | Self::A420, 1 | 2) => (half_width, half_height),
            _ => (width.checked_mul(self.packed_pixel_bytes())?, height),
        };
        Some((row_bytes, rows))
    }

    /// Whether samples are Y'CbCr (or Y' alone), and so need a matrix and a range.
    pub fn is_yuv(self) -> bool {
        use PixelFormat::*;
        matches!(self, Nv12 | I420 | Yv12 | P010Le | Gray8 | Gray16Le | A420 | Ayuv)
    }

    /// Bytes from one pixel to the next in plane 0, 10-bit layouts apart.
    pub(super) fn packed_pixel_bytes(self) -> usize {
        use PixelFormat::*;
        match self {
            Gray16Le => 2,
            Rgb | Bgr => 3,
            Rgba | Bgra | Argb | Abgr | Rgbx | Bgrx | Ayuv => 4,
            Nv12 | I420 | Yv12 | P010Le | Gray8 | A420 => 1,
        }
    }

    /// Where red, green and blue lie within a pixel; `None` for layouts that have none.
    pub(super) fn rgb_offsets(self) -> Option<[usize; 3]> {
        use PixelFormat::*;
        match self {
            Rgb | Rgba | Rgbx => Some([0, 1, 2]),
            Bgr | Bgra | Bgrx => Some([2, 1, 0]),
            Argb => Some([1, 2, 3]),
            Abgr => Some([3, 2, 1]),
            Nv12 | I420 | Yv12 | P010Le | Gray8 | Gray16Le | A420 | Ayuv => None,
        }
    }
}
