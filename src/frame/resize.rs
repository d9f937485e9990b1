//! Rows of one plane of bytes to the rows of a square, bilinear and antialiased as Pillow does it.
//!
//! A library would do, but the fast ones compile a kernel for every pixel type and every
//! instruction set into this crate: minutes of build for what is two short loops.
use super::FrameView;
use super::across::Across;
use super::components;
use super::vector::vectorised;

/// What weights of one output sample sum to, in bits: each fits a signed word.
pub(super) const WEIGHT_BITS: u32 = 14;

/// Samples between the two passes have this many bits below a byte's.
pub(super) const BETWEEN_BITS: u32 = 8;

/// Output samples that are summed at once; rows are padded to whole blocks.
const BLOCK: usize = 32;

/// A plane's own size, and what of it lies under the frame; the square is filled from this.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct PlaneSize {
    pub(super) columns: usize,
    pub(super) rows: usize,
    pub(super) covered: (f64, f64),
}

/// Resizes planes, a row at a time; the tables of the last size are kept.
#[derive(Debug, Default)]
pub(super) struct Resize {
    of: (PlaneSize, usize),
    across: Across,
    down: Axis,
    /// One row of the plane, where it must be gathered.
    row: Vec<u8>,
    /// And where it must be made longer.
    long_row: Vec<u8>,
    /// Rows at the square's width; row `r` is the `r % down.taps`th.
    between: Vec<u16>,
    /// Rows of the plane that have been resized.
    done: usize,
}

/// What each output sample takes of one direction's input samples: `taps` from `first` on.
#[derive(Debug, Default)]
pub(super) struct Axis {
    pub(super) taps: usize,
    pub(super) first: Vec<u32>,
    /// `taps` for each output.
    pub(super) weights: Vec<u16>,
}

impl Resize {
    /// Gets ready for another plane, to become `side` by `side`.
    pub(super) fn begin(&mut self, size: PlaneSize, side: usize) {
        self.done = 0;
        if self.of == (size, side) {
            return;
        }
        self.of = (size, side);
        self.across = Across::new(size.columns, size.covered.0, side);
        self.down = Axis::new(size.rows, size.covered.1, side, 1);
        self.row = vec![0; size.columns];
        self.long_row = vec![0; self.across.reach()];
        self.between = vec![0; padded(side) * self.down.taps];
    }

    /// Row `y` of the square, in order from 0, with padding, from the rows of a frame's component.
    pub(super) fn row(&mut self, y: usize, frame: &FrameView, component: usize, out: &mut Vec<u8>) {
        let (size, side) = self.of;
        let (taps, width) = (self.down.taps, padded(side));
        let (first, weights) = self.down.of(y);
        // Taps beyond the plane have no weight.
        for r in self.done..(first + taps).min(size.rows) {
            let between = &mut self.between[r % taps * width..][..width];
            let mut row = components::read(frame, component, r, &mut self.row);
            if row.len() < self.long_row.len() {
                self.long_row[..row.len()].copy_from_slice(row);
                row = &self.long_row;
            }
            self.across.run(row, between);
            self.done = r + 1;
        }
        out.resize(width, 0);
        down(&self.between, first, weights, out);
    }
}

/// Up to whole blocks.
pub(super) fn padded(side: usize) -> usize {
    side.next_multiple_of(BLOCK)
}

impl Axis {
    /// Triangles as wide as the scale, or one sample where the plane grows. All taps lie within
    /// the `from` samples, unless these are fewer.
    pub(super) fn new(from: usize, covered: f64, to: usize, multiple: usize) -> Self {
        let scale = covered / to as f64;
        let support = scale.max(1.0);
        let mut taps: usize = 1;
        let spans: Vec<(usize, Vec<f64>)> = (0..to)
            .map(|i| {
                let centre = (i as f64 + 0.5) * scale;
                let first = (centre - support + 0.5).max(0.0) as usize;
                let end = ((centre + support + 0.5) as usize).min(from);
                let weight = |j: usize| (1.0 - (j as f64 + 0.5 - centre).abs() / support).max(0.0);
                taps = taps.max(end - first);
                (first, (first..end).map(weight).collect())
            })
            .collect();
        let mut axis = Self { taps: taps.next_multiple_of(multiple), ..Self::default() };
        for (first, weights) in spans {
            let start = first.min(from.saturating_sub(axis.taps));
            axis.first.push(start as u32);
            axis.weights.extend(std::iter::repeat_n(0, first - start));
            axis.weights.extend(whole_weights(&weights));
            axis.weights.resize(axis.first.len() * axis.taps, 0);
        }
        axis
    }

    /// Outputs up to whole blocks, the last of no weight.
    pub(super) fn padded(mut self) -> Self {
        let outputs = padded(self.first.len());
        self.first.resize(outputs, self.first.last().copied().unwrap_or(0));
        self.weights.resize(outputs * self.taps, 0);
        self
    }

    /// An output's first sample, and the weights from there.
    pub(super) fn of(&self, i: usize) -> (usize, &[u16]) {
        (self.first[i] as usize, &self.weights[i * self.taps..][..self.taps])
    }
}

/// `weights` as whole numbers that sum to 2^14.
fn whole_weights(weights: &[f64]) -> impl Iterator<Item = u16> {
    let one = f64::from(1 << WEIGHT_BITS) / weights.iter().sum::<f64>();
    let (mut sum, mut given) = (0.0, 0);
    weights.iter().map(move |weight| {
        // What rounding took from one is given to the next.
        sum += weight * one;
        let step = sum.round() as u32 - given;
        given += step;
        step as u16
    })
}

vectorised! {
    /// One row of bytes from the rows `first` and on, each where [`Resize`] keeps it.
    fn down(between: &[u16], first: usize, weights: &[u16], out: &mut [u8]) {
        const BITS: u32 = WEIGHT_BITS + BETWEEN_BITS;
        let (taps, width) = (weights.len(), out.len());
        for (block, out) in out.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
            let mut sums = [1 << (BITS - 1); BLOCK];
            for (i, &weight) in weights.iter().enumerate() {
                let start = (first + i) % taps * width + block * BLOCK;
                let row = &between[start..start + BLOCK];
                for (sum, &sample) in sums.iter_mut().zip(row) {
                    *sum += u32::from(weight) * u32::from(sample);
                }
            }
            for (out, sum) in out.iter_mut().zip(sums) {
                *out = (sum >> BITS) as u8;
            }
        }
    }
}
