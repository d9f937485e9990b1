//! Pixels to the square RGB picture that the model sees.
use super::colorimetry::Affine;
use super::refine::round_to_byte;
use super::resize::{Pixels, Resize};
use super::source_rows::check_input;
use super::{FrameError, FrameView, Matrix, PixelFormat};

/// Squashes frames to a square, whatever their shape, as Pillow's `resize((side, side), BILINEAR)`
/// does: antialiased, in 8 bits, within 1/255 of it for RGB frames.
///
/// Y'CbCr planes are squashed first and become RGB at the square's size, so that a large frame is
/// read only once; 4:2:0 chroma is taken to lie amid its four pixels. P010 is squashed in 8 bits.
/// Scratch is kept from frame to frame.
#[derive(Debug)]
pub struct Squash {
    side: usize,
    resize: Resize,
    /// Squashed planes, in the frame's own layout.
    squashed: [Vec<u8>; 3],
    /// A plane whose layout the resizer cannot read in place.
    packed: Vec<u8>,
}

impl Squash {
    /// To `side` by `side` pixels.
    pub fn new(side: usize) -> Self {
        Self { side, resize: Resize::default(), squashed: Default::default(), packed: Vec::new() }
    }

    /// `image` (side, side, 3) becomes `frame` in RGB; an alpha in `frame` is ignored.
    pub fn run(&mut self, frame: &FrameView, image: &mut [u8]) -> Result<(), FrameError> {
        check_input(frame)?;
        let expected = 3 * self.side * self.side;
        if image.len() != expected {
            return Err(FrameError::Elements { name: "image", expected, found: image.len() });
        }
        for plane in 0..frame.format.plane_count() {
            self.squash_plane(frame, plane);
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

    fn squash_plane(&mut self, frame: &FrameView, plane: usize) {
        let (width, height) = (frame.width, frame.height);
        let pixel_bytes = match (frame.format, plane) {
            (PixelFormat::Nv12 | PixelFormat::P010Le, 1) => 2,
            _ => frame.format.packed_pixel_bytes(),
        };
        let shrink = if plane > 0 { 2 } else { 1 };
        let (columns, rows) = (width.div_ceil(shrink), height.div_ceil(shrink));
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
        // Of chroma's rounded-up size, only what lies under the frame counts.
        let covered = (width as f64 / shrink as f64, height as f64 / shrink as f64);
        let pixels = Pixels { bytes, pixel_bytes, pitch, columns, rows, covered };
        self.resize.run(pixels, self.side, &mut self.squashed[plane]);
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
