//! Growing and shrinking of masks, 64 pixels at a time.
use super::mask::Mask;

/// Half widths of a disk's rows, from its middle row down: `x*x + y*y <= r*r` (scikit-image).
pub(crate) fn disk(radius: usize) -> Vec<usize> {
    (0..=radius).map(|dy| (radius * radius - dy * dy).isqrt()).collect()
}

/// Half widths of OpenCV's `MORPH_ELLIPSE` of `2 * radius + 1` pixels, from its middle row down.
pub(crate) fn ellipse(radius: usize) -> Vec<usize> {
    let r = radius as f64;
    let inverse = 1.0 / (r * r);
    let half = |dy: usize| (r * ((r * r - (dy * dy) as f64) * inverse).sqrt()).round_ties_even();
    (0..=radius).map(|dy| half(dy) as usize).collect()
}

/// The four neighbours and the pixel itself: `disk(1)`.
pub(crate) const CROSS: [usize; 2] = [1, 0];

impl Mask {
    /// Every pixel that the element, laid on a set pixel, covers. `half_widths` lists the
    /// element's rows from its middle down, widest first.
    pub(crate) fn dilate(&self, half_widths: &[usize]) -> Self {
        let mut grown = Self::empty(self.width(), self.height());
        let stride = self.row(0).len();
        let pad = half_widths[0] / 64 + 1;
        let mut padded = vec![0; stride + 2 * pad];
        let mut wide = vec![0; stride];
        for y in (0..self.height()).filter(|&y| self.row(y).iter().any(|&w| w != 0)) {
            padded[pad..pad + stride].copy_from_slice(self.row(y));
            wide.copy_from_slice(self.row(y));
            let mut reached = 0;
            for (dy, &half) in half_widths.iter().enumerate().rev() {
                for dx in reached + 1..=half {
                    or_shifted(&padded, pad, dx, &mut wide);
                }
                reached = half;
                grown.or_row(y.checked_sub(dy), &wide);
                grown.or_row(Some(y + dy), &wide);
            }
        }
        grown.clear_tail();
        grown
    }

    /// Pixels that the element fits around; outside the picture everything counts as set.
    pub(crate) fn erode(&self, half_widths: &[usize]) -> Self {
        self.complement().dilate(half_widths).complement()
    }

    /// Pixels whose square of `2 * radius + 1` is set; outside the picture nothing is.
    pub(crate) fn erode_square(&self, radius: usize) -> Self {
        let (width, height) = (self.width(), self.height());
        if 2 * radius >= width || 2 * radius >= height {
            return Self::empty(width, height);
        }
        let mut kept = self.clone();
        for y in 0..height {
            erode_row(kept.row_mut(y), radius);
        }
        kept.erode_columns(radius);
        kept
    }

    /// Keeps the pixels with `radius` set pixels above and below, by doubling windows.
    fn erode_columns(&mut self, radius: usize) {
        let (height, length) = (self.height(), 2 * radius + 1);
        let mut covered = 1;
        while covered < length {
            let step = covered.min(length - covered);
            for y in 0..height {
                let (above, below) = self.rows_mut(y, y + step);
                above.iter_mut().enumerate().for_each(|(i, a)| *a &= below.map_or(0, |b| b[i]));
            }
            covered += step;
        }
        self.move_down(radius);
    }

    fn or_row(&mut self, y: Option<usize>, row: &[u64]) {
        if let Some(y) = y.filter(|&y| y < self.height()) {
            self.row_mut(y).iter_mut().zip(row).for_each(|(a, b)| *a |= b);
        }
    }

    fn clear_tail(&mut self) {
        let stride = self.row(0).len();
        let last = u64::MAX >> (stride * 64 - self.width());
        for y in 0..self.height() {
            self.row_mut(y)[stride - 1] &= last;
        }
    }
}

/// Adds a row, moved by `dx` pixels to both sides, to `wide`; `padded` has `pad` empty words
/// before and after the row.
fn or_shifted(padded: &[u64], pad: usize, dx: usize, wide: &mut [u64]) {
    let (words, bits) = (dx / 64, dx % 64);
    let (right, left) = (&padded[pad + words..], &padded[pad - words - 1..]);
    let pairs = right.windows(2).zip(left.windows(2));
    for (wide, (right, left)) in wide.iter_mut().zip(pairs) {
        // Two shifts, as a shift by all 64 bits is none.
        *wide |= right[0] >> bits | right[1] << 1 << (63 - bits);
        *wide |= left[1] << bits | left[0] >> 1 >> (63 - bits);
    }
}

/// The 64 pixels from column `start` on; zero outside the row.
pub(crate) fn word_at(row: &[u64], start: isize) -> u64 {
    let (word, bit) = (start.div_euclid(64), start.rem_euclid(64));
    let get = |i: isize| usize::try_from(i).ok().and_then(|i| row.get(i)).copied().unwrap_or(0);
    match bit {
        0 => get(word),
        _ => get(word) >> bit | get(word + 1) << (64 - bit),
    }
}

/// Keeps the pixels with `radius` set pixels on both sides, by doubling windows.
fn erode_row(row: &mut [u64], radius: usize) {
    let length = 2 * radius + 1;
    let mut window = row.to_vec();
    let mut covered = 1;
    while covered < length {
        let step = covered.min(length - covered);
        window = (0..row.len())
            .map(|i| window[i] & word_at(&window, (i * 64 + step) as isize))
            .collect();
        covered += step;
    }
    for (i, word) in row.iter_mut().enumerate() {
        *word = word_at(&window, i as isize * 64 - radius as isize);
    }
}
