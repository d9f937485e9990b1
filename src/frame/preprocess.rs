//! Pixels to the square RGB picture that the model sees.
use super::colorimetry::Affine;
use super::components;
use super::convert::{FromYuv, yuv_rows_to_rgb};
use super::resize::{Resize, padded};
use super::source_rows::check_input;
use super::vector::vectorised;
use super::{Colorimetry, FrameError, FrameView, Matrix, PixelFormat};

/// Squashes frames to a square, whatever their shape, as Pillow's `resize((side, side), BILINEAR)`
/// does: antialiased, in 8 bits, within 1/255 of it for RGB frames.
///
/// Y'CbCr planes are squashed first and become RGB at the square's size, so that a large frame is
/// read only once; 4:2:0 chroma is taken to lie amid its four pixels. P010 is squashed in 8 bits.
/// Scratch is kept from frame to frame.
#[derive(Debug)]
pub struct Squash {
    side: usize,
    resize: [Resize; 3],
    /// One row of the square: the frame's own components, and what they become.
    row: [Vec<u8>; 3],
    rgb: [Vec<u8>; 3],
}

impl Squash {
    /// To `side` by `side` pixels.
    pub fn new(side: usize) -> Self {
        // GRAY8 has no chroma to write into its rows.
        let row = [(); 3].map(|()| vec![128; padded(side)]);
        Self { side, resize: Default::default(), rgb: row.clone(), row }
    }

    /// `image` (side, side, 3) becomes `frame` in RGB; an alpha in `frame` is ignored.
    pub fn run(&mut self, frame: &FrameView, image: &mut [u8]) -> Result<(), FrameError> {
        check_input(frame)?;
        let expected = 3 * self.side * self.side;
        if image.len() != expected {
            return Err(FrameError::Elements { name: "image", expected, found: image.len() });
        }
        let count = components::count(frame.format);
        for (component, resize) in self.resize[..count].iter_mut().enumerate() {
            let size = components::size(frame.format, (frame.width, frame.height), component);
            resize.begin(size, self.side);
        }
        self.row[count..].iter_mut().for_each(|chroma| chroma.fill(128));
        let from_yuv = to_rgb(frame.format, frame.colorimetry);
        for (y, image) in image.chunks_exact_mut((3 * self.side).max(1)).enumerate() {
            for (component, resize) in self.resize[..count].iter_mut().enumerate() {
                resize.row(y, frame, component, &mut self.row[component]);
            }
            let Some(from_yuv) = &from_yuv else {
                interleave_rgb(&self.row, image);
                continue;
            };
            yuv_rows_to_rgb(&self.row, from_yuv, &mut self.rgb);
            interleave_rgb(&self.rgb, image);
        }
        Ok(())
    }
}

/// From 8 bits; `None` for frames in R'G'B'.
pub(super) fn to_rgb(format: PixelFormat, colorimetry: Colorimetry) -> Option<FromYuv> {
    let colorimetry = match format {
        PixelFormat::Gray8 => Colorimetry { matrix: Matrix::Bt709, ..colorimetry },
        _ => colorimetry,
    };
    let map = Affine::to_rgb(colorimetry, 8, 1.0);
    FromYuv::of(&map, 8, 1).filter(|_| format.is_yuv())
}

vectorised! {
    fn interleave_rgb(colours: &[Vec<u8>; 3], image: &mut [u8]) {
        let [r, g, b] = colours;
        let colours = r.iter().zip(g).zip(b);
        for (pixel, ((&r, &g), &b)) in image.as_chunks_mut::<3>().0.iter_mut().zip(colours) {
            *pixel = [r, g, b];
        }
    }
}
