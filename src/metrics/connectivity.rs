//! Connectivity error of an alpha matte (Rhemann et al., 2009), as RobustVideoMatting's
//! `MetricCONN`.
use super::Gray;
use super::MetricsError;
use super::Sample;
use super::components::Components;
use super::components::Connectivity;
use super::mask::Mask;

/// Alpha is looked at in steps of a tenth.
const STEPS: usize = 10;

/// The error, in thousands: for each pixel how far it sticks out of the largest region that
/// prediction and ground truth share, differences below 0.15 left out, summed and divided by 1000.
///
/// # Errors
/// [`MetricsError::Size`] where the sizes differ.
pub fn connectivity_error<T: Sample>(
    pred: Gray<'_, T>,
    gt: Gray<'_, T>,
) -> Result<f64, MetricsError> {
    pred.check_size(&gt)?;
    let shared = shared_level(pred, gt);
    let rows = pred.samples().chunks(pred.width()).zip(gt.samples().chunks(pred.width()));
    let error = |(row, levels): ((&[T], &[T]), &[u8])| -> f64 {
        let pixels = row.0.iter().zip(row.1).zip(levels);
        pixels
            .map(|((p, g), &level)| {
                let base = (f64::from(level) * 0.1) as f32;
                f64::from((phi(g.unit(), base) - phi(p.unit(), base)).abs())
            })
            .sum()
    };
    Ok(rows.zip(shared.chunks(pred.width())).map(error).sum::<f64>() / 1000.0)
}

/// How well connected a pixel is that sticks out of `base`.
fn phi(alpha: f32, base: f32) -> f32 {
    let out = alpha - base;
    if out >= 0.15 { 1.0 - out } else { 1.0 }
}

/// For each pixel the last step, from 0 on without a gap, at which it is part of the largest
/// 4-connected region where both pictures reach that step.
fn shared_level<T: Sample>(pred: Gray<'_, T>, gt: Gray<'_, T>) -> Vec<u8> {
    let (width, height) = (pred.width(), pred.height());
    let lower: Vec<f32> =
        pred.samples().iter().zip(gt.samples()).map(|(p, g)| p.unit().min(g.unit())).collect();
    let mut shared = vec![0_u8; lower.len()];
    let Ok(lower) = Gray::new(width, height, &lower) else { return shared };
    for step in 1..=STEPS {
        let threshold = step as f64 * 0.1;
        let reached = Mask::from_samples(lower, |alpha| f64::from(alpha) >= threshold);
        let components = Components::new(&reached, Connectivity::Four);
        let Some(largest) = components.largest() else { break };
        for run in components.runs.iter().filter(|run| run.component == largest) {
            for level in &mut shared[run.y * width..][run.start..run.end] {
                *level += u8::from(usize::from(*level) + 1 == step);
            }
        }
    }
    shared
}
