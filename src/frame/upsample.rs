//! Bilinear enlargement of square planes, a row at a time.
use super::stretch::{PADDING, Taps};

/// Stretches a square plane to any width and height; pixel centres map to pixel centres.
///
/// Each row of the plane is stretched once; [`Lerp`] then blends the two nearest of them, so that
/// the inner loop over pixels reads memory in order.
#[derive(Debug, Default)]
pub(crate) struct Upsample {
    /// Pixels along a side of the plane.
    side: usize,
    height: usize,
    /// Per output column.
    taps: Taps,
    /// One row of the plane, and its last pixel again and again.
    row: Vec<f32>,
    /// Stretched rows of the plane; row `r` lies in `rows[r % 2]`, as `held` says.
    rows: [Vec<f32>; 2],
    held: [Option<usize>; 2],
}

/// One output row: `above + (below - above) * weight`, element by element.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lerp<'a> {
    pub(crate) above: &'a [f32],
    pub(crate) below: &'a [f32],
    pub(crate) weight: f32,
}

impl<'a> Lerp<'a> {
    /// The row, value by value.
    #[inline(always)]
    pub(super) fn values(self) -> impl Iterator<Item = f32> + 'a {
        let pairs = self.above.iter().zip(self.below);
        pairs.map(move |(above, below)| above + (below - above) * self.weight)
    }
}

impl Upsample {
    /// Forgets the last plane; the next is `side * side`, its output `width` by `height`.
    pub(crate) fn begin(&mut self, side: usize, width: usize, height: usize) {
        self.held = [None; 2];
        if (side, width, height) == (self.side, self.taps.width(), self.height) {
            return;
        }
        (self.side, self.height) = (side, height);
        self.taps = Taps::new(side, width, |x| tap(x, width, side));
        self.row = vec![0.0; side + PADDING];
        self.rows = [vec![0.0; width], vec![0.0; width]];
    }

    /// Row `y` of the enlarged `plane`.
    pub(crate) fn row(&mut self, plane: &[f32], y: usize) -> Lerp<'_> {
        let (top, weight) = tap(y, self.height, self.side);
        let top = top as usize;
        let bottom = (top + 1).min(self.side - 1);
        self.stretch(plane, top);
        self.stretch(plane, bottom);
        Lerp { above: &self.rows[top % 2], below: &self.rows[bottom % 2], weight }
    }

    /// Makes row `r` of `plane`, at the output's width, be in `rows[r % 2]`.
    fn stretch(&mut self, plane: &[f32], r: usize) {
        if self.held[r % 2].replace(r) == Some(r) {
            return;
        }
        let (row, beyond) = self.row.split_at_mut(self.side);
        row.copy_from_slice(&plane[r * self.side..][..self.side]);
        beyond.fill(row[self.side - 1]);
        self.taps.stretch(&self.row, &mut self.rows[r % 2]);
    }
}

/// Where output pixel `x` of `width` falls among `side` samples.
pub(super) fn tap(x: usize, width: usize, side: usize) -> (u32, f32) {
    let centre = (x as f64 + 0.5) * side as f64 / width as f64 - 0.5;
    let centre = centre.clamp(0.0, (side - 1) as f64);
    (centre as u32, (centre - centre.floor()) as f32)
}
