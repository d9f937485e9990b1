//! The guided filter's slope: how alpha follows luma within a window.

/// Variance of luma (0..=1) under which a window counts as flat: a little above camera noise, so
/// that noise does not reach alpha.
const EPS: f32 = 1e-3;

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
    /// Per cell, before the mean over neighbours.
    slopes: Vec<f32>,
}

impl Windows {
    pub(super) fn new(side: usize) -> Self {
        let cell = [4, 2, 1].into_iter().find(|cell| side.is_multiple_of(*cell)).unwrap_or(1);
        let count = (side / cell) * (side / cell);
        Self {
            side,
            cell,
            columns: [(); 4].map(|()| vec![0; side]),
            cells: [(); 4].map(|()| vec![0; count]),
            slopes: vec![0.0; count],
        }
    }

    /// Cells along a side.
    pub(super) fn grid(&self) -> usize {
        self.side / self.cell
    }

    /// Row `y` of the plane, in order from 0; `luma` and `alpha` in 0..=255.
    pub(super) fn add_row(&mut self, y: usize, luma: &[u8], alpha: &[u8]) {
        if y.is_multiple_of(self.cell) {
            self.columns.iter_mut().for_each(|sums| sums.fill(0));
        }
        add_to_columns(&mut self.columns, luma, alpha);
        if (y + 1).is_multiple_of(self.cell) {
            let start = y / self.cell * self.grid();
            for (cells, columns) in self.cells.iter_mut().zip(&self.columns) {
                for (cell, sums) in cells[start..].iter_mut().zip(columns.chunks_exact(self.cell)) {
                    *cell = sums.iter().sum();
                }
            }
        }
    }

    /// `out` (grid, grid): the mean over each cell's neighbours of cov(luma, alpha) /
    /// (var(luma) + EPS), alpha and luma in 0..=1.
    pub(super) fn slopes(&mut self, out: &mut [f32]) {
        let grid = self.grid();
        let cells = &self.cells;
        for y in 0..grid {
            for x in 0..grid {
                let (rows, columns) = (around(y, grid), around(x, grid));
                let pixels = (rows.len() * columns.len() * self.cell * self.cell) as u32;
                let mut sums = [0; 4];
                for row in rows {
                    for (sum, cells) in sums.iter_mut().zip(cells) {
                        *sum += cells[row * grid..][columns.clone()].iter().sum::<u32>();
                    }
                }
                self.slopes[y * grid + x] = slope(sums, pixels);
            }
        }
        for y in 0..grid {
            for x in 0..grid {
                let (rows, columns) = (around(y, grid), around(x, grid));
                let count = (rows.len() * columns.len()) as f32;
                let row_sum =
                    |row| -> f32 { self.slopes[row * grid..][columns.clone()].iter().sum() };
                out[y * grid + x] = rows.map(row_sum).sum::<f32>() / count;
            }
        }
    }
}

/// Luma, alpha, luma squared, luma times alpha.
fn add_to_columns(columns: &mut [Vec<u32>; 4], luma: &[u8], alpha: &[u8]) {
    let [lumas, alphas, squares, products] = columns;
    let sums = lumas.iter_mut().zip(alphas).zip(squares.iter_mut().zip(products));
    for (((l, a), (ll, la)), (&luma, &alpha)) in sums.zip(luma.iter().zip(alpha)) {
        // 255 * 255 fits 16 bits, which are multiplied faster than 32.
        let (luma, alpha) = (u16::from(luma), u16::from(alpha));
        *l += u32::from(luma);
        *a += u32::from(alpha);
        *ll += u32::from(luma * luma);
        *la += u32::from(luma * alpha);
    }
}

/// Of the sums over `pixels` (at most 144, so that nothing overflows).
fn slope([luma, alpha, squares, products]: [u32; 4], pixels: u32) -> f32 {
    // Both times (255 * pixels)^2.
    let covariance = (pixels * products) as i32 - (luma * alpha) as i32;
    let variance = (pixels * squares) as i32 - (luma * luma) as i32;
    let unit = 255.0 * pixels as f32;
    covariance as f32 / (variance as f32 + EPS * unit * unit)
}

/// A cell's neighbours along one axis, itself included.
fn around(at: usize, grid: usize) -> std::ops::Range<usize> {
    at.saturating_sub(RADIUS)..(at + RADIUS + 1).min(grid)
}
