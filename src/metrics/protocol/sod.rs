//! Salient object detection: F, weighted F, E, S, MAE, mBA and boundary IoU.
use serde::Serialize;

use super::Mean;
use crate::metrics::Gray;
use crate::metrics::MetricsError;
use crate::metrics::boundary::boundary_iou;
use crate::metrics::boundary::mean_boundary_accuracy;
use crate::metrics::histogram::GT_THRESHOLD;
use crate::metrics::histogram::Normalization;
use crate::metrics::histogram::Pair;
use crate::metrics::mask::Mask;
use crate::metrics::saliency::Curve;
use crate::metrics::saliency::Curves;
use crate::metrics::saliency::adaptive_e;
use crate::metrics::saliency::adaptive_f;
use crate::metrics::saliency::curves;
use crate::metrics::saliency::mae;
use crate::metrics::structure::s_measure;
use crate::metrics::weighted_f::weighted_precision_recall;

/// One picture's scores, all but MAE higher for better.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SodItem {
    /// Mean absolute error, 0..=1.
    pub mae: f64,
    /// S-measure.
    pub s_measure: f64,
    /// Best F-measure over the thresholds.
    pub f_max: f64,
    /// Mean F-measure over the thresholds.
    pub f_mean: f64,
    /// F-measure at the adaptive threshold.
    pub f_adaptive: f64,
    /// Best E-measure over the thresholds.
    pub e_max: f64,
    /// Mean E-measure over the thresholds.
    pub e_mean: f64,
    /// E-measure at the adaptive threshold.
    pub e_adaptive: f64,
    /// Weighted F-measure as PySODMetrics weighs it.
    pub weighted_f_beta2_1_0: f64,
    /// Weighted F-measure as MGD-SAM2's `test.py` weighs it.
    pub weighted_f_beta2_0_3: f64,
    /// Mean boundary accuracy of the prediction above [`GT_THRESHOLD`].
    pub mba: f64,
    /// Boundary IoU of the prediction above [`GT_THRESHOLD`].
    pub boundary_iou: f64,
}

/// One picture's scores with the curves that a data set's scores need.
#[derive(Debug, Clone)]
pub struct SodScore {
    /// The scores.
    pub item: SodItem,
    /// By threshold, the lowest first.
    pub curves: Curves,
}

/// Scores one prediction; `gt` is foreground above [`GT_THRESHOLD`]. `normalization` does not
/// touch mBA and boundary IoU.
///
/// # Errors
/// [`MetricsError::Size`] where the sizes differ.
pub fn score(
    pred: Gray<'_>,
    gt: Gray<'_>,
    normalization: Normalization,
) -> Result<SodScore, MetricsError> {
    let pair = Pair::new(pred, gt, normalization)?;
    let curves = curves(&pair);
    let weighted = weighted_precision_recall(pred, gt, &pair);
    let (pred, gt) = (Mask::above(pred, GT_THRESHOLD), Mask::above(gt, GT_THRESHOLD));
    let item = SodItem {
        mae: mae(&pair),
        s_measure: s_measure(&pair),
        f_max: max(&curves.f),
        f_mean: mean(&curves.f),
        f_adaptive: adaptive_f(&pair),
        e_max: max(&curves.e),
        e_mean: mean(&curves.e),
        e_adaptive: adaptive_e(&pair),
        weighted_f_beta2_1_0: weighted.f(1.0),
        weighted_f_beta2_0_3: weighted.f(0.3),
        mba: mean_boundary_accuracy(&pred, &gt)?,
        boundary_iou: boundary_iou(&pred, &gt)?,
    };
    Ok(SodScore { item, curves })
}

fn max(curve: &Curve) -> f64 {
    curve.iter().copied().fold(f64::MIN, f64::max)
}

fn mean(curve: &Curve) -> f64 {
    curve.iter().sum::<f64>() / curve.len() as f64
}

/// A data set's scores. Maxima come in both conventions in use.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SodOverall {
    /// How many pictures were scored.
    pub items: usize,
    /// Means of the pictures' scores; its maxima are means of per-image maxima (MGD-SAM2's
    /// `test.py`).
    pub mean: SodItem,
    /// Maximum of the mean F curve (PySODMetrics' `maxF`).
    pub f_max_of_mean_curve: f64,
    /// Maximum of the mean E curve (PySODMetrics' `maxE`).
    pub e_max_of_mean_curve: f64,
    /// Mean precision by threshold, the lowest first.
    pub precision: Vec<f64>,
    /// Mean recall by threshold.
    pub recall: Vec<f64>,
    /// Mean F-measure by threshold.
    pub f: Vec<f64>,
    /// Mean E-measure by threshold.
    pub e: Vec<f64>,
}

/// Sums up pictures' scores.
#[derive(Debug, Clone)]
pub struct SodAccumulator {
    items: usize,
    means: [Mean; 12],
    curves: Curves,
}

impl Default for SodAccumulator {
    fn default() -> Self {
        let zero = [0.0; 256];
        let curves = Curves { precision: zero, recall: zero, f: zero, e: zero };
        Self { items: 0, means: [Mean::default(); 12], curves }
    }
}

impl SodAccumulator {
    /// Adds one picture.
    pub fn add(&mut self, score: &SodScore) {
        self.items += 1;
        self.means.iter_mut().zip(score.item.values()).for_each(|(mean, v)| mean.add(v));
        self.add_curves(&score.curves);
    }

    /// Adds all pictures of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.items += other.items;
        self.means.iter_mut().zip(other.means).for_each(|(mean, other)| mean.merge(other));
        self.add_curves(&other.curves);
    }

    fn add_curves(&mut self, curves: &Curves) {
        for (sums, curve) in self.curves.each_mut().into_iter().zip(curves.clone().each_mut()) {
            sums.iter_mut().zip(curve).for_each(|(sum, v)| *sum += *v);
        }
    }

    /// The scores over all pictures; `NaN` where there was none.
    pub fn overall(&self) -> SodOverall {
        let mut curves = self.curves.clone();
        curves.each_mut().into_iter().flatten().for_each(|v| *v /= self.items as f64);
        SodOverall {
            items: self.items,
            mean: SodItem::from_values(self.means.map(Mean::value)),
            f_max_of_mean_curve: max(&curves.f),
            e_max_of_mean_curve: max(&curves.e),
            precision: curves.precision.to_vec(),
            recall: curves.recall.to_vec(),
            f: curves.f.to_vec(),
            e: curves.e.to_vec(),
        }
    }
}

impl Curves {
    fn each_mut(&mut self) -> [&mut Curve; 4] {
        [&mut self.precision, &mut self.recall, &mut self.f, &mut self.e]
    }
}

impl SodItem {
    fn values(&self) -> [f64; 12] {
        [
            self.mae,
            self.s_measure,
            self.f_max,
            self.f_mean,
            self.f_adaptive,
            self.e_max,
            self.e_mean,
            self.e_adaptive,
            self.weighted_f_beta2_1_0,
            self.weighted_f_beta2_0_3,
            self.mba,
            self.boundary_iou,
        ]
    }

    fn from_values(values: [f64; 12]) -> Self {
        let [mae, s_measure, f_max, f_mean, f_adaptive, e_max, e_mean, e_adaptive, ..] = values;
        let [.., weighted_f_beta2_1_0, weighted_f_beta2_0_3, mba, boundary_iou] = values;
        Self {
            mae,
            s_measure,
            f_max,
            f_mean,
            f_adaptive,
            e_max,
            e_mean,
            e_adaptive,
            weighted_f_beta2_1_0,
            weighted_f_beta2_0_3,
            mba,
            boundary_iou,
        }
    }
}
