//! The guided filter's slope: how alpha follows luma within a window.
use super::vector::vectorised;
use std::ops::{AddAssign, Range};

/// Variance of luma (0..=1) under which a window counts as flat: a little above camera noise, so
/// that noise does not reach alpha.
const EPS: f32 = 1e-3;

/// What 1.0 is in the sums: twelve bits, of which 144 squares fit 32.
pub(super) const ONE: u16 = 4080;

/// Windows are `2 * RADIUS + 1` cells wide, and so is the mean over slopes.
const RADIUS: usize = 1;

/// Sums over square cells of a plane, and the slopes fitted to them.
///
/// All sums are whole numbers, so that a window of equal alpha has a slope of exactly 0.
#[derive(Debug)]
pub(super) struct Windows {
    side: usize,
    /// Pixels along a cell's side: 4, or what divides `side`.
    cell: usize,
    /// Per column of pixels, over the rows of one row of cells.
    columns: [Vec<u32>; 4],
    /// Per cell: luma, alpha, luma squared, luma times alpha.
    cells: [Vec<u32>; 4],
    /// Per column of cells, over the neighbours of one row; a zero at both ends.
    sums: [Vec<u32>; 4],
    /// Per cell, before the mean over neighbours.
    slopes: Vec<f32>,
    /// As `sums`.
    slope_sums: Vec<f32>,
}

impl Windows {
    pub(super) fn new(side: usize) -> Self {
        let cell = cell_side(side);
        let count = (side / cell) * (side / cell);
        Self {
            side,
            cell,
            columns: [(); 4].map(|()| vec![0; side]),
            cells: [(); 4].map(|()| vec![0; count]),
            sums: [(); 4].map(|()| vec![0; side / cell + 2]),
            slopes: vec![0.0; count],
            slope_sums: vec![0.0; side / cell + 2],
        }
    }

    /// Cells along a side.
    pub(super) fn grid(&self) -> usize {
        self.side / self.cell
    }

    /// Row `y` of the plane, in order from 0; `luma` and `alpha` in 0..=[`ONE`].
    pub(super) fn add_row(&mut self, y: usize, luma: &[u16], alpha: &[u16]) {
        if y.is_multiple_of(self.cell) {
            self.columns.iter_mut().for_each(|sums| sums.fill(0));
        }
        add_to_columns(&mut self.columns, luma, alpha);
        if (y + 1).is_multiple_of(self.cell) {
            let start = y / self.cell * self.grid();
            for (cells, columns) in self.cells.iter_mut().zip(&self.columns) {
                sum_columns(columns, self.cell, &mut cells[start..]);
            }
        }
    }

    /// `out` (grid, grid): the mean over each cell's neighbours of cov(luma, alpha) /
    /// (var(luma) + EPS), alpha and luma in 0..=1.
    pub(super) fn slopes(&mut self, out: &mut [f32]) {
        let (grid, pixels) = (self.grid(), (self.cell * self.cell) as f64);
        if grid == 0 {
            return;
        }
        for (y, slopes) in self.slopes.chunks_exact_mut(grid).enumerate() {
            slope_row(&self.cells, y, pixels, &mut self.sums, slopes);
        }
        for (y, out) in out.chunks_exact_mut(grid).enumerate() {
            mean_row(&self.slopes, y, &mut self.slope_sums, out);
        }
    }
}

vectorised! {
    /// Luma, alpha, luma squared, luma times alpha.
    fn add_to_columns(columns: &mut [Vec<u32>; 4], luma: &[u16], alpha: &[u16]) {
        let [lumas, alphas, squares, products] = columns;
        let sums = lumas.iter_mut().zip(alphas).zip(squares.iter_mut().zip(products));
        for (((l, a), (ll, la)), (&luma, &alpha)) in sums.zip(luma.iter().zip(alpha)) {
            let (luma, alpha) = (u32::from(luma), u32::from(alpha));
            *l += luma;
            *a += alpha;
            *ll += luma * luma;
            *la += luma * alpha;
        }
    }
}

vectorised! {
    fn sum_columns(columns: &[u32], cell: usize, cells: &mut [u32]) {
        if cell == 4 {
            for (cell, &[a, b, c, d]) in cells.iter_mut().zip(columns.as_chunks::<4>().0) {
                *cell = a + b + c + d;
            }
            return;
        }
        for (sum, columns) in cells.iter_mut().zip(columns.chunks_exact(cell)) {
            *sum = columns.iter().sum();
        }
    }
}

vectorised! {
    /// Row `y` of slopes; all sums are whole numbers below 2^53.
    fn slope_row(
        cells: &[Vec<u32>; 4],
        y: usize,
        cell_pixels: f64,
        sums: &mut [Vec<u32>; 4],
        slopes: &mut [f32],
    ) {
        let grid = slopes.len();
        for (sums, cells) in sums.iter_mut().zip(cells) {
            sum_rows(cells, around(y, grid), &mut sums[1..=grid]);
        }
        let rows_pixels = around(y, grid).len() as f64 * cell_pixels;
        let [lumas, alphas, squares, products] = sums.each_ref().map(|sums| &sums[..grid + 2]);
        for (x, slope) in slopes.iter_mut().enumerate() {
            let sum = |sums: &[u32]| f64::from(sums[x] + sums[x + 1] + sums[x + 2]);
            let (luma, alpha) = (sum(lumas), sum(alphas));
            let pixels = rows_pixels * f64::from(neighbours(x, grid));
            // Both times (ONE * pixels)^2.
            let covariance = pixels * sum(products) - luma * alpha;
            let variance = pixels * sum(squares) - luma * luma;
            let unit = f32::from(ONE) * pixels as f32;
            *slope = covariance as f32 / (variance as f32 + EPS * unit * unit);
        }
    }
}

vectorised! {
    /// Row `y` of the mean over neighbours.
    fn mean_row(slopes: &[f32], y: usize, sums: &mut [f32], out: &mut [f32]) {
        let grid = out.len();
        sum_rows(slopes, around(y, grid), &mut sums[1..=grid]);
        let rows = around(y, grid).len() as f32;
        let sums = &sums[..grid + 2];
        for (x, out) in out.iter_mut().enumerate() {
            let count = rows * neighbours(x, grid) as f32;
            *out = (sums[x] + sums[x + 1] + sums[x + 2]) / count;
        }
    }
}

/// Pixels along a cell's side, of planes of `side` by `side` pixels.
pub(super) fn cell_side(side: usize) -> usize {
    [4, 2, 1].into_iter().find(|cell| side.is_multiple_of(*cell)).unwrap_or(1)
}

/// Column by column, over some rows of a plane as wide as `sums`.
#[inline(always)]
fn sum_rows<T: Copy + Default + AddAssign>(plane: &[T], rows: Range<usize>, sums: &mut [T]) {
    let width = sums.len();
    sums.fill(T::default());
    for row in plane[rows.start * width..rows.end * width].chunks_exact(width) {
        sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += value);
    }
}

/// A cell's neighbours along one axis, itself included.
#[inline(always)]
fn around(at: usize, grid: usize) -> Range<usize> {
    at.saturating_sub(RADIUS)..(at + RADIUS + 1).min(grid)
}

/// How many [`around`] gives, for vectors.
#[inline(always)]
fn neighbours(at: usize, grid: usize) -> u32 {
    3 - u32::from(at == 0) - u32::from(at + 1 == grid)
}
