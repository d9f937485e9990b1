//! One plane of bytes to a square, bilinear and antialiased as Pillow does it.
//!
//! A library would do, but the fast ones compile a kernel for every pixel type and every
//! instruction set into this crate: minutes of build for what is two short loops.

/// A plane whose rows lie a whole number of pixels apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pixels<'a> {
    /// `pitch * rows` pixels.
    pub(super) bytes: &'a [u8],
    /// 1 to 4.
    pub(super) pixel_bytes: usize,
    /// Pixels from one row to the next.
    pub(super) pitch: usize,
    /// Pixels of a row that count.
    pub(super) columns: usize,
    pub(super) rows: usize,
    /// What of columns and rows lies under the frame; the square is filled from this.
    pub(super) covered: (f64, f64),
}

/// Resizes planes; the tables of the last size are kept.
#[derive(Debug, Default)]
pub(super) struct Resize {
    across: Axis,
    down: Axis,
    /// One row of the plane's width, resized vertically.
    row: Vec<f32>,
}

/// What each output sample takes of one direction's input samples: `taps` from `first` on.
#[derive(Debug, Default)]
struct Axis {
    size: (usize, f64, usize),
    taps: usize,
    first: Vec<usize>,
    /// `taps` for each output.
    weights: Vec<f32>,
}

impl Resize {
    /// `square` becomes `plane`, `side` by `side` pixels.
    pub(super) fn run(&mut self, plane: Pixels, side: usize, square: &mut Vec<u8>) {
        let bytes = plane.pixel_bytes;
        square.resize(side * side * bytes, 0);
        self.across.prepare(plane.columns, plane.covered.0, side);
        self.down.prepare(plane.rows, plane.covered.1, side);
        self.row.resize(plane.columns * bytes, 0.0);
        for (y, out) in square.chunks_exact_mut(side * bytes).enumerate() {
            self.blend_rows(&plane, y);
            match bytes {
                1 => self.across.apply::<1>(&self.row, out),
                2 => self.across.apply::<2>(&self.row, out),
                3 => self.across.apply::<3>(&self.row, out),
                _ => self.across.apply::<4>(&self.row, out),
            }
        }
    }

    /// `row` becomes output row `y` in the plane's own width.
    fn blend_rows(&mut self, plane: &Pixels, y: usize) {
        let (first, weights) = self.down.of(y);
        let stride = plane.pitch * plane.pixel_bytes;
        for (i, &weight) in weights.iter().enumerate() {
            let from = (first + i) * stride;
            let bytes = &plane.bytes[from..from + self.row.len()];
            let blend = self.row.iter_mut().zip(bytes);
            match i {
                0 => blend.for_each(|(sum, &byte)| *sum = weight * f32::from(byte)),
                _ => blend.for_each(|(sum, &byte)| *sum += weight * f32::from(byte)),
            }
        }
    }
}

impl Axis {
    /// Triangles as wide as the scale, or one sample where the plane grows.
    fn prepare(&mut self, from: usize, covered: f64, to: usize) {
        let size = (from, covered, to);
        if self.size == size {
            return;
        }
        let scale = covered / to as f64;
        let support = scale.max(1.0);
        self.size = size;
        self.taps = (2 * support.ceil() as usize + 1).min(from);
        self.first.clear();
        self.weights.clear();
        for i in 0..to {
            let centre = (i as f64 + 0.5) * scale;
            let first = (centre - support + 0.5).max(0.0) as usize;
            let first = first.min(from - self.taps);
            let weight = |j: usize| {
                (1.0 - ((first + j) as f64 + 0.5 - centre).abs() / support).max(0.0)
            };
            let total: f64 = (0..self.taps).map(weight).sum();
            self.first.push(first);
            self.weights.extend((0..self.taps).map(|j| (weight(j) / total) as f32));
        }
    }

    fn of(&self, i: usize) -> (usize, &[f32]) {
        (self.first[i], &self.weights[i * self.taps..(i + 1) * self.taps])
    }

    /// One row of pixels of `N` bytes.
    fn apply<const N: usize>(&self, row: &[f32], out: &mut [u8]) {
        let (row, _) = row.as_chunks::<N>();
        for (i, pixel) in out.as_chunks_mut::<N>().0.iter_mut().enumerate() {
            let (first, weights) = self.of(i);
            let mut sum = [0.5; N];
            for (sample, &weight) in row[first..first + self.taps].iter().zip(weights) {
                for (sum, &sample) in sum.iter_mut().zip(sample) {
                    *sum += weight * sample;
                }
            }
            *pixel = sum.map(|sum| sum as u8);
        }
    }
}
