//! Pixels to the square RGB picture that the model sees.
use super::colorimetry::Affine;
use super::refine::round_to_byte;
use super::source_rows::check_input;
use super::{FrameError, FrameView, Matrix, PixelFormat};
use fast_image_resize::images::{CroppedImage, Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

/// Squashes frames to a square, whatever their shape, as Pillow's `resize((side, side), BILINEAR)`
/// does: antialiased, in 8 bits, within 1/255 of it for RGB frames.
///
/// Y'CbCr planes are squashed first and become RGB at the square's size, so that a large frame is
/// read only once; 4:2:0 chroma is taken to lie amid its four pixels. P010 is squashed in 8 bits.
/// Scratch is kept from frame to frame, but for the resizer's tables of a few kilobytes.
#[derive(Debug)]
pub struct Squash {
    side: usize,
    resizer: Resizer,
    /// Squashed planes, in the frame's own layout.
    squashed: [Vec<u8>; 3],
    /// A plane whose layout the resizer cannot read in place.
    packed: Vec<u8>,
}

impl Squash {
    /// To `side` by `side` pixels.
    pub fn new(side: usize) -> Self {
        Self { side, resizer: Resizer::new(), squashed: Default::default(), packed: Vec::new() }
    }

    /// `image` (side, side, 3) becomes `frame` in RGB; an alpha in `frame` is ignored.
    pub fn run(&mut self, frame: &FrameView, image: &mut [u8]) -> Result<(), FrameError> {
        check_input(frame)?;
        let expected = 3 * self.side * self.side;
        if image.len() != expected {
            return Err(FrameError::Elements { name: "image", expected, found: image.len() });
        }
        for plane in 0..frame.format.plane_count() {
            self.squash_plane(frame, plane)?;
        }
        let [first, second, third] = &self.squashed;
        match frame.format {
            PixelFormat::Rgb => image.copy_from_slice(first),
            PixelFormat::Nv12 | PixelFormat::P010Le => {
                let chroma = second.as_chunks::<2>().0.iter().copied();
                yuv_to_rgb(frame, first, chroma, image);
            }
            PixelFormat::I420 => yuv_to_rgb(frame, first, pairs(second, third), image),
            PixelFormat::Yv12 => yuv_to_rgb(frame, first, pairs(third, second), image),
            PixelFormat::Gray8 => gray_to_rgb(frame, first, image),
            _ => pick_rgb(frame.format, first, image),
        }
        Ok(())
    }

    fn squash_plane(&mut self, frame: &FrameView, plane: usize) -> Result<(), FrameError> {
        let (width, height) = (frame.width, frame.height);
        let pixel_type = pixel_type(frame.format, plane);
        let pixel_bytes = pixel_type.size();
        // Of chroma's rounded-up size, only what lies under the frame counts.
        let halves = if plane > 0 { 2.0 } else { 1.0 };
        let (columns, rows) = match plane {
            0 => (width, height),
            _ => (width.div_ceil(2), height.div_ceil(2)),
        };
        let stride = frame.planes[plane].stride;
        let in_place = stride.is_multiple_of(pixel_bytes) && frame.format != PixelFormat::P010Le;
        let whole = frame.planes[plane].bytes.get(..stride * rows).filter(|_| in_place);
        let (bytes, pitch) = match whole {
            Some(bytes) => (bytes, stride / pixel_bytes),
            None => {
                pack_plane(frame, plane, columns * pixel_bytes, rows, &mut self.packed);
                (&self.packed[..], columns)
            }
        };
        let resize_error = |e: &dyn std::fmt::Display| FrameError::Resize(e.to_string());
        let source = ImageRef::new(pitch as u32, rows as u32, bytes, pixel_type)
            .map_err(|e| resize_error(&e))?;
        let source = CroppedImage::new(&source, 0, 0, columns as u32, rows as u32)
            .map_err(|e| resize_error(&e))?;
        let squashed = &mut self.squashed[plane];
        squashed.resize(self.side * self.side * pixel_bytes, 0);
        let mut squashed =
            Image::from_slice_u8(self.side as u32, self.side as u32, squashed, pixel_type)
                .map_err(|e| resize_error(&e))?;
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
            .crop(0.0, 0.0, width as f64 / halves, height as f64 / halves)
            .use_alpha(false);
        self.resizer.resize(&source, &mut squashed, &options).map_err(|e| resize_error(&e))
    }
}

fn pixel_type(format: PixelFormat, plane: usize) -> PixelType {
    match (format, plane) {
        (PixelFormat::Nv12 | PixelFormat::P010Le, 1) => PixelType::U8x2,
        _ => match format.packed_pixel_bytes() {
            4 => PixelType::U8x4,
            3 => PixelType::U8x3,
            _ => PixelType::U8,
        },
    }
}

/// Copies rows to lie end to end, P010's as 8 bits to the nearest.
fn pack_plane(
    frame: &FrameView,
    plane: usize,
    row_bytes: usize,
    rows: usize,
    packed: &mut Vec<u8>,
) {
    packed.clear();
    for y in 0..rows {
        if frame.format == PixelFormat::P010Le {
            let words = frame.row(plane, y, 2 * row_bytes).as_chunks::<2>().0;
            let to_byte =
                |word: &[u8; 2]| (u16::from_le_bytes(*word).saturating_add(128) >> 8) as u8;
            packed.extend(words.iter().map(to_byte));
        } else {
            packed.extend_from_slice(frame.row(plane, y, row_bytes));
        }
    }
}

fn pairs<'a>(u: &'a [u8], v: &'a [u8]) -> impl Iterator<Item = [u8; 2]> + 'a {
    u.iter().zip(v).map(|(&u, &v)| [u, v])
}

fn yuv_to_rgb(
    frame: &FrameView,
    luma: &[u8],
    chroma: impl Iterator<Item = [u8; 2]>,
    image: &mut [u8],
) {
    let to_rgb = Affine::to_rgb(frame.colorimetry, 8, 1.0);
    let outputs = [0, 1, 2].map(|i| to_rgb.output(i));
    let pixels = image.as_chunks_mut::<3>().0.iter_mut();
    for ((rgb, &y), [u, v]) in pixels.zip(luma).zip(chroma) {
        let (y, u, v) = (f32::from(y), f32::from(u), f32::from(v));
        *rgb = outputs.map(|([wy, wu, wv], k)| round_to_byte(y * wy + u * wu + v * wv + k));
    }
}

fn gray_to_rgb(frame: &FrameView, luma: &[u8], image: &mut [u8]) {
    let colorimetry = super::Colorimetry { matrix: Matrix::Bt709, ..frame.colorimetry };
    let to_rgb = Affine::to_rgb(colorimetry, 8, 1.0);
    for (rgb, &y) in image.as_chunks_mut::<3>().0.iter_mut().zip(luma) {
        *rgb = to_rgb.apply([y, 128, 128]);
    }
}

fn pick_rgb(format: PixelFormat, pixels: &[u8], image: &mut [u8]) {
    let [r, g, b] = format.rgb_offsets().unwrap_or([0, 1, 2]);
    let rgb = image.as_chunks_mut::<3>().0.iter_mut();
    for (rgb, pixel) in rgb.zip(pixels.chunks_exact(format.packed_pixel_bytes())) {
        *rgb = [pixel[r], pixel[g], pixel[b]];
    }
}
