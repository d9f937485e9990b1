//! J (region similarity) and F (boundary accuracy) of video object masks, and their statistics
//! over a sequence, as the DAVIS 2017 toolkit computes them.
use serde::Serialize;

use super::MetricsError;
use super::mask::Mask;
use super::morphology::disk;

/// The share of the picture's diagonal by which outlines may differ and still match.
pub const BOUNDARY_TOLERANCE: f64 = 0.008;

/// Intersection over union; 1 where both masks are empty.
///
/// # Errors
/// [`MetricsError::Size`] where the sizes differ.
pub fn region_similarity(pred: &Mask, gt: &Mask) -> Result<f64, MetricsError> {
    pred.check_size(gt)?;
    let union = pred.count_zip(gt, |a, b| a | b);
    let intersection = pred.count_zip(gt, |a, b| a & b);
    Ok(if union == 0 { 1.0 } else { intersection as f64 / union as f64 })
}

/// F-measure of the outlines, matched within [`BOUNDARY_TOLERANCE`]; 1 where neither mask has an
/// outline.
///
/// # Errors
/// [`MetricsError::Size`] where the sizes differ.
pub fn boundary_f(pred: &Mask, gt: &Mask) -> Result<f64, MetricsError> {
    pred.check_size(gt)?;
    let diagonal = ((gt.width().pow(2) + gt.height().pow(2)) as f64).sqrt();
    let reach = disk((BOUNDARY_TOLERANCE * diagonal).ceil() as usize);
    let (pred, gt) = (outline(pred), outline(gt));
    let (n_pred, n_gt) = (pred.count(), gt.count());
    let (precision, recall) = match (n_pred, n_gt) {
        (0, 0) => (1.0, 1.0),
        (0, _) => (1.0, 0.0),
        (_, 0) => (0.0, 1.0),
        _ => {
            let matched = |a: &Mask, b: &Mask| a.count_zip(&b.dilate(&reach), |a, b| a & b) as f64;
            (matched(&pred, &gt) / n_pred as f64, matched(&gt, &pred) / n_gt as f64)
        }
    };
    let sum: f64 = precision + recall;
    Ok(if sum == 0.0 { 0.0 } else { 2.0 * precision * recall / sum })
}

/// Pixels that differ from their right, lower or lower right neighbour; beyond the picture its
/// last row and column go on.
fn outline(mask: &Mask) -> Mask {
    let (width, height) = (mask.width(), mask.height());
    let mut outline = Mask::empty(width, height);
    let (mut right, mut right_below) = (Vec::new(), Vec::new());
    for y in 0..height {
        let (row, below) = (mask.row(y), mask.row((y + 1).min(height - 1)));
        from_right(row, width, &mut right);
        from_right(below, width, &mut right_below);
        for (i, word) in outline.row_mut(y).iter_mut().enumerate() {
            *word = row[i] ^ right[i] | row[i] ^ below[i] | row[i] ^ right_below[i];
        }
    }
    outline
}

/// Each pixel's right neighbour; the last column's is itself.
fn from_right(row: &[u64], width: usize, right: &mut Vec<u64>) {
    right.clear();
    right.extend((0..row.len()).map(|i| row[i] >> 1 | row.get(i + 1).map_or(0, |next| next << 63)));
    let (word, bit) = ((width - 1) / 64, (width - 1) % 64);
    right[word] |= row[word] & 1 << bit;
}

/// A sequence's scores in three numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Statistics {
    /// The mean over frames.
    pub mean: f64,
    /// The share of frames above 0.5.
    pub recall: f64,
    /// The first quarter's mean less the last's.
    pub decay: f64,
}

impl Statistics {
    /// The statistics of a sequence's frames; all `NaN` where there is none.
    ///
    /// Neighbouring quarters share a frame. The toolkit keeps their bounds in 8 bits, so decay
    /// differs from it past 256 frames.
    pub fn new(per_frame: &[f64]) -> Self {
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let recalled = per_frame.iter().filter(|&&score| score > 0.5).count();
        let last = per_frame.len().saturating_sub(1) as f64;
        let bound = |quarter: f64| {
            ((1.0 + last * quarter / 4.0 + 1e-10).round_ties_even() as usize - 1).min(last as usize)
        };
        let decay = match per_frame {
            [] => f64::NAN,
            _ => mean(&per_frame[..=bound(1.0)]) - mean(&per_frame[bound(3.0)..]),
        };
        let recall = recalled as f64 / per_frame.len() as f64;
        Self { mean: mean(per_frame), recall, decay }
    }
}
