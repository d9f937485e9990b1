//! Rows of one plane of bytes to the rows of a square, bilinear and antialiased as Pillow does it.
//!
//! A library would do, but the fast ones compile a kernel for every pixel type and every
//! instruction set into this crate: minutes of build for what is two short loops.
use super::vector::vectorised;

/// What weights of one output sample sum to, in bits.
const WEIGHT_BITS: u32 = 15;

/// Samples between the two passes have this many bits below a byte's.
const BETWEEN_BITS: u32 = 8;

/// Output samples that are summed at once; rows are padded to whole blocks.
const BLOCK: usize = 32;

/// Output samples of a row at once, across.
const LANES: usize = 8;

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
    across: Axis,
    down: Axis,
    /// One row of the plane, padded for the last taps.
    row: Vec<u8>,
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
    /// The weights of [`LANES`] outputs side by side, tap by tap; the last outputs are padding.
    lanes: Vec<[u16; LANES]>,
}

impl Resize {
    /// Gets ready for another plane, to become `side` by `side`.
    pub(super) fn begin(&mut self, size: PlaneSize, side: usize) {
        self.done = 0;
        if self.of == (size, side) {
            return;
        }
        self.of = (size, side);
        // Bytes are read four at a time.
        self.across = Axis::new(size.columns, size.covered.0, side, 4);
        self.across.fill_lanes();
        self.down = Axis::new(size.rows, size.covered.1, side, 1);
        self.row = vec![0; size.columns + self.across.taps];
        self.between = vec![0; padded(side) * self.down.taps];
    }

    /// Row `y` of the square, in order from 0, with padding; `read` gives rows of the plane.
    pub(super) fn row(
        &mut self,
        y: usize,
        mut read: impl FnMut(usize, &mut [u8]),
        out: &mut Vec<u8>,
    ) {
        let (size, side) = self.of;
        let (taps, width) = (self.down.taps, padded(side));
        let (first, weights) = self.down.of(y);
        // Taps beyond the plane have no weight.
        for r in self.done..(first + taps).min(size.rows) {
            read(r, &mut self.row[..size.columns]);
            let between = &mut self.between[r % taps * width..][..width];
            across(&self.row, &self.across, between);
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
    /// Triangles as wide as the scale, or one sample where the plane grows.
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
        let taps = taps.next_multiple_of(multiple);
        let weights = spans.iter().flat_map(|(_, weights)| whole_weights(weights, taps)).collect();
        let first = spans.iter().map(|(first, _)| *first as u32).collect();
        Self { taps, first, weights, lanes: Vec::new() }
    }

    /// Pads to whole blocks.
    fn fill_lanes(&mut self) {
        let outputs = padded(self.first.len());
        self.first.resize(outputs, 0);
        self.weights.resize(outputs * self.taps, 0);
        let lanes = self.weights.chunks_exact(LANES * self.taps).flat_map(|weights| {
            (0..self.taps).map(|tap| std::array::from_fn(|lane| weights[lane * self.taps + tap]))
        });
        self.lanes = lanes.collect();
    }

    fn of(&self, i: usize) -> (usize, &[u16]) {
        (self.first[i] as usize, &self.weights[i * self.taps..][..self.taps])
    }
}

/// `weights` as whole numbers that sum to 2^15, then zeros up to `taps` of them.
fn whole_weights(weights: &[f64], taps: usize) -> Vec<u16> {
    let one = f64::from(1 << WEIGHT_BITS) / weights.iter().sum::<f64>();
    let (mut sum, mut given) = (0.0, 0);
    let whole = weights.iter().map(|weight| {
        // What rounding took from one is given to the next.
        sum += weight * one;
        let step = sum.round() as u32 - given;
        given += step;
        step as u16
    });
    whole.chain(std::iter::repeat(0)).take(taps).collect()
}

vectorised! {
    /// One row at the square's width.
    fn across(row: &[u8], axis: &Axis, between: &mut [u16]) {
        const SHIFT: u32 = WEIGHT_BITS - BETWEEN_BITS;
        let weights = axis.lanes.chunks_exact(axis.taps);
        let firsts = axis.first.as_chunks::<LANES>().0;
        let outs = between.as_chunks_mut::<LANES>().0.iter_mut();
        for ((out, firsts), weights) in outs.zip(firsts).zip(weights) {
            let mut sums = [1 << (SHIFT - 1); LANES];
            for (i, weights) in weights.as_chunks::<4>().0.iter().enumerate() {
                let mut fours = [0; LANES];
                for (word, &first) in fours.iter_mut().zip(firsts) {
                    *word = four(row, first as usize + 4 * i);
                }
                for (tap, weights) in weights.iter().enumerate() {
                    for ((sum, four), &weight) in sums.iter_mut().zip(fours).zip(weights) {
                        *sum += (four >> (8 * tap) & 0xff) * u32::from(weight);
                    }
                }
            }
            for (out, sum) in out.iter_mut().zip(sums) {
                *out = (sum >> SHIFT) as u16;
            }
        }
    }
}

/// Four bytes in one word, the first lowest.
#[inline(always)]
fn four(row: &[u8], at: usize) -> u32 {
    let bytes = &row[at..at + 4];
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
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
