//! Gradient error of an alpha matte (Rhemann et al., 2009), as RobustVideoMatting's `MetricGRAD`.
use rayon::prelude::*;

use super::Gray;
use super::MetricsError;
use super::Sample;

/// Standard deviation of the Gaussian, in pixels.
const SIGMA: f64 = 1.4;
/// Half the filters' side, in pixels: where the Gaussian falls below 0.01.
const REACH: usize = 4;
const TAPS: usize = 2 * REACH + 1;

/// The error, in thousands: squared differences of the gradients' lengths, both pictures
/// stretched to 0..=1, summed over all pixels and divided by 1000.
///
/// # Errors
/// [`MetricsError::Size`] where the sizes differ.
pub fn gradient_error<T: Sample>(pred: Gray<'_, T>, gt: Gray<'_, T>) -> Result<f64, MetricsError> {
    pred.check_size(&gt)?;
    let (pred, gt) = (stretch(pred), stretch(gt));
    let filters = Filters::new();
    let rows: Vec<f64> = (0..pred.height)
        .into_par_iter()
        .map_init(
            || [Row::new(pred.width), Row::new(pred.width)],
            |[a, b], y| {
                a.gradient(&pred, y, &filters);
                b.gradient(&gt, y, &filters);
                let lengths = a.length.iter().zip(&b.length);
                lengths.map(|(a, b)| f64::from((b - a) * (b - a))).sum()
            },
        )
        .collect();
    Ok(rows.iter().sum::<f64>() / 1000.0)
}

/// A picture in 0..=1.
struct Stretched {
    width: usize,
    height: usize,
    alpha: Vec<f32>,
}

/// A constant picture becomes 0, as with OpenCV's `normalize`.
fn stretch<T: Sample>(picture: Gray<'_, T>) -> Stretched {
    let mut alpha: Vec<f32> = picture.samples().iter().map(|s| s.unit()).collect();
    let (min, max) =
        alpha.iter().fold((f32::MAX, f32::MIN), |(min, max), &a| (min.min(a), max.max(a)));
    let range = f64::from(max) - f64::from(min);
    let scale = if range > f64::EPSILON { 1.0 / range } else { 0.0 };
    let shift = (-f64::from(min) * scale) as f32;
    let scale = scale as f32;
    alpha.iter_mut().for_each(|a| *a = *a * scale + shift);
    Stretched { width: picture.width(), height: picture.height(), alpha }
}

/// The two factors of the separable filters; their outer product has length 1.
struct Filters {
    bell: [f32; TAPS],
    slope: [f32; TAPS],
}

impl Filters {
    fn new() -> Self {
        let offset = |i: usize| i as f64 - REACH as f64;
        let bell: [f64; TAPS] =
            std::array::from_fn(|i| (-offset(i).powi(2) / (2.0 * SIGMA * SIGMA)).exp());
        let slope: [f64; TAPS] = std::array::from_fn(|i| -offset(i) * bell[i]);
        let unit = |taps: [f64; TAPS]| {
            let length = taps.iter().map(|t| t * t).sum::<f64>().sqrt();
            taps.map(|t| (t / length) as f32)
        };
        Self { bell: unit(bell), slope: unit(slope) }
    }
}

/// Buffers for the gradient of one row.
struct Row {
    /// Gaussian means of the columns, with [`REACH`] copies of the ends on both sides.
    bell: Vec<f32>,
    /// Slopes of the columns, likewise.
    slope: Vec<f32>,
    /// The gradient's length at each pixel.
    length: Vec<f32>,
}

impl Row {
    fn new(width: usize) -> Self {
        let padded = vec![0.0; width + 2 * REACH];
        Self { bell: padded.clone(), slope: padded, length: vec![0.0; width] }
    }

    fn gradient(&mut self, picture: &Stretched, y: usize, filters: &Filters) {
        filter_columns(picture, y, &filters.bell, &mut self.bell);
        filter_columns(picture, y, &filters.slope, &mut self.slope);
        for (x, length) in self.length.iter_mut().enumerate() {
            let dot = |row: &[f32], taps: &[f32; TAPS]| -> f32 {
                row[x..x + TAPS].iter().zip(taps).map(|(v, t)| v * t).sum()
            };
            let (gx, gy) = (dot(&self.bell, &filters.slope), dot(&self.slope, &filters.bell));
            *length = (gx * gx + gy * gy).sqrt();
        }
    }
}

/// Filters the columns around row `y`; rows beyond the picture repeat its first and last.
fn filter_columns(picture: &Stretched, y: usize, taps: &[f32; TAPS], filtered: &mut [f32]) {
    let width = picture.width;
    filtered.fill(0.0);
    for (i, tap) in taps.iter().enumerate() {
        let row = (y + i).saturating_sub(REACH).min(picture.height - 1);
        let row = &picture.alpha[row * width..][..width];
        filtered[REACH..].iter_mut().zip(row).for_each(|(sum, &a)| *sum += tap * a);
    }
    let (first, last) = (filtered[REACH], filtered[REACH + width - 1]);
    filtered[..REACH].fill(first);
    filtered[REACH + width..].fill(last);
}
