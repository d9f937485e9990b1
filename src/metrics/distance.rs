//! The nearest foreground pixel of every pixel, exactly and in linear time: nearest in the column
//! first, then the lower envelope of the row's parabolas (Maurer, Qi and Raghavan, 2003).
//!
//! Among equally near pixels the leftmost wins, then the topmost, as in SciPy's
//! `distance_transform_edt`.
use std::ops::Range;

use super::Gray;

/// Foreground of the same column is looked for this many rows up and down.
pub(crate) const REACH: usize = 127;
/// Marks a column without foreground within [`REACH`].
const NONE: u8 = 128;

/// For each pixel, how many rows further down the nearest foreground pixel of its column is, or
/// up where negative; -[`NONE`] where there is none.
pub(crate) struct ColumnFeatures {
    width: usize,
    offsets: Vec<i8>,
}

impl ColumnFeatures {
    /// Foreground is what lies above `threshold`.
    pub(crate) fn new(gt: Gray<'_>, threshold: u8) -> Self {
        let (width, height) = (gt.width(), gt.height());
        let mut offsets = Vec::with_capacity(width * height);
        let mut distances = vec![NONE; width];
        for y in 0..height {
            go_on(gt.row(y), threshold, &mut distances);
            offsets.extend(distances.iter().map(|&above| above.wrapping_neg() as i8));
        }
        distances.fill(NONE);
        for y in (0..height).rev() {
            go_on(gt.row(y), threshold, &mut distances);
            for (offset, &below) in offsets[y * width..][..width].iter_mut().zip(&distances) {
                let above = offset.wrapping_neg() as u8;
                *offset = if below < above { below as i8 } else { *offset };
            }
        }
        Self { width, offsets }
    }

    pub(crate) fn row(&self, y: usize) -> &[i8] {
        &self.offsets[y * self.width..][..self.width]
    }
}

/// From one row's distances to the next row's.
fn go_on(gt: &[u8], threshold: u8, distances: &mut [u8]) {
    for (distance, &gt) in distances.iter_mut().zip(gt) {
        *distance = if gt > threshold { 0 } else { (*distance + 1).min(NONE) };
    }
}

/// A column's nearest foreground, seen from one row.
#[derive(Debug, Clone, Copy)]
struct Site {
    x: i64,
    /// Squared distance from the row.
    drop: i64,
}

/// Columns that are looked at together: in most of a picture none or all are foreground.
const BLOCK: usize = 32;

/// The sites of one row that are nearest to any of its pixels, from the left; reused row by row.
#[derive(Debug, Default)]
pub(crate) struct Envelope {
    sites: Vec<Site>,
    walked: usize,
}

impl Envelope {
    /// The envelope of a row of [`ColumnFeatures`] for the pixels in `asked`; `false` where no
    /// foreground is within [`REACH`] columns and rows. Distances up to [`REACH`] come out exact.
    pub(crate) fn build(&mut self, row: &[i8], asked: Range<usize>) -> bool {
        self.sites.clear();
        self.walked = 0;
        let last = (asked.end + REACH).min(row.len());
        let mut x = asked.start.saturating_sub(REACH);
        while x < last {
            let end = (x + BLOCK).min(last);
            let around = &row[x.saturating_sub(1)..(end + 1).min(row.len())];
            if !is_uniform(around) {
                (x..end).for_each(|x| self.visit(row, x));
            } else if around[0] == 0 {
                // The row's own ends are all that an answer could name.
                [x, end - 1].into_iter().for_each(|x| self.visit(row, x));
            }
            x = end;
        }
        !self.sites.is_empty()
    }

    /// Adds column `x`, unless it has no foreground or lies amid it.
    fn visit(&mut self, row: &[i8], x: usize) {
        let distance = row[x].unsigned_abs();
        let is_set = |x: usize| row.get(x) == Some(&0);
        let amid_foreground = distance == 0 && x > 0 && is_set(x - 1) && is_set(x + 1);
        if distance < NONE && !amid_foreground {
            self.push(Site { x: x as i64, drop: i64::from(distance).pow(2) });
        }
    }

    /// Squared distance and column of the foreground nearest to column `x` of the row; `x` may
    /// not decrease from call to call.
    pub(crate) fn nearest(&mut self, x: usize) -> (i64, usize) {
        let distance = |site: Site| (x as i64 - site.x).pow(2) + site.drop;
        let mut near = distance(self.sites[self.walked]);
        while let Some(&next) = self.sites.get(self.walked + 1) {
            if near <= distance(next) {
                break;
            }
            near = distance(next);
            self.walked += 1;
        }
        (near, self.sites[self.walked].x as usize)
    }

    fn push(&mut self, new: Site) {
        while let [.., left, middle] = self.sites[..] {
            if !is_hidden(left, middle, new) {
                break;
            }
            self.sites.pop();
        }
        self.sites.push(new);
    }
}

/// Whether all columns are foreground, or none has any within [`REACH`].
fn is_uniform(offsets: &[i8]) -> bool {
    let first = offsets[0];
    (first == 0 || first == i8::MIN) && offsets.iter().fold(0, |d, &o| d | (o ^ first)) == 0
}

/// Whether no point of the row is as near to `middle` as to one of its neighbours.
fn is_hidden(left: Site, middle: Site, right: Site) -> bool {
    let (a, b) = (middle.x - left.x, right.x - middle.x);
    (a + b) * middle.drop - b * left.drop - a * right.drop > a * b * (a + b)
}
