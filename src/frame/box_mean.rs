//! Means over square windows of a plane.
use super::vector::vectorised;
use std::array;

/// Values on each side of a window's middle.
const RADIUS: usize = 2;

/// Along a window's side.
const WINDOW: usize = 2 * RADIUS + 1;

/// Means over windows; the plane goes on beyond its edges as it ends.
#[derive(Debug)]
pub(super) struct BoxMean {
    side: usize,
    /// One row of the plane, and its ends [`RADIUS`] times.
    row: Vec<f32>,
    /// (side, side): sums along rows.
    sums: Vec<f32>,
}

impl BoxMean {
    /// For planes of `side` by `side` values.
    pub(super) fn new(side: usize) -> Self {
        Self { side, row: vec![0.0; side + 2 * RADIUS], sums: vec![0.0; side * side] }
    }

    /// `out` gets the means around each value of `plane`, both (side, side).
    pub(super) fn run(&mut self, plane: &[f32], out: &mut [f32]) {
        let Self { side, row, sums } = self;
        let side = *side;
        for (plane, sums) in plane.chunks_exact(side).zip(sums.chunks_exact_mut(side)) {
            row[..RADIUS].fill(plane[0]);
            row[RADIUS..][..side].copy_from_slice(plane);
            row[RADIUS + side..].fill(plane[side - 1]);
            sum(array::from_fn(|i| &row[i..][..side]), 1.0, sums);
        }
        for (y, out) in out.chunks_exact_mut(side).enumerate() {
            let row = |i: usize| (y + i).saturating_sub(RADIUS).min(side - 1);
            let rows = array::from_fn(|i| &sums[row(i) * side..][..side]);
            sum(rows, 1.0 / (WINDOW * WINDOW) as f32, out);
        }
    }
}

vectorised! {
    /// In order, then times `scale`.
    fn sum(rows: [&[f32]; WINDOW], scale: f32, out: &mut [f32]) {
        let [r0, r1, r2, r3, r4] = rows;
        let rows = r0.iter().zip(r1).zip(r2).zip(r3).zip(r4);
        for (out, ((((r0, r1), r2), r3), r4)) in out.iter_mut().zip(rows) {
            *out = (r0 + r1 + r2 + r3 + r4) * scale;
        }
    }
}
