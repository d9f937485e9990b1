//! A row's colours to the foreground's own, in words of sixteen bits: twice as many at once as in
//! f32. A colour is within 0.2 of its formula before it is rounded.
use super::foreground::CELL;
use super::refine::round_to_word;

/// Foreground's three colours, then background's, each four words apart; in 1/32 of a byte's steps.
pub(super) type Guess = [i16; 8];

/// The cells around a row of pixels: one before the frame's, all of the frame's, and two more.
#[derive(Debug, Clone, Copy)]
pub(super) struct Around<'a> {
    pub(super) above: &'a [Guess],
    pub(super) below: &'a [Guess],
    /// How far the row is on its way from the one to the other; 2^15 is all of it.
    pub(super) way: i16,
}

/// Pixels at a time: from a cell's centre past the next to that after it.
const GROUP: usize = 2 * CELL;

type Group = [u8; GROUP];
/// Before, or after, each half of a group.
type Centres = [Guess; 2];

/// How far each pixel of a group is on its way from one centre to the next.
const WAY: [i16; GROUP] = {
    let mut way = [0; GROUP];
    let mut x = 0;
    while x < GROUP {
        way[x] = way_between(x);
        x += 1;
    }
    way
};

/// How far pixel `x`, counted from a cell's centre, is on its way to the next.
pub(super) const fn way_between(x: usize) -> i16 {
    (2 * (x % CELL) as i16 + 1) * 2048
}

/// One word of a [`Guess`]; colours below -256 and above 511 are none.
#[inline(always)]
pub(super) fn to_guess(colour: f32) -> i16 {
    const LEAST: f32 = -256.0 * 32.0;
    const MOST: f32 = 511.0 * 32.0;
    round_to_word((32.0 * colour).min(MOST) - LEAST) as i16 + LEAST as i16
}

impl Around<'_> {
    /// The same from the first cell of a group on.
    fn from(self, group: usize) -> Self {
        let [above, below] =
            [self.above, self.below].map(|row| row.get(2 * group..).unwrap_or_default());
        Self { above, below, ..self }
    }
}

/// Colours become the foreground's where `alpha` is between.
pub(super) fn separate_row(around: Around, alpha: &[u8], colours: &mut [Vec<u8>; 3]) {
    // Half a cell's pixels lie before the first centre.
    let head = alpha.len().min(GROUP - CELL / 2);
    let [c0, c1, c2] = colours.each_mut().map(|row| row.split_at_mut(head));
    let (first, alpha) = alpha.split_at(head);
    separate_part(around, CELL / 2, first, [c0.0, c1.0, c2.0]);
    let (alphas, rest) = alpha.as_chunks();
    let [(c0, rest0), (c1, rest1), (c2, rest2)] = [c0.1, c1.1, c2.1].map(|row| row.as_chunks_mut());
    separate_groups(around.from(1), alphas, [c0, c1, c2]);
    separate_part(around.from(1 + alphas.len()), 0, rest, [rest0, rest1, rest2]);
}

/// Less than a group, of which the first is the `first`th.
fn separate_part(around: Around, first: usize, alpha: &[u8], colours: [&mut [u8]; 3]) {
    let (mut alphas, mut groups) = ([[0; GROUP]], [[[0; GROUP]]; 3]);
    let range = first..first + alpha.len();
    alphas[0][range.clone()].copy_from_slice(alpha);
    for ([group], colour) in groups.iter_mut().zip(&colours) {
        group[range.clone()].copy_from_slice(colour);
    }
    separate_groups(around, &alphas, groups.each_mut().map(|groups| &mut groups[..]));
    for ([group], colour) in groups.iter().zip(colours) {
        colour.copy_from_slice(&group[range.clone()]);
    }
}

fn separate_groups(around: Around, alphas: &[Group], colours: [&mut [Group]; 3]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the CPU has AVX2, as it just said.
        return unsafe { separate_at_once(around, alphas, colours) };
    }
    for_each(around, alphas, colours, |centres, alpha, colours| {
        separate_group(centres, around.way, alpha, colours);
    });
}

/// Groups with the centres before and after their cells, where alpha may be between.
#[inline(always)]
fn for_each(
    around: Around,
    alphas: &[Group],
    [c0, c1, c2]: [&mut [Group]; 3],
    separate: impl Fn([[&Centres; 2]; 2], &Group, [&mut Group; 3]),
) {
    let [above, below] = [around.above, around.below].map(|row| {
        let after = row.get(1..).unwrap_or_default();
        row.as_chunks().0.iter().zip(after.as_chunks().0)
    });
    let groups = above.zip(below).zip(alphas).zip(c0).zip(c1).zip(c2);
    for (((((above, below), alpha), c0), c1), c2) in groups {
        if !matches!(u128::from_le_bytes(*alpha), 0 | u128::MAX) {
            separate([above.into(), below.into()], alpha, [c0, c1, c2]);
        }
    }
}

/// Pixels where alpha is 0 are left as if it were 255.
fn separate_group(
    [above, below]: [[&Centres; 2]; 2],
    way: i16,
    alpha: &Group,
    colours: [&mut Group; 3],
) {
    for (channel, colour) in colours.into_iter().enumerate() {
        for (i, colour) in colour.iter_mut().enumerate() {
            let alpha = i32::from(if alpha[i] == 0 { 255 } else { alpha[i] });
            let a = ((alpha * 257) >> 1) as i16;
            let square = product(a, a);
            let guess = |at: usize| {
                let [before, after] = [0, 1].map(|end| {
                    let cell = i / CELL;
                    between(above[end][cell][at], below[end][cell][at], way)
                });
                between(before, after, WAY[i])
            };
            let sum = product(guess(channel), i16::MAX - square)
                + product(guess(4 + channel), square - a)
                + product(i16::from(*colour) << 5, a);
            *colour = ((sum + 16) >> 5).clamp(0, 255) as u8;
        }
    }
}

fn between(from: i16, to: i16, way: i16) -> i16 {
    from + product(to - from, way)
}

/// Of two fractions of 2^15, to the nearest.
fn product(a: i16, b: i16) -> i16 {
    ((i32::from(a) * i32::from(b) + (1 << 14)) >> 15) as i16
}

/// The same bits as [`separate_group`]. Compilers do not find this one: what all pixels of a cell
/// share is spread within its half of a vector.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn separate_at_once(around: Around, alphas: &[Group], colours: [&mut [Group]; 3]) {
    use std::arch::x86_64::*;
    let down = _mm256_set1_epi16(around.way);
    // SAFETY: loads and stores need no alignment: 32 bytes of `WAY` and of each of the centres, 16
    // of `alpha` and of each of the colours.
    for_each(around, alphas, colours, |[above, below], alpha, colours| unsafe {
        let way = _mm256_loadu_si256(WAY.as_ptr().cast());
        let centres = |end: usize| {
            let from = _mm256_loadu_si256(above[end].as_ptr().cast());
            let to = _mm256_loadu_si256(below[end].as_ptr().cast());
            _mm256_add_epi16(from, _mm256_mulhrs_epi16(_mm256_sub_epi16(to, from), down))
        };
        let from = centres(0);
        let step = _mm256_sub_epi16(centres(1), from);
        let guess = |at: i16| {
            let words = _mm256_set1_epi16(((2 * at + 1) << 8) | (2 * at));
            let step = _mm256_mulhrs_epi16(_mm256_shuffle_epi8(step, words), way);
            _mm256_add_epi16(_mm256_shuffle_epi8(from, words), step)
        };
        let alpha = _mm_loadu_si128(alpha.as_ptr().cast());
        let alpha = _mm_or_si128(alpha, _mm_cmpeq_epi8(alpha, _mm_setzero_si128()));
        let alpha = _mm256_mullo_epi16(_mm256_cvtepu8_epi16(alpha), _mm256_set1_epi16(257));
        let a = _mm256_srli_epi16::<1>(alpha);
        let square = _mm256_mulhrs_epi16(a, a);
        let of_foreground = _mm256_sub_epi16(_mm256_set1_epi16(i16::MAX), square);
        let of_background = _mm256_sub_epi16(square, a);
        for (channel, colour) in (0..).zip(colours) {
            let bytes = _mm256_cvtepu8_epi16(_mm_loadu_si128(colour.as_ptr().cast()));
            let foreground = _mm256_mulhrs_epi16(guess(channel), of_foreground);
            let background = _mm256_mulhrs_epi16(guess(4 + channel), of_background);
            let own = _mm256_mulhrs_epi16(_mm256_slli_epi16::<5>(bytes), a);
            let sum = _mm256_add_epi16(_mm256_add_epi16(foreground, background), own);
            let sum = _mm256_mulhrs_epi16(sum, _mm256_set1_epi16(1 << 10));
            let (low, high) = (_mm256_castsi256_si128(sum), _mm256_extracti128_si256::<1>(sum));
            _mm_storeu_si128(colour.as_mut_ptr().cast(), _mm_packus_epi16(low, high));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(n: usize, count: usize) -> usize {
        ((n * n * 40503 + 977 * n) >> 7) % count
    }

    /// Any guesses, the extremes among them.
    fn guesses(seed: usize) -> Vec<Guess> {
        let guess = |n: usize| match n % 5 {
            0 => [-300.0, 600.0][noise(n, 2)],
            _ => noise(n, 7680) as f32 / 10.0 - 256.0,
        };
        (0..43).map(|n| std::array::from_fn(|i| to_guess(guess(seed + 8 * n + i)))).collect()
    }

    fn bytes(seed: usize) -> Vec<Group> {
        (0..20).map(|n| std::array::from_fn(|i| noise(seed + GROUP * n + i, 256) as u8)).collect()
    }

    fn colours(seed: usize) -> [Vec<Group>; 3] {
        [1000, 2000, 3000].map(|more| bytes(seed + more))
    }

    /// What `separate` makes of [`colours`].
    fn separated(
        seed: usize,
        around: Around,
        separate: fn(Around, &[Group], [&mut [Group]; 3]),
    ) -> [Vec<Group>; 3] {
        let mut separated = colours(seed);
        separate(around, &bytes(seed), separated.each_mut().map(|colour| &mut colour[..]));
        separated
    }

    #[test]
    fn groups_at_once_have_the_same_bits() {
        for seed in 0..50 {
            let (above, below) = (guesses(seed), guesses(seed + 500));
            let around = Around { above: &above, below: &below, way: way_between(seed) };
            let each = separated(seed, around, |around, alphas, colours| {
                for_each(around, alphas, colours, |centres, alpha, colours| {
                    separate_group(centres, around.way, alpha, colours);
                });
            });
            assert_eq!(separated(seed, around, separate_groups), each, "{seed}");
        }
    }

    #[test]
    fn colours_are_within_a_fifth_of_their_formula_before_they_are_rounded() {
        for seed in 0..50 {
            let (above, below) = (guesses(seed), guesses(seed + 500));
            let around = Around { above: &above, below: &below, way: way_between(seed) };
            let (alphas, own) = (bytes(seed), colours(seed));
            let got = separated(seed, around, separate_groups);
            for (channel, x) in (0..3).flat_map(|c| (0..20 * GROUP).map(move |x| (c, x))) {
                let lerp = |from: f64, to: f64, x: usize| {
                    from + (to - from) * ((x % CELL) as f64 + 0.5) / CELL as f64
                };
                let guess = |at: usize| {
                    let [before, after] = [x / CELL, x / CELL + 1].map(|cell| {
                        lerp(f64::from(above[cell][at]), f64::from(below[cell][at]), seed)
                    });
                    lerp(before, after, x) / 32.0
                };
                let at = |row: &[Group]| f64::from(row.as_flattened()[x]);
                let (a, own, got) = (at(&alphas) / 255.0, at(&own[channel]), at(&got[channel]));
                let (foreground, background) = (guess(channel), guess(4 + channel));
                let against = own - a * foreground - (1.0 - a) * background;
                let want = if a == 0.0 { own } else { foreground + a * against };
                assert!((got - want.clamp(0.0, 255.0)).abs() <= 0.7, "{seed} {x}: {got}, {want}");
            }
        }
    }
}
