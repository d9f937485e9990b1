//! Frames of any layout as rows of three samples a pixel.
use super::colorimetry::Affine;
use super::vector::vectorised;
use super::{Colorimetry, FrameError, FrameView, PixelFormat};

/// What chroma samples are multiplied by in [`SourceRows`].
pub(super) const CHROMA_SCALE: u16 = 8;

/// One row of a frame: red, green and blue, or Y', Cb and Cr with chroma times [`CHROMA_SCALE`].
///
/// 4:2:0 chroma is enlarged linearly. Like MPEG-2's (GStreamer's default) its samples lie on the
/// even columns, and midway between two rows.
#[derive(Debug, Default)]
pub(super) struct SourceRows {
    pub(super) samples: [Vec<u16>; 3],
    /// Chroma rows of half width; row `r` lies in `chroma[r % 2]`, as `held` says.
    chroma: [[Vec<u16>; 2]; 2],
    held: [Option<usize>; 2],
    /// One chroma row of half width between two of the frame's, times 4.
    between: Vec<u16>,
}

/// Bits per sample.
pub(super) fn depth(format: PixelFormat) -> u32 {
    if format == PixelFormat::P010Le { 10 } else { 8 }
}

/// Whether chroma has half the width and half the height.
pub(super) fn is_subsampled(format: PixelFormat) -> bool {
    use PixelFormat::*;
    matches!(format, Nv12 | I420 | Yv12 | P010Le)
}

/// From the samples of [`SourceRows`] to R'G'B' in 0..=255.
pub(super) fn to_rgb(format: PixelFormat, colorimetry: Colorimetry) -> Affine {
    match format.is_yuv() {
        true => Affine::to_rgb(colorimetry, depth(format), f64::from(CHROMA_SCALE)),
        false => Affine::IDENTITY,
    }
}

/// Formats that keep an alpha or are only written are refused.
pub(super) fn check_input(frame: &FrameView) -> Result<(), FrameError> {
    match frame.format {
        PixelFormat::A420 | PixelFormat::Ayuv | PixelFormat::Gray16Le => {
            Err(FrameError::Input { found: frame.format })
        }
        _ => frame.check(),
    }
}

impl SourceRows {
    /// Gets ready for another checked frame.
    pub(super) fn begin(&mut self, frame: &FrameView) {
        self.held = [None; 2];
        let half = frame.width.div_ceil(2);
        self.samples.iter_mut().for_each(|row| row.resize(frame.width, 0));
        self.chroma.iter_mut().flatten().for_each(|row| row.resize(half, 0));
        self.between.resize(half, 0);
    }

    /// Reads row `y` into `samples`; chroma is left out where nobody needs it.
    pub(super) fn read(&mut self, frame: &FrameView, y: usize, with_chroma: bool) {
        if let Some(offsets) = frame.format.rgb_offsets() {
            let bytes = frame.format.packed_pixel_bytes();
            return self.read_packed(frame.row(0, y, frame.width * bytes), offsets, bytes);
        }
        let luma = &mut self.samples[0];
        match frame.format {
            PixelFormat::P010Le => ten_bits(frame.row(0, y, 2 * frame.width), luma),
            _ => widen(frame.row(0, y, frame.width), luma),
        }
        if with_chroma && is_subsampled(frame.format) {
            self.read_chroma(frame, y);
        } else if with_chroma {
            self.samples[1].fill(128 * CHROMA_SCALE);
            self.samples[2].fill(128 * CHROMA_SCALE);
        }
    }

    fn read_packed(&mut self, row: &[u8], offsets: [usize; 3], bytes: usize) {
        let [red, green, blue] = &mut self.samples;
        let outs = red.iter_mut().zip(green).zip(blue);
        match bytes {
            3 => {
                let [r, g, b] = offsets;
                for (((red, green), blue), pixel) in outs.zip(row.chunks_exact(3)) {
                    *red = u16::from(pixel[r]);
                    *green = u16::from(pixel[g]);
                    *blue = u16::from(pixel[b]);
                }
            }
            // Whole pixels at a time, for vectors.
            _ => {
                let [r, g, b] = offsets.map(|offset| 8 * offset);
                for (((red, green), blue), pixel) in outs.zip(row.as_chunks::<4>().0) {
                    let pixel = u32::from_le_bytes(*pixel);
                    *red = (pixel >> r) as u16 & 0xff;
                    *green = (pixel >> g) as u16 & 0xff;
                    *blue = (pixel >> b) as u16 & 0xff;
                }
            }
        }
    }

    fn read_chroma(&mut self, frame: &FrameView, y: usize) {
        let near = y / 2;
        let last = frame.height.div_ceil(2) - 1;
        let far = if y.is_multiple_of(2) { near.saturating_sub(1) } else { (near + 1).min(last) };
        self.hold(frame, near);
        self.hold(frame, far);
        for component in 0..2 {
            let (near, far) = (&self.chroma[near % 2], &self.chroma[far % 2]);
            between_rows(&near[component], &far[component], &mut self.between);
            double_width(&self.between, &mut self.samples[1 + component]);
        }
    }

    /// Chroma row `r` as it is in the frame, at half width: Cb and Cr.
    pub(super) fn chroma(&mut self, frame: &FrameView, r: usize) -> &[Vec<u16>; 2] {
        self.hold(frame, r);
        &self.chroma[r % 2]
    }

    fn hold(&mut self, frame: &FrameView, r: usize) {
        if self.held[r % 2].replace(r) == Some(r) {
            return;
        }
        let half = frame.width.div_ceil(2);
        let [u, v] = &mut self.chroma[r % 2];
        match frame.format {
            PixelFormat::Nv12 => {
                let pairs = frame.row(1, r, 2 * half).as_chunks::<2>().0;
                split_pairs(pairs, u, v);
            }
            PixelFormat::P010Le => {
                let pairs = frame.row(1, r, 4 * half).as_chunks::<4>().0;
                for ((u, v), &pair) in u.iter_mut().zip(v).zip(pairs) {
                    let pair = u32::from_le_bytes(pair);
                    (*u, *v) = ((pair & 0xffff) as u16 >> 6, (pair >> 22) as u16);
                }
            }
            _ => {
                let planes = if frame.format == PixelFormat::Yv12 { [2, 1] } else { [1, 2] };
                widen(frame.row(planes[0], r, half), u);
                widen(frame.row(planes[1], r, half), v);
            }
        }
    }
}

vectorised! {
    fn widen(bytes: &[u8], samples: &mut [u16]) {
        for (sample, &byte) in samples.iter_mut().zip(bytes) {
            *sample = u16::from(byte);
        }
    }
}

vectorised! {
    /// P010 keeps its ten bits at the top of sixteen.
    fn ten_bits(bytes: &[u8], samples: &mut [u16]) {
        for (sample, &word) in samples.iter_mut().zip(bytes.as_chunks::<2>().0) {
            *sample = u16::from_le_bytes(word) >> 6;
        }
    }
}

vectorised! {
    /// Even columns are the samples, odd ones the mean of their neighbours; all times 2.
    fn double_width(half: &[u16], full: &mut [u16]) {
        let (pairs, rest) = full.as_chunks_mut::<2>();
        for (pair, samples) in pairs.iter_mut().zip(half.windows(2)) {
            *pair = [2 * samples[0], samples[0] + samples[1]];
        }
        // The last column has no neighbour; an odd width ends with it.
        if let Some(&last) = half.last() {
            rest.fill(2 * last);
            if let (true, Some(pair)) = (rest.is_empty(), pairs.last_mut()) {
                pair.fill(2 * last);
            }
        }
    }
}

vectorised! {
    /// A quarter of the way from one row to another, times 4.
    fn between_rows(near: &[u16], far: &[u16], out: &mut [u16]) {
        for ((out, &near), &far) in out.iter_mut().zip(near).zip(far) {
            *out = 3 * near + far;
        }
    }
}

vectorised! {
    fn split_pairs(pairs: &[[u8; 2]], u: &mut [u16], v: &mut [u16]) {
        for ((u, v), &pair) in u.iter_mut().zip(v).zip(pairs) {
            let pair = u16::from_le_bytes(pair);
            (*u, *v) = (pair & 0xff, pair >> 8);
        }
    }
}
