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
use super::measure::measure_row;
use super::separate::{Around, Guess, separate_row, to_guess, way_between};
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
pub(super) const CELL: usize = 8;

/// Of so many rows one is measured: two of a cell's eight.
pub(super) const ROW_STEP: usize = 4;

/// What a cell's larger neighbourhood weighs in its mean; a cell that is surely foreground weighs
/// 16.
const PRIOR: f32 = 3.0;

/// Cells more in a row of [`Guess`]es: the first once before it, the last twice after.
const BEYOND: usize = 3;

/// Foreground's three colours and their weight, then background's.
///
/// Colours times weight while they are summed, then colours alone.
pub(super) type Sums = [f32; 8];

/// Guesses at both colours all over a frame. Scratch is kept from frame to frame.
#[derive(Debug, Default)]
pub(super) struct Guesses {
    /// Finest first; each has half the columns and rows of the one before, rounded up.
    levels: Vec<Level>,
    /// Of the finest level, in the target's colours; each row goes on [`BEYOND`] the frame.
    guesses: Vec<Guess>,
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
        if y.is_multiple_of(CELL) {
            cells.fill(Sums::default());
        }
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
        self.convert(&[0, 1, 2].map(|i| to_target.output(i)));
        true
    }

    fn convert(&mut self, outputs: &[([f32; 3], f32); 3]) {
        let Level { columns, rows, ref cells } = self.levels[0];
        self.guesses.resize((columns + BEYOND) * rows, [0; 8]);
        let rows = self.guesses.chunks_exact_mut(columns + BEYOND);
        for (cells, guesses) in cells.chunks_exact(columns).zip(rows) {
            convert_row(cells, outputs, &mut guesses[1..]);
            guesses[0] = guesses[1];
            let last = guesses[columns];
            guesses[columns + 1..].fill(last);
        }
    }

    /// Row `y` in the target's colours: foreground's where `alpha` is between.
    pub(super) fn separate(&mut self, y: usize, alpha: &[u8], colours: &mut [Vec<u8>; 3]) {
        let Level { columns, rows, .. } = self.levels[0];
        let y = y + CELL / 2;
        let row =
            |r: usize| &self.guesses[r.min(rows - 1) * (columns + BEYOND)..][..columns + BEYOND];
        let (above, below) = (row((y / CELL).saturating_sub(1)), row(y / CELL));
        separate_row(Around { above, below, way: way_between(y) }, alpha, colours);
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

/// Sums of two by two.
fn gather(finer: &Level, coarser: &mut Level) {
    let pairs = finer.cells.chunks(2 * finer.columns);
    for (pair, sums) in pairs.zip(coarser.cells.chunks_exact_mut(coarser.columns)) {
        sums.fill(Sums::default());
        pair.chunks_exact(finer.columns).for_each(|row| gather_row(row, sums));
    }
}

vectorised! {
    fn gather_row(finer: &[Sums], coarser: &mut [Sums]) {
        for (x, cell) in finer.iter().enumerate() {
            for (sum, value) in coarser[x / 2].iter_mut().zip(cell) {
                *sum += value;
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
    /// Both colours of each cell in the target's, as [`Guess`]es.
    fn convert_row(cells: &[Sums], outputs: &[([f32; 3], f32); 3], guesses: &mut [Guess]) {
        for (cell, guess) in cells.iter().zip(guesses) {
            for (i, guess) in guess.iter_mut().enumerate() {
                let samples = &cell[i & 4..];
                let (w, k) = outputs[(i & 3).min(2)];
                *guess = to_guess(samples[0] * w[0] + samples[1] * w[1] + samples[2] * w[2] + k);
            }
        }
    }
}
