//! Rows of samples to rows of bytes.
use super::colorimetry::Affine;
use super::refine::round_to_byte;
use super::vector::vectorised;

vectorised! {
    /// One output of an [`Affine`], as bytes.
    pub(super) fn convert_row(samples: &[Vec<u16>; 3], output: ([f32; 3], f32), bytes: &mut [u8]) {
        let ([s0, s1, s2], (weights, k)) = (samples, output);
        match weights.map(|w| w != 0.0) {
            [true, false, false] => return scale_row(s0, weights[0], k, bytes),
            [false, true, false] => return scale_row(s1, weights[1], k, bytes),
            [false, false, true] => return scale_row(s2, weights[2], k, bytes),
            _ => {}
        }
        for (((byte, &s0), &s1), &s2) in bytes.iter_mut().zip(s0).zip(s1).zip(s2) {
            *byte = round_to_byte(weighted([s0, s1, s2], weights, k));
        }
    }
}

vectorised! {
    /// `samples * weight + k`, as bytes.
    pub(super) fn scale_row(samples: &[u16], weight: f32, k: f32, bytes: &mut [u8]) {
        if (weight, k) == (1.0, 0.0) {
            bytes.iter_mut().zip(samples).for_each(|(byte, &sample)| *byte = sample as u8);
            return;
        }
        if (weight, k) == (0.125, 0.0) {
            // Halves to even, as below.
            for (byte, &sample) in bytes.iter_mut().zip(samples) {
                *byte = ((sample + 3 + (sample >> 3 & 1)) >> 3) as u8;
            }
            return;
        }
        for (byte, &sample) in bytes.iter_mut().zip(samples) {
            *byte = round_to_byte(f32::from(sample) * weight + k);
        }
    }
}

#[inline(always)]
pub(super) fn weighted(samples: [u16; 3], weights: [f32; 3], k: f32) -> f32 {
    let [s0, s1, s2] = samples.map(f32::from);
    s0 * weights[0] + s1 * weights[1] + s2 * weights[2] + k
}

vectorised! {
    /// Packed pixels of rows of bytes.
    pub(super) fn interleave(colour: &[Vec<u8>; 3], alpha: &[u8], shifts: [u32; 4], pixels: &mut [u8]) {
        let [c0, c1, c2] = colour;
        let inputs = c0.iter().zip(c1).zip(c2).zip(alpha);
        for (pixel, (((&c0, &c1), &c2), &alpha)) in pixels.as_chunks_mut::<4>().0.iter_mut().zip(inputs)
        {
            let [c0, c1, c2, alpha] = [c0, c1, c2, alpha].map(u32::from);
            let packed = c0 << shifts[0] | c1 << shifts[1] | c2 << shifts[2] | alpha << shifts[3];
            *pixel = packed.to_le_bytes();
        }
    }
}

vectorised! {
    /// Rows of samples in Y'CbCr to bytes in R'G'B'.
    pub(super) fn samples_to_rgb(yuv: &[Vec<u16>; 3], to_rgb: &FromYuv, rgb: &mut [Vec<u8>; 3]) {
        let ([y, u, v], [r, g, b]) = (yuv, rgb);
        let outs = r.iter_mut().zip(g).zip(b);
        for (((r, g), b), ((&y, &u), &v)) in outs.zip(y.iter().zip(u).zip(v)) {
            [*r, *g, *b] = to_rgb.pixel([y, u, v]);
        }
    }
}

vectorised! {
    /// The same of rows of bytes.
    pub(super) fn yuv_rows_to_rgb(yuv: &[Vec<u8>; 3], to_rgb: &FromYuv, rgb: &mut [Vec<u8>; 3]) {
        let ([y, u, v], [r, g, b]) = (yuv, rgb);
        let outs = r.iter_mut().zip(g).zip(b);
        for (((r, g), b), ((&y, &u), &v)) in outs.zip(y.iter().zip(u).zip(v)) {
            [*r, *g, *b] = to_rgb.pixel([y, u, v].map(u16::from));
        }
    }
}

/// Y'CbCr to R'G'B' in words of sixteen bits: twice as many at once as in f32. Every matrix has
/// the same weights for luma and the same zeros.
///
/// Luma fills 15 bits and chroma, from its centre, 16; products keep [`FRACTION`] bits below a
/// byte's, so that a colour is within 0.1 of its formula before it is rounded.
#[derive(Debug, Clone, Copy)]
pub(super) struct FromYuv {
    pub(super) luma_shift: u32,
    pub(super) chroma_shift: u32,
    pub(super) centre: u16,
    pub(super) luma: i16,
    pub(super) red_v: i16,
    pub(super) green: [i16; 2],
    pub(super) blue_u: i16,
    /// Of red and blue, and of green.
    pub(super) k: [i16; 2],
}

const FRACTION: u32 = 5;

impl FromYuv {
    /// `None` where it is another kind of map. Luma has `depth` bits; chroma, too, times
    /// `chroma_scale`, a power of two.
    pub(super) fn of(map: &Affine, depth: u32, chroma_scale: u16) -> Option<Self> {
        let [red, green, blue] = [0, 1, 2].map(|i| map.output(i));
        let is_one = [red.0[1], blue.0[2]] == [0.0; 2] && [green.0[0], blue.0[0]] == [red.0[0]; 2];
        let centre = chroma_scale << (depth - 1);
        let (luma_shift, chroma_shift) = (15 - depth, centre.leading_zeros());
        let weight =
            |w: f32, shift: u32| (w * ((65536 << FRACTION) >> shift) as f32).round() as i16;
        // Chroma comes from its centre; half for rounding, and what products lose on average.
        let k = |(weights, k): ([f32; 3], f32), products: f32| {
            let black = k + (weights[1] + weights[2]) * f32::from(centre);
            ((black + 0.5) * (1 << FRACTION) as f32 + 0.5 * products).round() as i16
        };
        is_one.then(|| Self {
            luma_shift,
            chroma_shift,
            centre,
            luma: weight(red.0[0], luma_shift),
            red_v: weight(red.0[2], chroma_shift),
            green: [green.0[1], green.0[2]].map(|w| weight(w, chroma_shift)),
            blue_u: weight(blue.0[1], chroma_shift),
            k: [k(red, 1.0), k(green, 2.0)],
        })
    }

    #[inline(always)]
    fn pixel(&self, [y, u, v]: [u16; 3]) -> [u8; 3] {
        let chroma = |c: u16| (c.wrapping_sub(self.centre) << self.chroma_shift) as i16;
        let (u, v) = (chroma(u), chroma(v));
        let y = high((y << self.luma_shift) as i16, self.luma);
        let red = y + high(v, self.red_v) + self.k[0];
        let green = y + high(u, self.green[0]) + high(v, self.green[1]) + self.k[1];
        let blue = y + high(u, self.blue_u) + self.k[0];
        [red, green, blue].map(|colour| (colour >> FRACTION).clamp(0, 255) as u8)
    }
}

/// The upper half of a product.
#[inline(always)]
fn high(a: i16, b: i16) -> i16 {
    ((i32::from(a) * i32::from(b)) >> 16) as i16
}
