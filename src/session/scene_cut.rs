//! Tells where one scene ends and another begins.
use super::held::Held;
use super::{SessionError, square_side};
use std::mem;

/// Cells along a side of the thumbnail.
const GRID: usize = 16;
/// Of the picture's pixels, each how many-th is looked at, along both sides.
const STEP: usize = 4;
/// Steps of a colour in the histogram.
const STEPS: usize = 8;

/// What is kept of a picture: small enough that keeping it costs nothing.
#[derive(Debug, Clone, Default)]
struct Glance {
    /// Mean luma of each cell; empty before the first picture.
    cells: Vec<f32>,
    /// How many of the pixels have each colour, (R, G, B).
    colours: Vec<f32>,
}

/// Compares each picture with the one before.
///
/// A cut changes both where it is bright and what colours there are. A jump of the light keeps
/// the first (correlation knows no gain and no offset), fast motion and a pan keep the second.
#[derive(Debug, Default)]
pub(super) struct SceneCut {
    last: Glance,
    now: Glance,
}

impl SceneCut {
    /// Forgets the last picture.
    pub(super) fn reset(&mut self) {
        self.last.cells.clear();
    }

    /// How much of `image` (side, side, 3) RGB changed since the last picture, 0..=1: the
    /// smaller of what changed in brightness and in colours. 0 for the first picture.
    pub(super) fn change(&mut self, image: &Held) -> Result<f32, SessionError> {
        self.now.look(image)?;
        mem::swap(&mut self.now, &mut self.last);
        if self.now.cells.is_empty() {
            return Ok(0.0);
        }
        let brightness = (1.0 - correlation(&self.now.cells, &self.last.cells)).clamp(0.0, 1.0);
        let colours = self.now.colours.iter().zip(&self.last.colours);
        let colours = 0.5 * colours.map(|(a, b)| (a - b).abs()).sum::<f32>();
        Ok(brightness.min(colours))
    }
}

impl Glance {
    fn look(&mut self, image: &Held) -> Result<(), SessionError> {
        let side = square_side(image.len());
        let counts = match image {
            #[cfg(feature = "cuda")]
            Held::Pixels(pixels, lane) => lane.glance(pixels, side)?,
            _ => count(image.pixels(), side),
        };
        let (sums, colours) = counts.split_at(GRID * GRID);
        let seen = side.div_ceil(STEP);
        let all = (seen * seen).max(1) as f32;
        self.colours.clear();
        self.colours.extend(colours.iter().map(|&count| count as f32 / all));
        // Pixels along a cell that are looked at.
        let mut along = [0.0; GRID];
        (0..seen).for_each(|i| along[i * STEP * GRID / side] += 1.0);
        let pixels = |cell: usize| along[cell / GRID] * along[cell % GRID];
        self.cells.clear();
        let means =
            sums.iter().enumerate().map(|(i, &sum)| sum as f32 / 1e3 / f32::max(pixels(i), 1.0));
        self.cells.extend(means);
        Ok(())
    }
}

/// Sums of luma in each cell, in thousandths, then how many pixels have each colour.
fn count(image: &[u8], side: usize) -> Vec<u32> {
    let mut counts = vec![0; GRID * GRID + STEPS * STEPS * STEPS];
    let (sums, colours) = counts.split_at_mut(GRID * GRID);
    for (y, row) in image.chunks_exact((3 * side).max(1)).enumerate().step_by(STEP) {
        for (x, rgb) in row.as_chunks::<3>().0.iter().enumerate().step_by(STEP) {
            let [r, g, b] = rgb.map(u32::from);
            sums[y * GRID / side * GRID + x * GRID / side] += 299 * r + 587 * g + 114 * b;
            let [r, g, b] = rgb.map(|v| usize::from(v) * STEPS / 256);
            colours[(r * STEPS + g) * STEPS + b] += 1;
        }
    }
    counts
}

/// Pearson's; 1 where neither varies.
fn correlation(a: &[f32], b: &[f32]) -> f32 {
    let mean = |v: &[f32]| v.iter().sum::<f32>() / v.len() as f32;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let pairs = a.iter().zip(b).map(|(a, b)| (a - mean_a, b - mean_b));
    let sums = pairs.fold([0.0; 3], |[ab, aa, bb], (a, b)| [ab + a * b, aa + a * a, bb + b * b]);
    let [ab, aa, bb] = sums;
    // A cell of 1/255 is noise.
    let noise = a.len() as f32;
    (ab + noise) / ((aa + noise) * (bb + noise)).sqrt()
}
