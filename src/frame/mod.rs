//! Pictures as GStreamer lays them out, and the pixel work on them.

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
    A420,
    Ayuv,
}

/// The matrix between RGB and Y'CbCr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Matrix {
    Bt601,
    Bt709,
    Bt2020,
}

/// How samples become R'G'B' in 0..=1. Ignored for RGB formats, but for `full_range` of GRAY8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Colorimetry {
    /// Which luma coefficients.
    pub matrix: Matrix,
    /// 0..=255 where true, 16..=235 (luma) and 16..=240 (chroma) otherwise.
    pub full_range: bool,
}

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
