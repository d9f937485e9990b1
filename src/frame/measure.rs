//! Sums of a row's colours over cells: of what is surely foreground, of what is background.
//!
//! Weights are eighth powers: a pixel that is half one and half the other hardly counts.
use super::foreground::{CELL, Sums};

/// Whole numbers of weights to sums.
const SCALE: f32 = 1.0 / 255.0;

/// Adds a row's cells, three samples of at most fifteen bits and an alpha a pixel.
pub(super) fn measure_row(samples: &[Vec<u16>; 3], alpha: &[u8], cells: &mut [Sums]) {
    let [(s0, rest0), (s1, rest1), (s2, rest2)] = samples.each_ref().map(|s| s.as_chunks());
    let (alphas, alpha_rest) = alpha.as_chunks();
    let (whole, last) = cells.split_at_mut(alphas.len());
    measure_cells([s0, s1, s2], alphas, whole);
    if let Some(cell) = last.first_mut() {
        // The last pixel again and again; none of a whole cell's weight is lost.
        let last = |rest: &[u16]| std::array::from_fn(|i| rest[i.min(rest.len() - 1)]);
        let alpha = std::array::from_fn(|i| alpha_rest[i.min(alpha_rest.len() - 1)]);
        measure_cell([&last(rest0), &last(rest1), &last(rest2)], &alpha, cell);
    }
}

fn measure_cells(samples: [&[[u16; CELL]]; 3], alphas: &[[u8; CELL]], cells: &mut [Sums]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the CPU has AVX2, as it just said.
        return unsafe { measure_cells_at_once(samples, alphas, cells) };
    }
    let pixels = samples[0].iter().zip(samples[1]).zip(samples[2]).zip(alphas);
    for (cell, (((s0, s1), s2), alpha)) in cells.iter_mut().zip(pixels) {
        measure_cell([s0, s1, s2], alpha, cell);
    }
}

fn measure_cell(samples: [&[u16; CELL]; 3], alpha: &[u8; CELL], sums: &mut Sums) {
    let alphas = [*alpha, alpha.map(|alpha| 255 - alpha)];
    for (sums, alpha) in sums.as_chunks_mut::<4>().0.iter_mut().zip(alphas) {
        let weights = alpha.map(eighth_power);
        for (sum, samples) in sums.iter_mut().zip(samples) {
            let products = weights.iter().zip(samples).map(|(weight, s)| weight * u32::from(*s));
            *sum += products.sum::<u32>() as f32 * SCALE;
        }
        sums[3] += weights.iter().sum::<u32>() as f32 * SCALE;
    }
}

/// Of 0..=255, in 0..=255.
fn eighth_power(value: u8) -> u32 {
    let square = |value: u32| (value * value + 255) >> 8;
    square(square(square(u32::from(value))))
}

/// The same bits as [`measure_cell`]. Compilers do not find this one: both weights of a cell fill a
/// vector, and the eight sums meet in the order that they are kept in.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn measure_cells_at_once(
    [s0, s1, s2]: [&[[u16; CELL]]; 3],
    alphas: &[[u8; CELL]],
    cells: &mut [Sums],
) {
    use std::arch::x86_64::*;
    let pixels = s0.iter().zip(s1).zip(s2).zip(alphas);
    for (cell, (((s0, s1), s2), alpha)) in cells.iter_mut().zip(pixels) {
        // SAFETY: loads and stores need no alignment: 8 bytes of `alpha`, 16 of each of the samples
        // and 32 of `cell` are all that these arrays have.
        unsafe {
            let alpha = _mm_loadl_epi64(alpha.as_ptr().cast());
            let both = _mm_unpacklo_epi64(alpha, _mm_xor_si128(alpha, _mm_set1_epi8(-1)));
            let mut weights = _mm256_cvtepu8_epi16(both);
            for _ in 0..3 {
                let square = _mm256_mullo_epi16(weights, weights);
                weights = _mm256_srli_epi16::<8>(_mm256_add_epi16(square, _mm256_set1_epi16(255)));
            }
            let [m0, m1, m2] = [s0, s1, s2].map(|samples| {
                let samples = _mm_loadu_si128(samples.as_ptr().cast());
                _mm256_madd_epi16(weights, _mm256_broadcastsi128_si256(samples))
            });
            let ones = _mm256_madd_epi16(weights, _mm256_set1_epi16(1));
            let halves = [_mm256_hadd_epi32(m0, m1), _mm256_hadd_epi32(m2, ones)];
            let sums = _mm256_cvtepi32_ps(_mm256_hadd_epi32(halves[0], halves[1]));
            let sums = _mm256_mul_ps(sums, _mm256_set1_ps(SCALE));
            let sums = _mm256_add_ps(_mm256_loadu_ps(cell.as_ptr()), sums);
            _mm256_storeu_ps(cell.as_mut_ptr(), sums);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_at_once_have_the_same_bits() {
        let word = |i: usize, most: usize| ((i * i * 40503) >> 5) % (most + 1);
        let samples = [0, 1, 2].map(|c| {
            let cell = |n: usize| std::array::from_fn(|i| word(8 * n + i + c, 32767) as u16);
            (0..400).map(cell).collect::<Vec<[u16; CELL]>>()
        });
        let samples = samples.each_ref().map(|samples| &samples[..]);
        // Ends, every value, and noise.
        let alpha = |n: usize, i: usize| match n {
            0..40 => 255 * (n % 2),
            40..300 => n - 40,
            _ => word(8 * n + i, 255),
        };
        let alphas: Vec<[u8; CELL]> =
            (0..400).map(|n| std::array::from_fn(|i| alpha(n, i) as u8)).collect();
        let (mut got, mut want) = (vec![[0.5; 8]; 400], vec![[0.5; 8]; 400]);
        measure_cells(samples, &alphas, &mut got);
        for (n, cell) in want.iter_mut().enumerate() {
            measure_cell(samples.map(|samples| &samples[n]), &alphas[n], cell);
        }
        assert_eq!(got, want);
    }
}
