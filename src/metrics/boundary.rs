//! How well a mask follows the outline of its ground truth: mBA and boundary IoU.
use super::MetricsError;
use super::mask::Mask;
use super::morphology::ellipse;

/// Mean boundary accuracy, as CascadePSP's `compute_boundary_acc`: the share of right pixels
/// in bands around the ground truth's outline, averaged over five widths that grow with the
/// picture. `NaN` where the ground truth has no outline.
///
/// # Errors
/// [`MetricsError::Size`] where the sizes differ.
pub fn mean_boundary_accuracy(pred: &Mask, gt: &Mask) -> Result<f64, MetricsError> {
    const STEPS: usize = 5;
    pred.check_size(gt)?;
    let background = gt.complement();
    let wrong = pred.zip(gt, |a, b| a ^ b);
    let widest = (gt.width() + gt.height()) as f64 / 300.0;
    let accuracy = |step: usize| {
        let radius = 1 + ((widest - 1.0) / STEPS as f64 * step as f64) as usize;
        let band = gt.dilate(&ellipse(radius)).and(&background.dilate(&ellipse(radius)));
        let pixels = band.count();
        (pixels - band.count_zip(&wrong, |a, b| a & b)) as f64 / pixels as f64
    };
    Ok((0..STEPS).map(accuracy).sum::<f64>() / STEPS as f64)
}

/// The share of the picture's diagonal that the boundary of [`boundary_iou`] is wide.
pub const BOUNDARY_RATIO: f64 = 0.02;

/// Boundary IoU (Cheng et al., 2021): intersection over union of the two inner boundaries,
/// [`BOUNDARY_RATIO`] of the diagonal wide; the picture's edge counts as an outline.
/// `NaN` where both masks are empty.
///
/// # Errors
/// [`MetricsError::Size`] where the sizes differ.
pub fn boundary_iou(pred: &Mask, gt: &Mask) -> Result<f64, MetricsError> {
    pred.check_size(gt)?;
    let diagonal = ((gt.width().pow(2) + gt.height().pow(2)) as f64).sqrt();
    let width = ((BOUNDARY_RATIO * diagonal).round_ties_even() as usize).max(1);
    let boundary = |mask: &Mask| mask.minus(&mask.erode_square(width));
    let (pred, gt) = (boundary(pred), boundary(gt));
    let union = pred.count_zip(&gt, |a, b| a | b);
    Ok(pred.count_zip(&gt, |a, b| a & b) as f64 / union as f64)
}
