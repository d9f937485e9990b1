//! Rows of alpha from rows of coefficients.
use super::convert::weighted;
use super::refine::round_to_byte;
use super::upsample::Lerp;
use super::vector::vectorised;

vectorised! {
    /// The matte as it is, enlarged.
    pub(super) fn alpha_without_slope(offset: Lerp, alpha: &mut [u8]) {
        let offsets = offset.above.iter().zip(offset.below);
        for (alpha, (above, below)) in alpha.iter_mut().zip(offsets) {
            *alpha = round_to_byte(255.0 * (above + (below - above) * offset.weight));
        }
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
        let ([s0, s1, s2], (weights, k)) = (samples, to_luma);
        let slopes = slope.above.iter().zip(slope.below);
        let offsets = offset.above.iter().zip(offset.below);
        let lerps = slopes.zip(offsets).map(|((s0, s1), (o0, o1))| {
            (s0 + (s1 - s0) * slope.weight, o0 + (o1 - o0) * offset.weight)
        });
        let outs = alpha.iter_mut().zip(lerps);
        if weights[1..] == [0.0; 2] {
            for ((alpha, (slope, offset)), &s0) in outs.zip(s0) {
                *alpha = alpha_at(slope, offset, f32::from(s0) * weights[0] + k);
            }
            return;
        }
        for ((alpha, (slope, offset)), ((&s0, &s1), &s2)) in outs.zip(s0.iter().zip(s1).zip(s2)) {
            *alpha = alpha_at(slope, offset, weighted([s0, s1, s2], weights, k));
        }
    }
}

/// Luma is clamped as the colours are that the model saw.
#[inline(always)]
fn alpha_at(slope: f32, offset: f32, luma: f32) -> u8 {
    round_to_byte(255.0 * (slope * luma.clamp(0.0, 1.0) + offset))
}
