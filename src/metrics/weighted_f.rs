//! Weighted F-measure (Margolin, Zelnik-Manor and Tal, 2014), as PySODMetrics computes it.
use std::ops::Range;
use std::sync::OnceLock;

use rayon::prelude::*;

use super::EPS;
use super::Gray;
use super::distance::ColumnFeatures;
use super::distance::Envelope;
use super::distance::REACH as FULL_WEIGHT_PX;
use super::histogram::GT_THRESHOLD;
use super::histogram::Levels;
use super::histogram::Pair;

/// Half the side of the Gaussian window that spreads errors, in pixels.
const REACH: usize = 3;
/// The Gaussian's standard deviation, in pixels.
const SIGMA: f64 = 5.0;
/// From [`FULL_WEIGHT_PX`] on an error in the background weighs 2, to a part in 80 million.
const FULL_WEIGHT_D2: usize = FULL_WEIGHT_PX * FULL_WEIGHT_PX;

/// Weighted precision and recall of one pair.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WeightedPrecisionRecall {
    /// Weighted true positives among weighted positives.
    pub precision: f64,
    /// 1 less the mean weighted error of the foreground.
    pub recall: f64,
}

impl WeightedPrecisionRecall {
    /// The F-measure: `beta2` is 1.0 in PySODMetrics, 0.3 in MGD-SAM2's `test.py`.
    pub fn f(self, beta2: f64) -> f64 {
        let Self { precision, recall } = self;
        (1.0 + beta2) * recall * precision / (recall + beta2 * precision + EPS)
    }
}

/// Weighted precision and recall; both 0 where the ground truth is empty. `pair` must be made
/// from the same two pictures.
pub fn weighted_precision_recall(
    pred: Gray<'_>,
    gt: Gray<'_>,
    pair: &Pair,
) -> WeightedPrecisionRecall {
    let foreground = pair.all.foreground_count() as f64;
    if foreground == 0.0 {
        return WeightedPrecisionRecall { precision: 0.0, recall: 0.0 };
    }
    let (errors, false_positives) = spread_errors(pred, gt, &pair.levels);
    let unit = 1.0 / f64::from(pair.levels.white - pair.levels.black);
    let missed = unit * foreground_error(gt, &errors);
    let true_positives = foreground - missed;
    WeightedPrecisionRecall {
        precision: true_positives / (true_positives + false_positives + EPS),
        recall: 1.0 - missed / foreground,
    }
}

/// Each pixel's error in 8-bit levels: in the foreground its own; within [`REACH`] of it the
/// error of the nearest foreground pixel; 0 elsewhere. And the background's weighted error.
fn spread_errors(pred: Gray<'_>, gt: Gray<'_>, levels: &Levels) -> (Vec<u8>, f64) {
    let width = pred.width();
    let features = ColumnFeatures::new(gt, GT_THRESHOLD);
    let mut errors = vec![0; width * pred.height()];
    let rows = errors.par_chunks_exact_mut(width).enumerate();
    let false_positives: Vec<f64> = rows
        .map_init(Scratch::default, |scratch, (y, errors)| {
            spread_row(pred, gt.row(y), levels, &features, scratch, (y, errors))
        })
        .collect();
    (errors, false_positives.iter().sum())
}

/// What the rows of one thread share.
#[derive(Default)]
struct Scratch {
    envelope: Envelope,
    near: Near,
}

/// Pixels that are looked at together: most need nothing, or all the same.
const BLOCK: usize = 32;

fn spread_row(
    pred: Gray<'_>,
    gt: &[u8],
    levels: &Levels,
    features: &ColumnFeatures,
    Scratch { envelope, near }: &mut Scratch,
    (y, errors): (usize, &mut [u8]),
) -> f64 {
    let row = pred.row(y);
    let near = near.mark(features.row(y));
    let asked = row.iter().zip(near).rposition(|(&p, &near)| p != levels.black || near != 0);
    let Some(last) = asked else { return 0.0 };
    let mut background = Background { pred, levels, features, envelope, y, last, found: None };
    let mut false_positives = 0.0;
    for start in (0..row.len()).step_by(BLOCK) {
        let block = start..(start + BLOCK).min(row.len());
        let foreground = gt[block.clone()].iter().map(|&g| u8::from(g > GT_THRESHOLD));
        let foreground = usize::from(foreground.sum::<u8>());
        if foreground > 0 {
            let own = errors[block.clone()].iter_mut().zip(&row[block.clone()]);
            own.for_each(|(error, &p)| *error = levels.white - p);
        }
        if foreground == block.len() {
            continue;
        }
        let wrong = row[block.clone()].iter().fold(0, |wrong, &p| wrong | (p ^ levels.black));
        if foreground == 0 && wrong == 0 && near[block.clone()].iter().all(|&near| near == 0) {
            continue;
        }
        for x in block.filter(|&x| gt[x] <= GT_THRESHOLD) {
            errors[x] = 0;
            if row[x] != levels.black || near[x] != 0 {
                false_positives += background.spread(x, &mut errors[x]);
            }
        }
    }
    false_positives
}

/// The background of one row.
struct Background<'a> {
    pred: Gray<'a>,
    levels: &'a Levels,
    features: &'a ColumnFeatures,
    envelope: &'a mut Envelope,
    y: usize,
    /// The last column that may be asked for.
    last: usize,
    /// Whether the envelope was built and found foreground.
    found: Option<bool>,
}

impl Background<'_> {
    /// The weighted error of pixel `x`; `spread` becomes the error of the nearest foreground
    /// pixel, where one is near. `x` may not decrease from call to call.
    fn spread(&mut self, x: usize, spread: &mut u8) -> f64 {
        let error = self.levels.value[usize::from(self.pred.row(self.y)[x])];
        let build = || self.envelope.build(self.features.row(self.y), x..self.last + 1);
        if !*self.found.get_or_insert_with(build) {
            return error * 2.0;
        }
        let (d2, nearest_x) = self.envelope.nearest(x);
        let d2 = d2 as usize;
        if d2 <= 2 * REACH * REACH {
            let offset = self.features.row(self.y)[nearest_x];
            let nearest_y = self.y.wrapping_add_signed(offset.into());
            *spread = self.levels.white - self.pred.row(nearest_y)[nearest_x];
        }
        error * background_weights()[d2.min(FULL_WEIGHT_D2)]
    }
}

/// Marks pixels of a row that have foreground within [`REACH`] in both directions.
#[derive(Default)]
struct Near {
    /// The same for the columns alone, with [`REACH`] zeros on both sides.
    columns: Vec<u8>,
    near: Vec<u8>,
}

impl Near {
    fn mark(&mut self, offsets: &[i8]) -> &[u8] {
        let width = offsets.len();
        self.columns.resize(width + 2 * REACH, 0);
        self.near.clear();
        self.near.resize(width, 0);
        let marks = self.columns[REACH..].iter_mut().zip(offsets);
        marks.for_each(|(m, offset)| *m = u8::from(offset.unsigned_abs() <= REACH as u8));
        for shift in 0..=2 * REACH {
            let columns = &self.columns[shift..];
            self.near.iter_mut().zip(columns).for_each(|(near, column)| *near |= column);
        }
        &self.near
    }
}

/// What an error in the background weighs, by squared distance from the foreground.
fn background_weights() -> &'static [f64] {
    static WEIGHTS: OnceLock<Vec<f64>> = OnceLock::new();
    WEIGHTS.get_or_init(|| {
        let weight = |d2: usize| 2.0 - (0.5_f64.ln() / 5.0 * (d2 as f64).sqrt()).exp();
        (0..=FULL_WEIGHT_D2).map(weight).collect()
    })
}

/// The sum over the foreground of each error or, where less, of its Gaussian mean.
fn foreground_error(gt: Gray<'_>, errors: &[u8]) -> f64 {
    let (width, kernel) = (gt.width(), kernel());
    let rows: Vec<f64> = (0..gt.height())
        .into_par_iter()
        .map_init(
            || (vec![0.0; width + 2 * REACH], vec![0.0; width]),
            |(columns, means), y| {
                let (gt, own) = (gt.row(y), &errors[y * width..][..width]);
                let wrong = |x: &usize| gt[*x] > GT_THRESHOLD && own[*x] > 0;
                let Some(first) = (0..width).find(wrong) else { return 0.0 };
                let last = (0..width).rfind(wrong).unwrap_or(first);
                gaussian_row(errors, width, y, first..last + 1, &kernel, columns, means);
                sum_of_lesser(&gt[first..=last], &own[first..=last], &means[first..=last])
            },
        )
        .collect();
    rows.iter().sum()
}

/// The Gaussian means of row `y` in `range`; beyond the picture errors are 0. `columns` has
/// [`REACH`] zeros on both sides, and stays as it is outside `range` and its surroundings.
fn gaussian_row(
    errors: &[u8],
    width: usize,
    y: usize,
    range: Range<usize>,
    kernel: &[f32; 2 * REACH + 1],
    columns: &mut [f32],
    means: &mut [f32],
) {
    let near = range.start.saturating_sub(REACH)..(range.end + REACH).min(width);
    let row = |y: Option<usize>| {
        let row = y.and_then(|y| errors.get(y * width..(y + 1) * width));
        row.map(|row| &row[near.clone()])
    };
    let own = row(Some(y)).unwrap_or_default();
    let sums = &mut columns[REACH..][near.clone()];
    sums.iter_mut().zip(own).for_each(|(sum, &e)| *sum = kernel[REACH] * f32::from(e));
    for (distance, &weight) in kernel[REACH..].iter().enumerate().skip(1) {
        add_rows(sums, weight, row(y.checked_sub(distance)), row(Some(y + distance)));
    }
    let own = &columns[REACH..][range.clone()];
    let means = &mut means[range.clone()];
    means.iter_mut().zip(own).for_each(|(mean, column)| *mean = kernel[REACH] * column);
    for (distance, &weight) in kernel[REACH..].iter().enumerate().skip(1) {
        let left = &columns[REACH - distance..][range.clone()];
        let right = &columns[REACH + distance..][range.clone()];
        let means = means.iter_mut();
        means.zip(left).zip(right).for_each(|((mean, l), r)| *mean += weight * (l + r));
    }
}

/// Adds one or two rows of errors, weighted alike.
fn add_rows(sums: &mut [f32], weight: f32, above: Option<&[u8]>, below: Option<&[u8]>) {
    match (above, below) {
        (Some(above), Some(below)) => {
            let rows = above.iter().zip(below).map(|(&a, &b)| u16::from(a) + u16::from(b));
            sums.iter_mut().zip(rows).for_each(|(sum, e)| *sum += weight * f32::from(e));
        }
        (Some(one), None) | (None, Some(one)) => {
            sums.iter_mut().zip(one).for_each(|(sum, &e)| *sum += weight * f32::from(e));
        }
        (None, None) => {}
    }
}

fn sum_of_lesser(gt: &[u8], errors: &[u8], means: &[f32]) -> f64 {
    let mut sums = [0.0_f64; 8];
    let pixels = gt.chunks(8).zip(errors.chunks(8)).zip(means.chunks(8));
    for ((gt, errors), means) in pixels {
        for (((sum, &g), &error), &mean) in sums.iter_mut().zip(gt).zip(errors).zip(means) {
            let lesser = f32::from(error).min(mean);
            *sum += f64::from(if g > GT_THRESHOLD { lesser } else { 0.0 });
        }
    }
    sums.iter().sum()
}

/// One side of the Gaussian window; the window is its outer product.
fn kernel() -> [f32; 2 * REACH + 1] {
    let bell = std::array::from_fn::<f64, { 2 * REACH + 1 }, _>(|i| {
        (-(i as f64 - REACH as f64).powi(2) / (2.0 * SIGMA * SIGMA)).exp()
    });
    bell.map(|v| (v / bell.iter().sum::<f64>()) as f32)
}
