//! Dichotomous image segmentation: the scores of [`sod`], and the human correction
//! effort.
use serde::Serialize;

use super::Mean;
use super::sod;
use crate::metrics::Gray;
use crate::metrics::MetricsError;
use crate::metrics::hce::Effort;
use crate::metrics::hce::human_correction_effort;
use crate::metrics::histogram::GT_THRESHOLD;
use crate::metrics::histogram::Normalization;
use crate::metrics::mask::Mask;

/// One picture's scores.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DisItem {
    /// As for salient objects.
    #[serde(flatten)]
    pub sod: sod::SodItem,
    /// Human correction effort: clicks, the fewer the better.
    pub hce: usize,
    /// What the clicks are for.
    #[serde(flatten)]
    pub effort: Effort,
}

/// One picture's scores with the curves that a data set's scores need.
#[derive(Debug, Clone)]
pub struct DisScore {
    /// As for salient objects.
    pub sod: sod::SodScore,
    /// Of the prediction above [`GT_THRESHOLD`].
    pub effort: Effort,
}

impl DisScore {
    /// The scores without the curves.
    pub fn item(&self) -> DisItem {
        DisItem { sod: self.sod.item, hce: self.effort.total(), effort: self.effort }
    }
}

/// Scores one prediction, see [`sod::score`].
///
/// # Errors
/// [`MetricsError::Size`] where the sizes differ.
pub fn score(
    pred: Gray<'_>,
    gt: Gray<'_>,
    normalization: Normalization,
) -> Result<DisScore, MetricsError> {
    let sod = sod::score(pred, gt, normalization)?;
    let (pred, gt) = (Mask::above(pred, GT_THRESHOLD), Mask::above(gt, GT_THRESHOLD));
    Ok(DisScore { sod, effort: human_correction_effort(&pred, &gt)? })
}

/// A data set's scores.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DisOverall {
    /// As for salient objects.
    #[serde(flatten)]
    pub sod: sod::SodOverall,
    /// Mean human correction effort.
    pub hce: f64,
}

/// Sums up pictures' scores.
#[derive(Debug, Clone, Default)]
pub struct DisAccumulator {
    sod: sod::SodAccumulator,
    hce: Mean,
}

impl DisAccumulator {
    /// Adds one picture.
    pub fn add(&mut self, score: &DisScore) {
        self.sod.add(&score.sod);
        self.hce.add(score.effort.total() as f64);
    }

    /// Adds all pictures of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.sod.merge(&other.sod);
        self.hce.merge(other.hce);
    }

    /// The scores over all pictures; `NaN` where there was none.
    pub fn overall(&self) -> DisOverall {
        DisOverall { sod: self.sod.overall(), hce: self.hce.value() }
    }
}
