//! Scores of a matte or a mask against its ground truth, equal to the field's reference tools.
//!
//! | protocol | for | follows |
//! |---|---|---|
//! | [`protocol::sod`] | saliency maps | PySODMetrics, MGD-SAM2's `test.py`, CascadePSP (mBA), Boundary IoU |
//! | [`protocol::dis`] | dichotomous segmentation | the same, and the DIS authors' HCE |
//! | [`protocol::davis`] | video object masks | the DAVIS 2017 toolkit |
//! | [`protocol::matting`] | video mattes | RobustVideoMatting's evaluation scripts |
//!
//! Where a reference divides zero by zero, the score is `NaN` (JSON `null`), and overall means
//! leave it out. Sums never depend on the number of threads.
use thiserror::Error;

pub mod alpha;
pub mod boundary;
mod components;
pub mod connectivity;
mod distance;
pub mod gradient;
pub mod hce;
pub mod histogram;
pub mod mask;
mod morphology;
pub mod protocol;
pub mod region;
pub mod saliency;
pub mod structure;
pub mod weighted_f;

/// The longest side a picture may have, in pixels.
pub const MAX_SIDE: usize = 32_767;

/// The bias the references add to denominators: the distance from 1 to the next `f64`.
pub(crate) const EPS: f64 = f64::EPSILON;

/// Why two pictures cannot be compared.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum MetricsError {
    /// The buffer does not hold the picture it claims to.
    #[error("picture of {width}x{height}: expected {expected} samples, found {found}")]
    SampleCount {
        /// In pixels.
        width: usize,
        /// In pixels.
        height: usize,
        /// `width * height`.
        expected: usize,
        /// What the buffer holds.
        found: usize,
    },
    /// A side is zero or longer than [`MAX_SIDE`].
    #[error("picture: expected sides of 1 to {MAX_SIDE} pixels, found {width}x{height}")]
    Side {
        /// In pixels.
        width: usize,
        /// In pixels.
        height: usize,
    },
    /// Two pictures of one comparison differ in size.
    #[error(
        "prediction of {pred_width}x{pred_height}, ground truth of {gt_width}x{gt_height}: \
             expected one size"
    )]
    Size {
        /// Width of the prediction.
        pred_width: usize,
        /// Height of the prediction.
        pred_height: usize,
        /// Width of the ground truth.
        gt_width: usize,
        /// Height of the ground truth.
        gt_height: usize,
    },
    /// A frame shows an object that the sequence's first ground truth does not have.
    #[error("sequence `{sequence}`: expected at most {expected} objects, found label {found}")]
    UnknownObject {
        /// The sequence's name.
        sequence: String,
        /// How many objects the first ground truth has.
        expected: usize,
        /// The highest label of the predictions.
        found: usize,
    },
}

/// A sample type of one-channel pictures; full scale is 1.
pub trait Sample: Copy + Send + Sync {
    /// The sample in 0..=1, in the precision that the references compute with.
    fn unit(self) -> f32;
}

impl Sample for u8 {
    fn unit(self) -> f32 {
        f32::from(self) / 255.0
    }
}

impl Sample for u16 {
    fn unit(self) -> f32 {
        f32::from(self) / 65535.0
    }
}

impl Sample for f32 {
    fn unit(self) -> f32 {
        self
    }
}

/// A one-channel picture, rows without gaps.
#[derive(Debug, Clone, Copy)]
pub struct Gray<'a, T = u8> {
    width: usize,
    height: usize,
    samples: &'a [T],
}

impl<'a, T> Gray<'a, T> {
    /// A view of `width * height` samples, row by row.
    ///
    /// # Errors
    /// A side of zero or above [`MAX_SIDE`]; a buffer of another length.
    pub fn new(width: usize, height: usize, samples: &'a [T]) -> Result<Self, MetricsError> {
        let sides = 1..=MAX_SIDE;
        if !sides.contains(&width) || !sides.contains(&height) {
            return Err(MetricsError::Side { width, height });
        }
        let (expected, found) = (width * height, samples.len());
        match expected == found {
            true => Ok(Self { width, height, samples }),
            false => Err(MetricsError::SampleCount { width, height, expected, found }),
        }
    }

    /// In pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// In pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// All samples, row by row.
    pub fn samples(&self) -> &'a [T] {
        self.samples
    }

    /// The samples of row `y`.
    pub fn row(&self, y: usize) -> &'a [T] {
        &self.samples[y * self.width..][..self.width]
    }

    /// Fails with both sizes where `gt`'s differs from this prediction's.
    ///
    /// # Errors
    /// [`MetricsError::Size`].
    pub fn check_size<U>(&self, gt: &Gray<'_, U>) -> Result<(), MetricsError> {
        check_size((self.width, self.height), (gt.width, gt.height))
    }
}

pub(crate) fn check_size(pred: (usize, usize), gt: (usize, usize)) -> Result<(), MetricsError> {
    match pred == gt {
        true => Ok(()),
        false => Err(MetricsError::Size {
            pred_width: pred.0,
            pred_height: pred.1,
            gt_width: gt.0,
            gt_height: gt.1,
        }),
    }
}
