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
    /// Straight pixels in one go: most of a frame's time is spent here.
    pub(super) fn convert_pixels(
        samples: &[Vec<u16>; 3],
        to_target: &Affine,
        alpha: &[u8],
        shifts: [u32; 4],
        pixels: &mut [u8],
    ) {
        if let Some(from_yuv) = FromYuv::of(to_target) {
            return from_yuv.pixels(samples, alpha, shifts, pixels);
        }
        let [s0, s1, s2] = samples;
        let [(w0, k0), (w1, k1), (w2, k2)] = [0, 1, 2].map(|i| to_target.output(i));
        let [to0, to1, to2, to_alpha] = shifts;
        let inputs = s0.iter().zip(s1).zip(s2).zip(alpha);
        let pixels = pixels.as_chunks_mut::<4>().0.iter_mut();
        for (pixel, (((&s0, &s1), &s2), &alpha)) in pixels.zip(inputs) {
            let samples = [s0, s1, s2];
            let c0 = u32::from(round_to_byte(weighted(samples, w0, k0)));
            let c1 = u32::from(round_to_byte(weighted(samples, w1, k1)));
            let c2 = u32::from(round_to_byte(weighted(samples, w2, k2)));
            let packed = c0 << to0 | c1 << to1 | c2 << to2 | u32::from(alpha) << to_alpha;
            *pixel = packed.to_le_bytes();
        }
    }
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
    /// Rows of bytes in Y'CbCr to such in R'G'B'.
    pub(super) fn yuv_rows_to_rgb(yuv: &[Vec<u8>; 3], to_rgb: &FromYuv, rgb: &mut [Vec<u8>; 3]) {
        let ([y, u, v], [r, g, b]) = (yuv, rgb);
        let outs = r.iter_mut().zip(g).zip(b);
        for (((r, g), b), ((&y, &u), &v)) in outs.zip(y.iter().zip(u).zip(v)) {
            [*r, *g, *b] = to_rgb.pixel([f32::from(y), f32::from(u), f32::from(v)]);
        }
    }
}

/// Y'CbCr to R'G'B', of which every matrix has the same weights for luma and the same zeros.
#[derive(Debug, Clone, Copy)]
pub(super) struct FromYuv {
    luma: f32,
    red_v: f32,
    green: [f32; 2],
    blue_u: f32,
    k: [f32; 3],
}

impl FromYuv {
    /// `None` where it is another kind of map.
    pub(super) fn of(map: &Affine) -> Option<Self> {
        let [(red, k0), (green, k1), (blue, k2)] = [0, 1, 2].map(|i| map.output(i));
        let [luma, no_u, red_v] = red;
        let [blue_luma, blue_u, no_v] = blue;
        let is_one = [no_u, no_v] == [0.0; 2] && [green[0], blue_luma] == [luma; 2];
        let green = [green[1], green[2]];
        is_one.then_some(Self { luma, red_v, green, blue_u, k: [k0, k1, k2] })
    }

    #[inline(always)]
    fn pixel(&self, [y, u, v]: [f32; 3]) -> [u8; 3] {
        let y = y * self.luma;
        let red = y + (v * self.red_v + self.k[0]);
        let green = y + (u * self.green[0] + v * self.green[1] + self.k[1]);
        let blue = y + (u * self.blue_u + self.k[2]);
        [round_to_byte(red), round_to_byte(green), round_to_byte(blue)]
    }

    #[inline(always)]
    fn pixels(&self, samples: &[Vec<u16>; 3], alpha: &[u8], shifts: [u32; 4], pixels: &mut [u8]) {
        let [y, u, v] = samples;
        let [to_r, to_g, to_b, to_alpha] = shifts;
        let inputs = y.iter().zip(u).zip(v).zip(alpha);
        let pixels = pixels.as_chunks_mut::<4>().0.iter_mut();
        for (pixel, (((&y, &u), &v), &alpha)) in pixels.zip(inputs) {
            let [r, g, b] = self.pixel([f32::from(y), f32::from(u), f32::from(v)]).map(u32::from);
            let packed = r << to_r | g << to_g | b << to_b | u32::from(alpha) << to_alpha;
            *pixel = packed.to_le_bytes();
        }
    }
}
