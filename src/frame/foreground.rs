//! The foreground's own colour where alpha mixes it with the background's.
//!
//! Of each pixel `I = a F + (1 - a) B` is known, and not `F`. Near pixels that are surely one or
//! the other give smooth guesses at `F` and `B`: means over cells, and over ever larger ones where
//! a cell has none. What the pixel says against both guesses is then shared out as Forte does
//! ("Approximate Fast Foreground Colour Estimation", ICIP 2021):
//! `F = guess_F + a (I - a guess_F - (1 - a) guess_B)`.
//!
//! All this holds for any colours that are affine in each other, R'G'B' and Y'CbCr alike.
use super::colorimetry::Affine;
use super::refine::round_to_byte;
use super::vector::vectorised;

/// Which colours go with alpha.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Foreground {
    /// The frame's own, in which some background is left where alpha is between.
    #[default]
    Original,
    /// An estimate of the foreground's own where alpha is between.
    Estimated,
}

/// Pixels along a cell's side.
const CELL: usize = 8;

/// Of so many rows one is measured: two of a cell's eight.
pub(super) const ROW_STEP: usize = 4;

/// What a cell's larger neighbourhood weighs in its mean; a cell that is surely foreground weighs
/// 16.
const PRIOR: f32 = 3.0;

/// Foreground's three colours and their weight, then background's.
///
/// Colours times weight while they are summed, then colours alone.
type Sums = [f32; 8];

/// Guesses at both colours all over a frame. Scratch is kept from frame to frame.
#[derive(Debug, Default)]
pub(super) struct Guesses {
    /// Finest first; each has half the columns and rows of the one before, rounded up.
    levels: Vec<Level>,
}

#[derive(Debug, Default)]
struct Level {
    columns: usize,
    rows: usize,
    cells: Vec<Sums>,
}

impl Guesses {
    /// Forgets the last frame.
    pub(super) fn begin(&mut self, width: usize, height: usize) {
        let (mut columns, mut rows, mut depth) = (width.div_ceil(CELL), height.div_ceil(CELL), 0);
        loop {
            if self.levels.len() == depth {
                self.levels.push(Level::default());
            }
            let level = &mut self.levels[depth];
            (level.columns, level.rows, depth) = (columns, rows, depth + 1);
            level.cells.clear();
            level.cells.resize(columns * rows, Sums::default());
            if columns * rows == 1 {
                return self.levels.truncate(depth);
            }
            (columns, rows) = (columns.div_ceil(2), rows.div_ceil(2));
        }
    }

    /// Adds row `y` of a frame: three samples and an alpha a pixel.
    pub(super) fn measure(&mut self, y: usize, samples: &[Vec<u16>; 3], alpha: &[u8]) {
        let Level { columns, cells, .. } = &mut self.levels[0];
        let cells = &mut cells[y / CELL * *columns..][..*columns];
        measure_row(samples, alpha, cells);
    }

    /// Makes guesses of what was measured, in the colours that `to_target` makes of samples.
    /// `false` where nothing of the frame is foreground, or nothing is background.
    pub(super) fn fill(&mut self, to_target: &Affine) -> bool {
        for depth in 1..self.levels.len() {
            let (finer, coarser) = self.levels.split_at_mut(depth);
            gather(&finer[depth - 1], &mut coarser[0]);
        }
        let Some(whole) = self.levels.last_mut().map(|level| &mut level.cells[0]) else {
            return false;
        };
        if whole[3] == 0.0 || whole[7] == 0.0 {
            return false;
        }
        *whole = mean(*whole, Sums::default(), 0.0);
        for depth in (1..self.levels.len()).rev() {
            let (finer, coarser) = self.levels.split_at_mut(depth);
            spread(&coarser[0], &mut finer[depth - 1]);
        }
        let outputs = [0, 1, 2].map(|i| to_target.output(i));
        convert(&mut self.levels[0].cells, &outputs);
        true
    }

    /// Row `y` in the target's colours: foreground's where `alpha` is between.
    pub(super) fn separate(&mut self, y: usize, alpha: &[u8], colours: &mut [Vec<u8>; 3]) {
        let Level { columns, rows, cells } = &self.levels[0];
        let (above, weight) = between(y);
        let row = |r: usize| &cells[r.min(rows - 1) * columns..][..*columns];
        separate_row([row(above.saturating_sub(1)), row(above)], weight, alpha, colours);
    }
}

/// Whether any alpha is neither 0 nor 255.
pub(super) fn is_between(alpha: &[u8]) -> bool {
    // No early end within a part, for vectors.
    alpha.chunks(256).any(|part| part.iter().fold(0, |any, a| any | a.wrapping_add(1) & 0xfe) != 0)
}

vectorised! {
    /// `colour` is `kept` where alpha is 0 or 255.
    pub(super) fn keep_ends(kept: &[u8], alpha: &[u8], colour: &mut [u8]) {
        for ((colour, &kept), &alpha) in colour.iter_mut().zip(kept).zip(alpha) {
            // 255 and 0 become 0 and 1. Bits, since a branch is what compilers make of a choice here.
            let ends = 0_u8.wrapping_sub(u8::from(alpha.wrapping_add(1) < 2));
            *colour = (kept & ends) | (*colour & !ends);
        }
    }
}

/// The cell whose centre follows pixel `x`'s, and how far `x` is on its way there from the one
/// before.
fn between(x: usize) -> (usize, f32) {
    let shifted = x + CELL / 2;
    (shifted / CELL, ((shifted % CELL) as f32 + 0.5) / CELL as f32)
}

vectorised! {
    fn measure_row(samples: &[Vec<u16>; 3], alpha: &[u8], cells: &mut [Sums]) {
        let [(s0, rest0), (s1, rest1), (s2, rest2)] = samples.each_ref().map(|s| s.as_chunks());
        let (alphas, alpha_rest) = alpha.as_chunks();
        let pixels = alphas.iter().zip(s0).zip(s1).zip(s2);
        for (cell, (((alpha, s0), s1), s2)) in cells.iter_mut().zip(pixels) {
            measure_cell([s0, s1, s2], alpha, cell);
        }
        if let Some(cell) = cells.get_mut(alphas.len()) {
            // The last pixel again and again; none of a whole cell's weight is lost.
            let last = |rest: &[u16]| std::array::from_fn(|i| rest[i.min(rest.len() - 1)]);
            let alpha = std::array::from_fn(|i| alpha_rest[i.min(alpha_rest.len() - 1)]);
            measure_cell([&last(rest0), &last(rest1), &last(rest2)], &alpha, cell);
        }
    }
}

/// Weights are eighth powers: a pixel that is half one and half the other hardly counts.
#[inline(always)]
fn measure_cell(samples: [&[u16; CELL]; 3], alpha: &[u8; CELL], sums: &mut Sums) {
    let (foreground, background) = sums.split_at_mut(4);
    match u64::from_le_bytes(*alpha) {
        0 => measure_one(samples, &[255; CELL], background),
        u64::MAX => measure_one(samples, &[255; CELL], foreground),
        _ => {
            let mut weights = [[0; CELL]; 2];
            for (i, &alpha) in alpha.iter().enumerate() {
                weights[0][i] = eighth_power(alpha);
                weights[1][i] = eighth_power(255 - alpha);
            }
            measure_one(samples, &weights[0], foreground);
            measure_one(samples, &weights[1], background);
        }
    }
}

#[inline(always)]
fn measure_one(samples: [&[u16; CELL]; 3], weights: &[u32; CELL], sums: &mut [f32]) {
    for (sum, samples) in sums.iter_mut().zip(samples) {
        let products = weights.iter().zip(samples).map(|(weight, s)| weight * u32::from(*s));
        *sum += products.sum::<u32>() as f32 * (1.0 / 255.0);
    }
    sums[3] += weights.iter().sum::<u32>() as f32 * (1.0 / 255.0);
}

/// Of 0..=255, in 0..=255.
#[inline(always)]
fn eighth_power(value: u8) -> u32 {
    let square = |value: u32| (value * value + 255) >> 8;
    square(square(square(u32::from(value))))
}

/// Sums of two by two.
fn gather(finer: &Level, coarser: &mut Level) {
    for (y, cells) in finer.cells.chunks_exact(finer.columns).enumerate() {
        let row = &mut coarser.cells[y / 2 * coarser.columns..][..coarser.columns];
        for (sums, pair) in row.iter_mut().zip(cells.chunks(2)) {
            for cell in pair {
                sums.iter_mut().zip(cell).for_each(|(sum, value)| *sum += value);
            }
        }
    }
}

/// Means of the sums of `finer`, drawn towards those of `coarser` where they weigh little.
fn spread(coarser: &Level, finer: &mut Level) {
    for (y, cells) in finer.cells.chunks_exact_mut(finer.columns).enumerate() {
        let row = |r: usize| &coarser.cells[r * coarser.columns..][..coarser.columns];
        spread_row(row(y / 2), row(beside(y, coarser.rows)), cells);
    }
}

vectorised! {
    fn spread_row(near: &[Sums], far: &[Sums], cells: &mut [Sums]) {
        for (x, cell) in cells.iter_mut().enumerate() {
            let (l, r) = (x / 2, beside(x, near.len()));
            let mut prior = Sums::default();
            for (i, prior) in prior.iter_mut().enumerate() {
                *prior = (9.0 * near[l][i] + 3.0 * (near[r][i] + far[l][i]) + far[r][i]) / 16.0;
            }
            *cell = mean(*cell, prior, PRIOR);
        }
    }
}

/// Of the coarser cells, the second nearest to cell `at` along one axis.
#[inline(always)]
fn beside(at: usize, count: usize) -> usize {
    let beside = if at.is_multiple_of(2) { (at / 2).saturating_sub(1) } else { at / 2 + 1 };
    beside.min(count - 1)
}

/// Colours of `sums` and of a `prior` that weighs `weight`.
#[inline(always)]
fn mean(sums: Sums, prior: Sums, weight: f32) -> Sums {
    let share = [1.0 / (sums[3] + weight), 1.0 / (sums[7] + weight)];
    let mut mean = Sums::default();
    for (i, mean) in mean.iter_mut().enumerate() {
        *mean = (sums[i] + weight * prior[i]) * share[i / 4];
    }
    mean
}

vectorised! {
    fn convert(cells: &mut [Sums], outputs: &[([f32; 3], f32); 3]) {
        for colours in cells.as_flattened_mut().as_chunks_mut::<4>().0 {
            let [s0, s1, s2, _] = *colours;
            for (colour, (weights, k)) in colours.iter_mut().zip(outputs) {
                *colour = s0 * weights[0] + s1 * weights[1] + s2 * weights[2] + k;
            }
        }
    }
}

vectorised! {
    /// Half a cell's pixels lie before the first centre, then a cell's between two.
    /// `rows` are the cells above and below, of which the latter count as `weight` says.
    fn separate_row(
        rows: [&[Sums]; 2],
        weight: f32,
        alpha: &[u8],
        colours: &mut [Vec<u8>; 3],
    ) {
        let head = alpha.len().min(CELL / 2);
        let [c0, c1, c2] = colours.each_mut().map(|row| row.split_at_mut(head));
        let (first, alpha) = alpha.split_at(head);
        separate_part(ends(rows, weight, 0), CELL / 2, first, [c0.0, c1.0, c2.0]);
        let (alphas, rest) = alpha.as_chunks::<CELL>();
        let [(c0, rest0), (c1, rest1), (c2, rest2)] =
            [c0.1, c1.1, c2.1].map(|row| row.as_chunks_mut::<CELL>());
        let pixels = alphas.iter().zip(c0).zip(c1).zip(c2);
        for (cell, (((alpha, c0), c1), c2)) in pixels.enumerate() {
            if !matches!(u64::from_le_bytes(*alpha), 0 | u64::MAX) {
                separate_cell(ends(rows, weight, 1 + cell), alpha, [c0, c1, c2]);
            }
        }
        if !rest.is_empty() {
            let ends = ends(rows, weight, 1 + alphas.len());
            separate_part(ends, 0, rest, [rest0, rest1, rest2]);
        }
    }
}

/// Guesses at the centres of the cells before and after the `n`th way between two, at a place
/// between two rows of cells; the first and the last cell stand for those beyond.
#[inline(always)]
fn ends([above, below]: [&[Sums]; 2], weight: f32, n: usize) -> [Sums; 2] {
    let mut ends = [Sums::default(); 2];
    for (end, cell) in ends.iter_mut().zip([n.saturating_sub(1), n.min(above.len() - 1)]) {
        for (i, end) in end.iter_mut().enumerate() {
            *end = above[cell][i] + (below[cell][i] - above[cell][i]) * weight;
        }
    }
    ends
}

/// Less than a cell's pixels, of which the first is the `first`th of eight on the way.
#[inline(always)]
fn separate_part(ends: [Sums; 2], first: usize, alpha: &[u8], colours: [&mut [u8]; 3]) {
    let (mut alphas, mut cell) = ([0; CELL], [[0; CELL]; 3]);
    let range = first..first + alpha.len();
    alphas[range.clone()].copy_from_slice(alpha);
    for (cell, colour) in cell.iter_mut().zip(&colours) {
        cell[range.clone()].copy_from_slice(colour);
    }
    separate_cell(ends, &alphas, cell.each_mut());
    for (cell, colour) in cell.iter().zip(colours) {
        colour.copy_from_slice(&cell[range.clone()]);
    }
}

/// The pixels from one cell's centre to the next, where both colours' guesses are given.
#[inline(always)]
fn separate_cell(ends: [Sums; 2], alpha: &[u8; CELL], colours: [&mut [u8; CELL]; 3]) {
    // What the module's formula gives each guess and the pixel.
    let (mut a, mut of_foreground, mut of_background) = ([0.0; CELL], [0.0; CELL], [0.0; CELL]);
    for i in 0..CELL {
        a[i] = f32::from(alpha[i]) * (1.0 / 255.0);
        of_foreground[i] = 1.0 - a[i] * a[i];
        of_background[i] = a[i] * a[i] - a[i];
    }
    for (channel, colour) in colours.into_iter().enumerate() {
        let between = |at: usize, i: usize| {
            ends[0][at] + (ends[1][at] - ends[0][at]) * ((i as f32 + 0.5) / CELL as f32)
        };
        for i in 0..CELL {
            let foreground = between(channel, i) * of_foreground[i];
            let background = between(4 + channel, i) * of_background[i];
            let separated = round_to_byte(foreground + background + a[i] * f32::from(colour[i]));
            colour[i] = if alpha[i] == 0 { colour[i] } else { separated };
        }
    }
}
