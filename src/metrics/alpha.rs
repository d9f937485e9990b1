//! Errors of an alpha matte pixel by pixel: MAD, MSE, dtSSD, and MAD in the unknown band, scaled
//! as RobustVideoMatting's evaluation scripts scale them.
use super::Gray;
use super::MetricsError;
use super::Sample;
use super::mask::Mask;
use super::morphology::disk;

/// How far the unknown band reaches beyond the pixels that are neither opaque nor clear.
pub const BAND_RADIUS_PX: usize = 10;

/// Mean absolute difference of alpha (0..=1), times 1000.
///
/// # Errors
/// [`MetricsError::Size`] where the sizes differ.
pub fn mad<T: Sample>(pred: Gray<'_, T>, gt: Gray<'_, T>) -> Result<f64, MetricsError> {
    pred.check_size(&gt)?;
    Ok(mean(pred.samples(), gt.samples(), |p, g| (p - g).abs()) * 1e3)
}

/// Mean squared difference of alpha (0..=1), times 1000.
///
/// # Errors
/// [`MetricsError::Size`] where the sizes differ.
pub fn mse<T: Sample>(pred: Gray<'_, T>, gt: Gray<'_, T>) -> Result<f64, MetricsError> {
    pred.check_size(&gt)?;
    Ok(mean(pred.samples(), gt.samples(), |p, g| (p - g) * (p - g)) * 1e3)
}

/// One frame of a clip, prediction and ground truth.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a, T = u8> {
    /// The predicted alpha.
    pub pred: Gray<'a, T>,
    /// The true alpha.
    pub gt: Gray<'a, T>,
}

/// Root mean square of the difference in change from frame to frame, times 100.
///
/// # Errors
/// [`MetricsError::Size`] where any two sizes differ.
pub fn dtssd<T: Sample>(now: Frame<'_, T>, before: Frame<'_, T>) -> Result<f64, MetricsError> {
    now.pred.check_size(&now.gt)?;
    now.pred.check_size(&before.pred)?;
    now.pred.check_size(&before.gt)?;
    let samples = |gray: Gray<'_, T>, i: usize| gray.samples()[i].unit();
    let squares = lanes(now.pred.samples().len(), |i| {
        let pred = samples(now.pred, i) - samples(before.pred, i);
        let gt = samples(now.gt, i) - samples(before.gt, i);
        (pred - gt) * (pred - gt)
    });
    Ok((squares / now.pred.samples().len() as f64).sqrt() * 1e2)
}

/// [`mad`] over the unknown band alone: where the true alpha is above 0 and below 1, grown by a
/// disk of [`BAND_RADIUS_PX`]. `NaN` where no true alpha is in between.
///
/// # Errors
/// [`MetricsError::Size`] where the sizes differ.
pub fn mad_unknown<T: Sample>(pred: Gray<'_, T>, gt: Gray<'_, T>) -> Result<f64, MetricsError> {
    pred.check_size(&gt)?;
    let between = Mask::from_samples(gt, |alpha| {
        let alpha = alpha.unit();
        alpha > 0.0 && alpha < 1.0
    });
    let band = between.dilate(&disk(BAND_RADIUS_PX));
    let mut sum = 0.0;
    for y in 0..gt.height() {
        let (pred, gt) = (pred.row(y), gt.row(y));
        sum +=
            band.columns(y).map(|x| f64::from((pred[x].unit() - gt[x].unit()).abs())).sum::<f64>();
    }
    Ok(sum / band.count() as f64 * 1e3)
}

fn mean<T: Sample>(pred: &[T], gt: &[T], error: impl Fn(f32, f32) -> f32) -> f64 {
    lanes(pred.len(), |i| error(pred[i].unit(), gt[i].unit())) / pred.len() as f64
}

/// The sum of `term(0)` to `term(count - 1)`, in `f64`, in sixteen independent parts.
fn lanes(count: usize, term: impl Fn(usize) -> f32) -> f64 {
    const LANES: usize = 16;
    let mut sums = [0.0_f64; LANES];
    let whole = count - count % LANES;
    for start in (0..whole).step_by(LANES) {
        for (lane, sum) in sums.iter_mut().enumerate() {
            *sum += f64::from(term(start + lane));
        }
    }
    sums.iter().sum::<f64>() + (whole..count).map(|i| f64::from(term(i))).sum::<f64>()
}
