//! How often each 8-bit level occurs in a prediction, apart for the four quadrants around the
//! ground truth's centroid, foreground and background.
use std::ops::AddAssign;

use super::Gray;
use super::MetricsError;

/// Ground truth above this level is foreground.
pub const GT_THRESHOLD: u8 = 128;

/// What happens to a prediction's levels first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Normalization {
    /// Each prediction is stretched to 0..=1 (PySODMetrics and MGD-SAM2's `test.py`).
    #[default]
    MinMax,
    /// Levels are divided by 255 (PySODMetrics with `normalize=False`).
    FullScale,
}

/// Pixels of each level, apart for foreground and background of the ground truth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram {
    /// Pixels that the ground truth counts as object.
    pub foreground: [u64; 256],
    /// All other pixels.
    pub background: [u64; 256],
}

impl Histogram {
    const EMPTY: Self = Self { foreground: [0; 256], background: [0; 256] };

    /// How many pixels are foreground.
    pub fn foreground_count(&self) -> u64 {
        self.foreground.iter().sum()
    }

    /// How many pixels there are.
    pub fn count(&self) -> u64 {
        self.foreground_count() + self.background.iter().sum::<u64>()
    }

    /// How many pixels of each level there are.
    pub fn levels(&self) -> [u64; 256] {
        std::array::from_fn(|level| self.foreground[level] + self.background[level])
    }
}

impl AddAssign<&Histogram> for Histogram {
    fn add_assign(&mut self, other: &Self) {
        self.foreground.iter_mut().zip(other.foreground).for_each(|(a, b)| *a += b);
        self.background.iter_mut().zip(other.background).for_each(|(a, b)| *a += b);
    }
}

/// One prediction against its ground truth, reduced to counts.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The whole picture.
    pub all: Histogram,
    /// Left top, right top, left bottom, right bottom of `(split_x, split_y)`.
    pub quadrants: [Histogram; 4],
    /// Width of the left quadrants: the centroid's column and one, as the authors' code has it.
    pub split_x: usize,
    /// Height of the upper quadrants.
    pub split_y: usize,
    /// In pixels.
    pub width: usize,
    /// In pixels.
    pub height: usize,
    /// The value of each level.
    pub levels: Levels,
}

/// What each level of a prediction stands for.
#[derive(Debug, Clone, Copy)]
pub struct Levels {
    /// In 0..=1 for the levels that occur.
    pub value: [f64; 256],
    /// The value again in 8 bits, cut off: the threshold up to which the pixel is foreground.
    pub quantized: [u8; 256],
    /// The level that has the value 0.
    pub black: u8,
    /// The level that has the value 1.
    pub white: u8,
}

impl Levels {
    /// The values of levels between `min` and `max`. A constant prediction is not stretched.
    pub fn new(min: u8, max: u8, normalization: Normalization) -> Self {
        let unit = |level: u8| f64::from(level) / 255.0;
        let stretch = normalization == Normalization::MinMax && min != max;
        let (low, range) = (unit(min), unit(max) - unit(min));
        let value: [f64; 256] = std::array::from_fn(|level| match stretch {
            true => (unit(level as u8) - low) / range,
            false => unit(level as u8),
        });
        let (black, white) = if stretch { (min, max) } else { (0, 255) };
        Self { value, quantized: value.map(|v| (v * 255.0) as u8), black, white }
    }
}

impl Pair {
    /// Counts the levels of `pred`; `gt` is foreground above [`GT_THRESHOLD`].
    ///
    /// # Errors
    /// [`MetricsError::Size`] where the sizes differ.
    pub fn new(
        pred: Gray<'_>,
        gt: Gray<'_>,
        normalization: Normalization,
    ) -> Result<Self, MetricsError> {
        pred.check_size(&gt)?;
        let (width, height) = (pred.width(), pred.height());
        let (split_x, split_y) = centroid_split(gt);
        let quadrants = count_quadrants(pred, gt, split_x, split_y);
        let mut all = Histogram::EMPTY;
        quadrants.iter().for_each(|quadrant| all += quadrant);
        let counts = all.levels();
        let min = counts.iter().position(|&n| n > 0).unwrap_or(0) as u8;
        let max = counts.iter().rposition(|&n| n > 0).unwrap_or(0) as u8;
        let levels = Levels::new(min, max, normalization);
        Ok(Self { all, quadrants, split_x, split_y, width, height, levels })
    }
}

/// One past the rounded centroid of the foreground (half to even, as numpy does).
fn centroid_split(gt: Gray<'_>) -> (usize, usize) {
    let (mut n, mut sum_x, mut sum_y) = (0_u64, 0_u64, 0_u64);
    for y in 0..gt.height() {
        let row = gt.row(y).iter().map(|&g| u32::from(g > GT_THRESHOLD));
        // A mask in place of a product, which plain SSE2 has not for 32 bits.
        let (count, xs) = row.zip(0_u32..).fold((0, 0), |(count, xs), (set, x)| {
            (count + set, xs + (x & 0_u32.wrapping_sub(set)))
        });
        n += u64::from(count);
        sum_x += u64::from(xs);
        sum_y += u64::from(count) * y as u64;
    }
    let split = |sum: u64, side: usize| match n {
        0 => (side as f64 / 2.0).round_ties_even() as usize + 1,
        _ => (sum as f64 / n as f64).round_ties_even() as usize + 1,
    };
    (split(sum_x, gt.width()).min(gt.width()), split(sum_y, gt.height()).min(gt.height()))
}

/// Both classes of a quadrant, twice: neighbours of one level do not wait for each other.
type Counts = [[[u32; 256]; 2]; 2];

fn count_quadrants(pred: Gray<'_>, gt: Gray<'_>, split_x: usize, split_y: usize) -> [Histogram; 4] {
    let mut counts: Box<[Counts; 4]> = Box::new([[[[0; 256]; 2]; 2]; 4]);
    for y in 0..pred.height() {
        let first = if y < split_y { 0 } else { 2 };
        let (left, right) = pred.row(y).split_at(split_x);
        let (gt_left, gt_right) = gt.row(y).split_at(split_x);
        count_row(left, gt_left, &mut counts[first]);
        count_row(right, gt_right, &mut counts[first + 1]);
    }
    counts.map(|[a, b]| {
        let sum = |class: usize| {
            std::array::from_fn(|level| u64::from(a[class][level]) + u64::from(b[class][level]))
        };
        Histogram { background: sum(0), foreground: sum(1) }
    })
}

fn count_row(pred: &[u8], gt: &[u8], [even, odd]: &mut Counts) {
    for (pred, gt) in pred.chunks(BLOCK).zip(gt.chunks(BLOCK)) {
        if let Some((level, class)) = constant(pred, gt) {
            even[class][level] += pred.len() as u32;
            continue;
        }
        for (i, (&pred, &gt)) in pred.iter().zip(gt).enumerate() {
            let counts = if i % 2 == 0 { &mut *even } else { &mut *odd };
            counts[usize::from(gt > GT_THRESHOLD)][usize::from(pred)] += 1;
        }
    }
}

/// Pixels that are looked at together: masks and mattes are constant over most of a picture.
const BLOCK: usize = 32;

/// The one level and class of a block that has but one.
fn constant(pred: &[u8], gt: &[u8]) -> Option<(usize, usize)> {
    let (level, class) = (pred[0], gt[0] > GT_THRESHOLD);
    let other_level = pred.iter().fold(0, |other, &p| other | (p ^ level));
    let other_class = gt.iter().fold(false, |other, &g| other | ((g > GT_THRESHOLD) != class));
    (other_level == 0 && !other_class).then_some((level.into(), class.into()))
}
