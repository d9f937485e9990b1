//! One row of bytes to another width: each output the weighted sum of a few neighbours.
use super::resize::{Axis, BETWEEN_BITS, WEIGHT_BITS};
use super::vector::vectorised;

/// What sums have more than the samples between the two passes.
const SHIFT: u32 = WEIGHT_BITS - BETWEEN_BITS;
/// One half of what is shifted out.
const HALF: i32 = 1 << (SHIFT - 1);

/// Taps of [`far`] are summed so many at a time.
const CHUNK: usize = 16;
/// Outputs of [`near`] at once, and how many of them share one load.
const LANES: usize = 8;
const GROUP: usize = 4;
/// Bytes of one load.
const LOAD: usize = 16;

/// A row's way to another width.
#[derive(Debug)]
pub(super) enum Across {
    /// For any scale: whole chunks of taps per output.
    Far(Axis),
    /// Where outputs lie close enough.
    Near(Near),
}

/// What [`near`] reads.
#[derive(Debug)]
pub(super) struct Near {
    /// Pairs of taps per output.
    pairs: usize,
    /// Per [`GROUP`]: where its first load is; each pair's load lies two bytes on.
    base: Vec<u32>,
    /// Per [`LANES`]: a pair of bytes for each lane, widened to words.
    shuffle: Vec<[u8; 2 * LOAD]>,
    /// Per [`LANES`] and pair: the weights of each lane's two taps.
    weights: Vec<[i16; 2 * LANES]>,
}

impl Default for Across {
    fn default() -> Self {
        Self::Far(Axis::default())
    }
}

impl Across {
    /// From `columns` bytes, of which `covered` lie under the frame, to `side` words and padding.
    pub(super) fn new(columns: usize, covered: f64, side: usize) -> Self {
        let axis = |multiple| Axis::new(columns, covered, side, multiple).padded();
        Near::new(&axis(2), columns).map_or_else(|| Self::Far(axis(CHUNK)), Self::Near)
    }

    /// Bytes that a row must have at least.
    pub(super) fn reach(&self) -> usize {
        match self {
            Self::Far(axis) => axis.taps,
            Self::Near(near) => near.reach(),
        }
    }

    /// `row` has at least `reach` bytes; `between` takes all outputs, padding included.
    pub(super) fn run(&self, row: &[u8], between: &mut [u16]) {
        match self {
            Self::Far(axis) => far(row, axis, between),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: tables of this kind are made only where the CPU has AVX2.
            Self::Near(tables) => unsafe { near(row, tables, between) },
            #[cfg(not(target_arch = "x86_64"))]
            Self::Near(_) => unreachable!("it is made for AVX2 only"),
        }
    }
}

impl Near {
    /// Nothing where a group's bytes do not fit one load, or without AVX2.
    fn new(axis: &Axis, columns: usize) -> Option<Self> {
        let groups = axis.first.as_chunks::<GROUP>().0;
        let fits = groups.iter().all(|group| group[GROUP - 1] <= group[0] + (LOAD - 2) as u32);
        if !fits || !has_avx2() {
            return None;
        }
        let pairs = axis.taps / 2;
        let last = columns.saturating_sub(reach(pairs)) as u32;
        let base: Vec<u32> = groups.iter().map(|group| group[0].min(last)).collect();
        let (mut shuffle, mut weights) = (Vec::new(), Vec::new());
        for (lanes, firsts) in axis.first.as_chunks::<LANES>().0.iter().enumerate() {
            let base = |lane: usize| base[lanes * LANES / GROUP + lane / GROUP];
            shuffle.push(std::array::from_fn(|i| match i % 4 {
                0 => (firsts[i / 4] - base(i / 4)) as u8,
                2 => (firsts[i / 4] - base(i / 4)) as u8 + 1,
                // A zero.
                _ => 0x80,
            }));
            let weight = |pair: usize, i: usize| axis.of(lanes * LANES + i / 2).1[2 * pair + i % 2];
            weights.extend((0..pairs).map(|p| std::array::from_fn(|i| weight(p, i) as i16)));
        }
        Some(Self { pairs, base, shuffle, weights })
    }

    fn reach(&self) -> usize {
        reach(self.pairs)
    }
}

/// From a group's first byte to the end of its last load.
fn reach(pairs: usize) -> usize {
    2 * pairs + LOAD - 2
}

fn has_avx2() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx2");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

vectorised! {
    /// For any scale.
    fn far(row: &[u8], axis: &Axis, between: &mut [u16]) {
        let weights = axis.weights.chunks_exact(axis.taps);
        for ((out, &first), weights) in between.iter_mut().zip(&axis.first).zip(weights) {
            let bytes = row[first as usize..][..axis.taps].as_chunks::<CHUNK>().0;
            let mut sums = [0; CHUNK];
            for (bytes, weights) in bytes.iter().zip(weights.as_chunks::<CHUNK>().0) {
                for ((sum, &byte), &weight) in sums.iter_mut().zip(bytes).zip(weights) {
                    *sum += i32::from(byte) * i32::from(weight as i16);
                }
            }
            *out = ((sums.iter().sum::<i32>() + HALF) >> SHIFT) as u16;
        }
    }
}

/// The same bits as [`far`]. Compilers do not find this one: what four outputs need lies in one
/// load, and is shuffled instead of gathered.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn near(row: &[u8], tables: &Near, between: &mut [u16]) {
    use std::arch::x86_64::*;
    let Near { pairs, ref base, ref shuffle, ref weights } = *tables;
    // Bases rise, so all that is read of the row lies in it if the last does.
    let end = base.last().map_or(0, |last| *last as usize + tables.reach());
    assert!(end <= row.len(), "a row of {} bytes, read up to {end}", row.len());
    let outs = between.as_chunks_mut::<LANES>().0.iter_mut();
    let bases = base.as_chunks::<2>().0;
    let tables = bases.iter().zip(shuffle).zip(weights.chunks_exact(pairs));
    for (out, ((&[low, high], shuffle), weights)) in outs.zip(tables) {
        // SAFETY: loads and stores need no alignment: 32 bytes of `shuffle` and of each of
        // `weights`, 16 of `row` before `end`, and the 16 of `out`.
        unsafe {
            let (mut low, mut high) =
                (row.as_ptr().add(low as usize), row.as_ptr().add(high as usize));
            let shuffle = _mm256_loadu_si256(shuffle.as_ptr().cast());
            let mut sums = _mm256_set1_epi32(HALF);
            for weights in weights {
                let groups = _mm256_loadu2_m128i(high.cast(), low.cast());
                let words = _mm256_shuffle_epi8(groups, shuffle);
                let weights = _mm256_loadu_si256(weights.as_ptr().cast());
                sums = _mm256_add_epi32(sums, _mm256_madd_epi16(words, weights));
                (low, high) = (low.add(2), high.add(2));
            }
            let sums = _mm256_srli_epi32::<{ SHIFT as i32 }>(sums);
            let (low, high) = (_mm256_castsi256_si128(sums), _mm256_extracti128_si256::<1>(sums));
            _mm_storeu_si128(out.as_mut_ptr().cast(), _mm_packus_epi32(low, high));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::resize::padded;

    #[test]
    fn near_and_far_give_the_same_bits() {
        for (from, to) in [(1920, 1024), (3840, 1024), (960, 1024), (31, 32), (7, 33), (1280, 384)]
        {
            let axis = |multiple| Axis::new(from, from as f64, to, multiple).padded();
            let (near, far) = (Near::new(&axis(2), from), Across::Far(axis(CHUNK)));
            let Some(near) = near.map(Across::Near) else { continue };
            let length = from.max(near.reach()).max(far.reach());
            let row: Vec<u8> = (0..length).map(|i| (i * i % 251) as u8).collect();
            let outs = [near, far].map(|across| {
                let mut out = vec![0; padded(to)];
                across.run(&row, &mut out);
                out
            });
            assert_eq!(outs[0], outs[1], "{from} to {to}");
        }
    }
}
