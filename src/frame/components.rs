//! Rows of one component of a frame as bytes.
use super::resize::PlaneSize;
use super::{FrameView, PixelFormat};

/// Components that vary: red, green and blue, or Y', Cb and Cr, or Y' alone.
pub(super) fn count(format: PixelFormat) -> usize {
    if format == PixelFormat::Gray8 { 1 } else { 3 }
}

/// How many samples a component has; of chroma's rounded-up size, what lies under the frame.
pub(super) fn size(
    format: PixelFormat,
    (width, height): (usize, usize),
    component: usize,
) -> PlaneSize {
    let shrink = if format.is_yuv() && component > 0 { 2 } else { 1 };
    let covered = [width, height].map(|n| n as f64 / shrink as f64);
    PlaneSize {
        columns: width.div_ceil(shrink),
        rows: height.div_ceil(shrink),
        covered: covered.into(),
    }
}

/// Row `y` of a component, where it lies or else in `out`; P010's to the nearest of 8 bits.
pub(super) fn read<'a>(
    frame: &FrameView<'a>,
    component: usize,
    y: usize,
    out: &'a mut [u8],
) -> &'a [u8] {
    use PixelFormat::*;
    let columns = out.len();
    match (frame.format, component) {
        (Nv12, 0) | (I420 | Gray8, _) => return frame.row(component, y, columns),
        (Yv12, _) => return frame.row((3 - component) % 3, y, columns),
        (P010Le, 0) => {
            let words = frame.row(0, y, 2 * columns).as_chunks::<2>().0;
            out.iter_mut().zip(words).for_each(|(out, &word)| *out = word_to_byte(word));
        }
        (P010Le, _) => {
            let words = frame.row(1, y, 4 * columns).as_chunks::<4>().0;
            let shift = 16 * (component as u32 - 1);
            for (out, &pair) in out.iter_mut().zip(words) {
                let word = (u32::from_le_bytes(pair) >> shift) as u16;
                *out = word_to_byte(word.to_le_bytes());
            }
        }
        (Nv12, _) => {
            let pairs = frame.row(1, y, 2 * columns).as_chunks::<2>().0;
            let shift = 8 * (component as u32 - 1);
            for (out, &pair) in out.iter_mut().zip(pairs) {
                *out = (u16::from_le_bytes(pair) >> shift) as u8;
            }
        }
        (packed, _) => {
            let offset = packed.rgb_offsets().unwrap_or([0, 1, 2])[component];
            let bytes = packed.packed_pixel_bytes();
            match bytes {
                4 => every_fourth(frame.row(0, y, 4 * columns), offset, out),
                _ => {
                    let pixels = frame.row(0, y, bytes * columns).chunks_exact(bytes);
                    out.iter_mut().zip(pixels).for_each(|(out, pixel)| *out = pixel[offset]);
                }
            }
        }
    }
    out
}

fn word_to_byte(word: [u8; 2]) -> u8 {
    (u16::from_le_bytes(word).saturating_add(128) >> 8) as u8
}

/// Whole pixels at a time, for vectors.
fn every_fourth(row: &[u8], offset: usize, out: &mut [u8]) {
    for (out, &pixel) in out.iter_mut().zip(row.as_chunks::<4>().0) {
        *out = (u32::from_le_bytes(pixel) >> (8 * offset)) as u8;
    }
}
