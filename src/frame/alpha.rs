//! Rows of alpha from rows of coefficients.
use super::convert::weighted;
use super::refine::{round_to_byte, round_to_word};
use super::upsample::Lerp;
use super::vector::vectorised;

vectorised! {
    /// The matte as it is, enlarged; 255 is opaque.
    pub(super) fn alpha_without_slope(offset: Lerp, alpha: &mut [u8]) {
        without_slope(offset, alpha, |value| round_to_byte(255.0 * value));
    }
}

vectorised! {
    /// The same with 65535 for opaque.
    pub(super) fn alpha16_without_slope(offset: Lerp, alpha: &mut [u16]) {
        without_slope(offset, alpha, |value| round_to_word(65535.0 * value));
    }
}

vectorised! {
    /// Luma is made on the way, of its own row alone where chroma has no part in it.
    pub(super) fn alpha_with_slope(
        slope: Lerp,
        offset: Lerp,
        samples: &[Vec<u16>; 3],
        to_luma: ([f32; 3], f32),
        alpha: &mut [u8],
    ) {
        with_slope(slope, offset, samples, to_luma, alpha, |value| round_to_byte(255.0 * value));
    }
}

vectorised! {
    /// The same with 65535 for opaque.
    pub(super) fn alpha16_with_slope(
        slope: Lerp,
        offset: Lerp,
        samples: &[Vec<u16>; 3],
        to_luma: ([f32; 3], f32),
        alpha: &mut [u16],
    ) {
        with_slope(slope, offset, samples, to_luma, alpha, |value| round_to_word(65535.0 * value));
    }
}

vectorised! {
    /// `slopes` are those of the samples as they are.
    pub(super) fn alpha_of_colors(
        slopes: [Lerp; 3],
        offset: Lerp,
        samples: &[Vec<u16>; 3],
        alpha: &mut [u8],
    ) {
        of_colors(slopes, offset, samples, alpha, |value| round_to_byte(255.0 * value));
    }
}

vectorised! {
    /// The same with 65535 for opaque.
    pub(super) fn alpha16_of_colors(
        slopes: [Lerp; 3],
        offset: Lerp,
        samples: &[Vec<u16>; 3],
        alpha: &mut [u16],
    ) {
        of_colors(slopes, offset, samples, alpha, |value| round_to_word(65535.0 * value));
    }
}

#[inline(always)]
fn of_colors<T>(
    slopes: [Lerp; 3],
    offset: Lerp,
    samples: &[Vec<u16>; 3],
    alpha: &mut [T],
    round: impl Fn(f32) -> T,
) {
    let [s0, s1, s2] = samples;
    let pixels = s0.iter().zip(s1).zip(s2);
    let [l0, l1, l2] = slopes;
    let weights = l0.values().zip(l1.values()).zip(l2.values()).zip(offset.values());
    for (alpha, (((s0, s1), s2), (((w0, w1), w2), k))) in alpha.iter_mut().zip(pixels.zip(weights))
    {
        *alpha = round(weighted([*s0, *s1, *s2], [w0, w1, w2], k));
    }
}

#[inline(always)]
fn without_slope<T>(offset: Lerp, alpha: &mut [T], round: impl Fn(f32) -> T) {
    let offsets = offset.above.iter().zip(offset.below);
    for (alpha, (above, below)) in alpha.iter_mut().zip(offsets) {
        *alpha = round(above + (below - above) * offset.weight);
    }
}

#[inline(always)]
fn with_slope<T>(
    slope: Lerp,
    offset: Lerp,
    samples: &[Vec<u16>; 3],
    to_luma: ([f32; 3], f32),
    alpha: &mut [T],
    round: impl Fn(f32) -> T,
) {
    let ([s0, s1, s2], (weights, k)) = (samples, to_luma);
    let slopes = slope.above.iter().zip(slope.below);
    let offsets = offset.above.iter().zip(offset.below);
    let lerps = slopes.zip(offsets).map(|((s0, s1), (o0, o1))| {
        (s0 + (s1 - s0) * slope.weight, o0 + (o1 - o0) * offset.weight)
    });
    let outs = alpha.iter_mut().zip(lerps);
    // Luma is clamped as the colours are that the model saw.
    if weights[1..] == [0.0; 2] {
        for ((alpha, (slope, offset)), &s0) in outs.zip(s0) {
            *alpha = round(slope * (f32::from(s0) * weights[0] + k).clamp(0.0, 1.0) + offset);
        }
        return;
    }
    for ((alpha, (slope, offset)), ((&s0, &s1), &s2)) in outs.zip(s0.iter().zip(s1).zip(s2)) {
        *alpha = round(slope * weighted([s0, s1, s2], weights, k).clamp(0.0, 1.0) + offset);
    }
}
