//! One plane of bytes to a square, antialiased.
use super::FrameError;
use fast_image_resize::images::{TypedCroppedImage, TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U8, U8x2, U8x3, U8x4};
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer};
use std::fmt::Display;

/// A plane whose rows lie a whole number of pixels apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pixels<'a> {
    /// `pitch * rows` pixels.
    pub(super) bytes: &'a [u8],
    /// 1 to 4.
    pub(super) pixel_bytes: usize,
    /// Pixels from one row to the next.
    pub(super) pitch: usize,
    /// Pixels of a row that count.
    pub(super) columns: usize,
    pub(super) rows: usize,
    /// What of columns and rows lies under the frame; the square is filled from this.
    pub(super) covered: (f64, f64),
}

/// `square` (side, side) becomes `plane`, bilinear and antialiased.
pub(super) fn resize(
    resizer: &mut Resizer,
    plane: Pixels,
    side: usize,
    square: &mut Vec<u8>,
) -> Result<(), FrameError> {
    square.resize(side * side * plane.pixel_bytes, 0);
    match plane.pixel_bytes {
        1 => resize_typed::<U8>(resizer, plane, side, square),
        2 => resize_typed::<U8x2>(resizer, plane, side, square),
        3 => resize_typed::<U8x3>(resizer, plane, side, square),
        _ => resize_typed::<U8x4>(resizer, plane, side, square),
    }
}

/// `Resizer::resize` would choose the type itself, and be compiled for thirteen.
fn resize_typed<P: PixelTrait>(
    resizer: &mut Resizer,
    plane: Pixels,
    side: usize,
    square: &mut [u8],
) -> Result<(), FrameError> {
    let (pitch, rows) = (plane.pitch as u32, plane.rows as u32);
    let whole = TypedImageRef::<P>::from_buffer(pitch, rows, plane.bytes).map_err(resize_error)?;
    let cropped = TypedCroppedImage::new(whole, 0, 0, plane.columns as u32, rows);
    let mut square =
        TypedImage::<P>::from_buffer(side as u32, side as u32, square).map_err(resize_error)?;
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
        .crop(0.0, 0.0, plane.covered.0, plane.covered.1)
        .use_alpha(false);
    resizer
        .resize_typed(&cropped.map_err(resize_error)?, &mut square, &options)
        .map_err(resize_error)
}

fn resize_error(error: impl Display) -> FrameError {
    FrameError::Resize(error.to_string())
}
