//! Bilinear enlargement of square planes, a row at a time.

/// Stretches a square plane to any width and height; pixel centres map to pixel centres.
///
/// Each row of the plane is stretched once; [`Lerp`] then blends the two nearest of them, so that
/// the inner loop over pixels reads memory in order.
#[derive(Debug, Default)]
pub(super) struct Upsample {
    /// Pixels along a side of the plane.
    side: usize,
    height: usize,
    /// Per output column: the left sample's index, and the right one's weight.
    taps: Vec<(u32, f32)>,
    /// Stretched rows of the plane; row `r` lies in `rows[r % 2]`, as `held` says.
    rows: [Vec<f32>; 2],
    held: [Option<usize>; 2],
}

/// One output row: `above + (below - above) * weight`, element by element.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lerp<'a> {
    pub(super) above: &'a [f32],
    pub(super) below: &'a [f32],
    pub(super) weight: f32,
}

impl Upsample {
    /// Forgets the last plane; the next is `side * side`, its output `width` by `height`.
    pub(super) fn begin(&mut self, side: usize, width: usize, height: usize) {
        self.held = [None; 2];
        if (side, width, height) == (self.side, self.taps.len(), self.height) {
            return;
        }
        (self.side, self.height) = (side, height);
        self.taps.clear();
        self.taps.extend((0..width).map(|x| tap(x, width, side)));
        self.rows = [vec![0.0; width], vec![0.0; width]];
    }

    /// Row `y` of the enlarged `plane`.
    pub(super) fn row(&mut self, plane: &[f32], y: usize) -> Lerp<'_> {
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
        let from = &plane[r * self.side..][..self.side];
        let last = self.side - 1;
        for (out, &(left, weight)) in self.rows[r % 2].iter_mut().zip(&self.taps) {
            let left = left as usize;
            let (a, b) = (from[left], from[(left + 1).min(last)]);
            *out = a + (b - a) * weight;
        }
    }
}

/// Where output pixel `x` of `width` falls among `side` samples.
fn tap(x: usize, width: usize, side: usize) -> (u32, f32) {
    let centre = (x as f64 + 0.5) * side as f64 / width as f64 - 0.5;
    let centre = centre.clamp(0.0, (side - 1) as f64);
    (centre as u32, (centre - centre.floor()) as f32)
}
