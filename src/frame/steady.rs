//! Logits held still where the picture stands still.
//!
//! A model's matte trembles from frame to frame though nothing moves. Where the picture did not
//! change since the last frame, logits are drawn towards what they were; where it did, anywhere
//! near, they are left as they are: a mask never lags behind what moves.
use super::FrameError;
use super::refine::check_elements;
use super::upsample::{Lerp, Upsample};
use super::vector::vectorised;

/// Pixels along a side of the cells in which change is looked for.
pub(super) const CELL: usize = 4;

/// The share of the past where nothing changed: noise of one frame falls to half of it
/// (`sqrt((1 - s) / (1 + s))`).
const SHARE: f32 = 0.6;

/// Mean changes of a cell's samples, in steps of 8 bits, above the picture's noise: up to the
/// first nothing has moved, from the second on something has.
const STILL: f32 = 0.5;
const MOVED: f32 = 2.0;

/// A picture's noise is what a quarter of its cells stay below, but no more than this: beyond,
/// the camera moves.
const MOST_NOISE: f32 = 3.0;

/// Where the whole picture changes by so much, another scene begins.
const CUT: f32 = 40.0;

/// Logits beyond this are as sure as can be; further ones would only be slower to come back.
const SURE: f32 = 7.0;

/// Holds logits still. Costs the same for any frame.
#[derive(Debug)]
pub struct Steady {
    side: usize,
    /// Cells along a side.
    grid: usize,
    /// (side, side, 3) and (side, side) of the last frame; nothing before the first.
    image: Vec<u8>,
    logits: Vec<f32>,
    /// (grid, grid): how much a cell changed, then the past's share in it.
    cells: Vec<f32>,
    shares: Vec<f32>,
    upsample: Upsample,
}

impl Steady {
    /// For pictures of `side` by `side` pixels.
    pub fn new(side: usize) -> Self {
        let grid = side.div_ceil(CELL);
        let cells = vec![0.0; grid * grid];
        let (image, logits) = (Vec::new(), Vec::new());
        Self {
            side,
            grid,
            image,
            logits,
            shares: cells.clone(),
            cells,
            upsample: Upsample::default(),
        }
    }

    /// Forgets the past: the next frame does not continue it.
    pub fn reset(&mut self) {
        self.image.clear();
    }

    /// `image` (side, side, 3) RGB is what the model saw, `logits` (side, side) what it said and
    /// what comes out.
    pub fn run(&mut self, image: &[u8], logits: &mut [f32]) -> Result<(), FrameError> {
        check_elements("image", 3 * self.side * self.side, image.len())?;
        check_elements("logits", self.side * self.side, logits.len())?;
        if self.image.len() == image.len() && self.find_still(image) {
            self.upsample.begin(self.grid, self.side, self.side);
            let rows = logits.chunks_exact_mut(self.side).zip(self.logits.chunks_exact(self.side));
            for (y, (now, past)) in rows.enumerate() {
                draw_row(self.upsample.row(&self.shares, y), past, now);
            }
        }
        self.image.clear();
        self.image.extend_from_slice(image);
        self.logits.clear();
        self.logits.extend_from_slice(logits);
        Ok(())
    }

    /// Fills `shares`; `false` where the whole picture is another.
    fn find_still(&mut self, image: &[u8]) -> bool {
        let row_bytes = 3 * self.side;
        let (now, past) = (image.chunks(CELL * row_bytes), self.image.chunks(CELL * row_bytes));
        for ((now, past), cells) in now.zip(past).zip(self.cells.chunks_exact_mut(self.grid)) {
            cells.fill(0.0);
            for (now, past) in now.chunks_exact(row_bytes).zip(past.chunks_exact(row_bytes)) {
                add_change(now, past, cells);
            }
            let rows = now.len() / row_bytes;
            for (x, cell) in cells.iter_mut().enumerate() {
                let columns = CELL.min(self.side - x * CELL);
                *cell /= (3 * rows * columns) as f32;
            }
        }
        let noise = lower_quarter(&self.cells).min(MOST_NOISE);
        for (y, shares) in self.shares.chunks_exact_mut(self.grid).enumerate() {
            for (x, share) in shares.iter_mut().enumerate() {
                let change = most_around(&self.cells, self.grid, x, y) - noise;
                *share = SHARE * (1.0 - (change - STILL) / (MOVED - STILL)).clamp(0.0, 1.0);
            }
        }
        self.cells.iter().sum::<f32>() < CUT * self.cells.len() as f32
    }
}

/// The most that a cell or one of its eight neighbours changed.
fn most_around(cells: &[f32], grid: usize, x: usize, y: usize) -> f32 {
    let rows = cells[y.saturating_sub(1) * grid..(y + 2).min(grid) * grid].chunks_exact(grid);
    let around = rows.flat_map(|row| &row[x.saturating_sub(1)..(x + 2).min(grid)]);
    around.fold(0.0, |most, cell| most.max(*cell))
}

/// What a quarter of the cells lie below, to a sixteenth.
fn lower_quarter(cells: &[f32]) -> f32 {
    let mut counts = [0; 16 * MOST_NOISE as usize];
    for cell in cells {
        if let Some(count) = counts.get_mut((16.0 * cell) as usize) {
            *count += 1;
        }
    }
    let mut below = 0;
    let step = counts.iter().position(|count| {
        below += count;
        4 * below > cells.len()
    });
    step.map_or(MOST_NOISE, |step| step as f32 / 16.0)
}

vectorised! {
    /// Adds the differences of two rows of samples to the cells they lie in.
    fn add_change(now: &[u8], past: &[u8], cells: &mut [f32]) {
        let parts = now.chunks(3 * CELL).zip(past.chunks(3 * CELL));
        for (cell, (now, past)) in cells.iter_mut().zip(parts) {
            let change: u32 = now.iter().zip(past).map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
            *cell += change as f32;
        }
    }
}

vectorised! {
    /// `now += share * (past - now)`, of logits within ±[`SURE`].
    fn draw_row(share: Lerp, past: &[f32], now: &mut [f32]) {
        let shares = share.above.iter().zip(share.below);
        for ((now, &past), (above, below)) in now.iter_mut().zip(past).zip(shares) {
            let share = above + (below - above) * share.weight;
            let (sure, was) = (now.clamp(-SURE, SURE), past.clamp(-SURE, SURE));
            *now = sure + share * (was - sure);
        }
    }
}
