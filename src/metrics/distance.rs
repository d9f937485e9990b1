//! The nearest foreground pixel of every pixel, exactly and in linear time: nearest in the column
//! first, then the lower envelope of the row's parabolas (Maurer, Qi and Raghavan, 2003).
//!
//! Among equally near pixels the leftmost wins, then the topmost, as in SciPy's
//! `distance_transform_edt`.
use super::Gray;
use super::MAX_SIDE;

/// Marks a column without foreground. Farther from every row than any row is, as it must be.
const NONE: u16 = u16::MAX;
const _: () = assert!(MAX_SIDE <= NONE as usize / 2);

/// For each pixel, the row of the nearest foreground pixel of its column.
pub(crate) struct ColumnFeatures {
    width: usize,
    rows: Vec<u16>,
}

impl ColumnFeatures {
    /// Foreground is what lies above `threshold`.
    pub(crate) fn new(gt: Gray<'_>, threshold: u8) -> Self {
        let (width, height) = (gt.width(), gt.height());
        let mut rows = Vec::with_capacity(width * height);
        let mut nearest = vec![NONE; width];
        for y in 0..height {
            note_row(gt.row(y), threshold, y as u16, &mut nearest);
            rows.extend_from_slice(&nearest);
        }
        nearest.fill(NONE);
        for y in (0..height).rev() {
            note_row(gt.row(y), threshold, y as u16, &mut nearest);
            for (above, &below) in rows[y * width..][..width].iter_mut().zip(&nearest) {
                if below.abs_diff(y as u16) < above.abs_diff(y as u16) {
                    *above = below;
                }
            }
        }
        Self { width, rows }
    }

    pub(crate) fn row(&self, y: usize) -> &[u16] {
        &self.rows[y * self.width..][..self.width]
    }
}

fn note_row(gt: &[u8], threshold: u8, y: u16, nearest: &mut [u16]) {
    for (nearest, &gt) in nearest.iter_mut().zip(gt) {
        *nearest = if gt > threshold { y } else { *nearest };
    }
}

/// A column's nearest foreground, seen from one row.
#[derive(Debug, Clone, Copy)]
struct Site {
    x: i64,
    /// Squared distance from the row.
    drop: i64,
}

/// The sites of one row that are nearest to any of its pixels, from the left; reused row by row.
#[derive(Debug, Default)]
pub(crate) struct Envelope {
    sites: Vec<Site>,
    walked: usize,
}

impl Envelope {
    /// The envelope of row `y`, of columns with foreground up to `reach` rows away; `false` where
    /// there is none. Distances up to `reach` come out exact.
    pub(crate) fn build(&mut self, features: &ColumnFeatures, y: usize, reach: u16) -> bool {
        self.sites.clear();
        self.walked = 0;
        let row = features.row(y);
        let is_set = |x: usize| row.get(x).is_some_and(|&feature| usize::from(feature) == y);
        for (x, &feature) in row.iter().enumerate() {
            let distance = feature.abs_diff(y as u16);
            let amid_foreground = distance == 0 && x > 0 && is_set(x - 1) && is_set(x + 1);
            if distance > reach || amid_foreground {
                continue;
            }
            self.push(Site { x: x as i64, drop: i64::from(distance).pow(2) });
        }
        !self.sites.is_empty()
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

/// Whether no point of the row is as near to `middle` as to one of its neighbours.
fn is_hidden(left: Site, middle: Site, right: Site) -> bool {
    let (a, b) = (middle.x - left.x, right.x - middle.x);
    (a + b) * middle.drop - b * left.drop - a * right.drop > a * b * (a + b)
}
