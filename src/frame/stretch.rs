//! One row of samples to another width, linearly.

/// Where the samples of an output row come from.
#[derive(Debug, Default)]
pub(super) struct Taps {
    /// Per output: the left sample's index, in order.
    left: Vec<u32>,
    /// Per output: the right sample's weight.
    weight: Vec<f32>,
    /// Eight outputs in a row never reach beyond eight samples and one.
    grows: bool,
}

/// What a row of samples must be followed by; its last sample, first of all.
pub(super) const PADDING: usize = 8;

impl Taps {
    /// `(left, weight)` of each of `width` outputs, from a row of `side` samples.
    pub(super) fn new(side: usize, width: usize, tap: impl Fn(usize) -> (u32, f32)) -> Self {
        let (left, weight) = (0..width).map(tap).unzip();
        Self { left, weight, grows: side <= width }
    }

    /// Outputs.
    pub(super) fn width(&self) -> usize {
        self.left.len()
    }

    /// `row` is [`PADDING`] longer than its samples.
    pub(super) fn stretch(&self, row: &[f32], out: &mut [f32]) {
        #[cfg(target_arch = "x86_64")]
        if self.grows && std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the CPU has AVX2, as it just said.
            return unsafe { grow(row, &self.left, &self.weight, out) };
        }
        stretch(row, &self.left, &self.weight, out);
    }
}

fn stretch(row: &[f32], left: &[u32], weight: &[f32], out: &mut [f32]) {
    for ((out, &left), weight) in out.iter_mut().zip(left).zip(weight) {
        let (a, b) = (row[left as usize], row[left as usize + 1]);
        *out = a + (b - a) * weight;
    }
}

/// The same bits as [`stretch`]. Compilers do not find this one: what eight outputs need lies in
/// two overlapping vectors, and is permuted instead of gathered.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn grow(row: &[f32], left: &[u32], weight: &[f32], out: &mut [f32]) {
    use std::arch::x86_64::*;
    let (outs, out_rest) = out.as_chunks_mut::<8>();
    let (lefts, left_rest) = left.as_chunks::<8>();
    let (weights, weight_rest) = weight.as_chunks::<8>();
    for ((out, left), weight) in outs.iter_mut().zip(lefts).zip(weights) {
        let samples = &row[left[0] as usize..][..9];
        // SAFETY: each pointer is to eight values of four bytes, which need no alignment: the
        // arrays' own, and the first and the last eight of nine samples.
        unsafe {
            let first = _mm256_set1_epi32(left[0] as i32);
            let at = _mm256_sub_epi32(_mm256_loadu_si256(left.as_ptr().cast()), first);
            let a = _mm256_permutevar8x32_ps(_mm256_loadu_ps(samples.as_ptr()), at);
            let b = _mm256_permutevar8x32_ps(_mm256_loadu_ps(samples[1..].as_ptr()), at);
            let weight = _mm256_loadu_ps(weight.as_ptr());
            let step = _mm256_mul_ps(_mm256_sub_ps(b, a), weight);
            _mm256_storeu_ps(out.as_mut_ptr(), _mm256_add_ps(a, step));
        }
    }
    stretch(row, left_rest, weight_rest, out_rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growing_rows_in_vectors_gives_the_same_bits() {
        for (side, width) in [(1, 1), (1, 40), (5, 8), (7, 7), (16, 33), (256, 1920), (384, 385)] {
            let row: Vec<f32> = (0..side + PADDING).map(|i| (i as f32 * 1.7).sin()).collect();
            let taps = Taps::new(side, width, |x| {
                let at = x as f64 * side as f64 / width as f64;
                (at as u32, at.fract() as f32)
            });
            let (mut want, mut got) = (vec![0.0; width], vec![0.0; width]);
            stretch(&row, &taps.left, &taps.weight, &mut want);
            taps.stretch(&row, &mut got);
            assert_eq!(got, want, "{side} to {width}");
        }
    }
}
