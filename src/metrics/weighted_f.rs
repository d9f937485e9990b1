//! Weighted F-measure (Margolin, Zelnik-Manor and Tal, 2014), as PySODMetrics computes it.
use std::ops::Range;
use std::sync::OnceLock;

use rayon::prelude::*;

use super::distance::ColumnFeatures;
use super::distance::Envelope;
use super::histogram::Levels;
use super::histogram::Pair;
use super::histogram::GT_THRESHOLD;
use super::Gray;
use super::EPS;

/// Half the side of the Gaussian window that spreads errors, in pixels.
const REACH: usize = 3;
/// The Gaussian's standard deviation, in pixels.
const SIGMA: f64 = 5.0;
/// From this distance on an error in the background weighs 2 to the last bit of an `f64`.
const FULL_WEIGHT_PX: u16 = 270;
/// The same squared.
const FULL_WEIGHT_D2: usize = FULL_WEIGHT_PX as usize * FULL_WEIGHT_PX as usize;

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
    near: Vec<bool>,
}

fn spread_row(
    pred: Gray<'_>,
    gt: &[u8],
    levels: &Levels,
    features: &ColumnFeatures,
    Scratch { envelope, near }: &mut Scratch,
    (y, errors): (usize, &mut [u8]),
) -> f64 {
    let weights = background_weights();
    let mut false_positives = 0.0;
    let mut found = None;
    let nearest_row = features.row(y);
    mark_near(nearest_row, y, near);
    for (x, &p) in pred.row(y).iter().enumerate() {
        if gt[x] > GT_THRESHOLD {
            errors[x] = levels.white - p;
            continue;
        }
        if p == levels.black && !near[x] {
            continue;
        }
        let error = levels.value[usize::from(p)];
        if !*found.get_or_insert_with(|| envelope.build(features, y, FULL_WEIGHT_PX)) {
            false_positives += error * 2.0;
            continue;
        }
        let (d2, nearest_x) = envelope.nearest(x);
        let d2 = d2 as usize;
        false_positives += error * weights[d2.min(FULL_WEIGHT_D2)];
        if d2 <= 2 * REACH * REACH {
            let nearest_y = usize::from(nearest_row[nearest_x]);
            errors[x] = levels.white - pred.row(nearest_y)[nearest_x];
        }
    }
    false_positives
}

/// Marks the pixels of row `y` that have foreground within [`REACH`] in both directions.
fn mark_near(nearest_row: &[u16], y: usize, near: &mut Vec<bool>) {
    let width = nearest_row.len();
    let in_column = |&row: &u16| usize::from(row.abs_diff(y as u16)) <= REACH;
    near.clear();
    near.extend(nearest_row.iter().map(in_column));
    for (x, _) in nearest_row.iter().enumerate().filter(|(_, row)| in_column(row)) {
        let open = |x: usize| nearest_row.get(x).is_some_and(|row| !in_column(row));
        if x.checked_sub(1).is_some_and(open) || open(x + 1) {
            near[x.saturating_sub(REACH)..(x + REACH + 1).min(width)].fill(true);
        }
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
                let Some(first) = gt.row(y).iter().position(|&g| g > GT_THRESHOLD) else {
                    return 0.0;
                };
                let last = gt.row(y).iter().rposition(|&g| g > GT_THRESHOLD).unwrap_or(first);
                gaussian_row(errors, width, y, first..last + 1, &kernel, columns, means);
                let own = &errors[y * width..][first..=last];
                sum_of_lesser(&gt.row(y)[first..=last], own, &means[first..=last])
            },
        )
        .collect();
    rows.iter().sum()
}

/// The Gaussian means of row `y` in `range`; beyond the picture errors are 0. `columns` has
/// [`REACH`] zeros on both sides.
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
    columns.fill(0.0);
    for (i, &weight) in kernel.iter().enumerate() {
        let row = (y + i).checked_sub(REACH).and_then(|y| errors.get(y * width..(y + 1) * width));
        let Some(row) = row.map(|row| &row[near.clone()]) else { continue };
        let sums = columns[REACH..][near.clone()].iter_mut();
        sums.zip(row).for_each(|(sum, &e)| *sum += weight * f32::from(e));
    }
    means[range.clone()].fill(0.0);
    for (i, &weight) in kernel.iter().enumerate() {
        let shifted = columns[i..][range.clone()].iter();
        means[range.clone()].iter_mut().zip(shifted).for_each(|(mean, c)| *mean += weight * c);
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
