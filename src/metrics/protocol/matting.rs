//! Video mattes as RobustVideoMatting's evaluation scripts score them, and the error in the
//! unknown band.
use serde::Serialize;

use super::Mean;
use crate::metrics::Gray;
use crate::metrics::MetricsError;
use crate::metrics::Sample;
use crate::metrics::alpha::Frame;
use crate::metrics::alpha::dtssd;
use crate::metrics::alpha::mad;
use crate::metrics::alpha::mad_unknown;
use crate::metrics::alpha::mse;
use crate::metrics::connectivity::connectivity_error;
use crate::metrics::gradient::gradient_error;

/// One frame's errors, or means of them; all lower for better.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MattingScore {
    /// Mean absolute difference, times 1000.
    pub mad: f64,
    /// Mean squared difference, times 1000.
    pub mse: f64,
    /// Gradient error, divided by 1000.
    pub grad: f64,
    /// Connectivity error, divided by 1000.
    pub conn: f64,
    /// Difference in change since the frame before, times 100. A clip's first frame has 0, and
    /// the scripts count it in.
    pub dtssd: f64,
    /// Mean absolute difference in the unknown band, times 1000.
    pub mad_unknown: f64,
}

impl MattingScore {
    fn values(&self) -> [f64; 6] {
        [self.mad, self.mse, self.grad, self.conn, self.dtssd, self.mad_unknown]
    }

    fn from_means(means: [Mean; 6]) -> Self {
        let [mad, mse, grad, conn, dtssd, mad_unknown] = means.map(Mean::value);
        Self { mad, mse, grad, conn, dtssd, mad_unknown }
    }
}

/// Takes a clip's frames in order.
#[derive(Debug, Clone)]
pub struct Clip<T = u8> {
    frames: Vec<MattingScore>,
    before: Option<KeptFrame<T>>,
}

#[derive(Debug, Clone)]
struct KeptFrame<T> {
    width: usize,
    height: usize,
    pred: Vec<T>,
    gt: Vec<T>,
}

impl<T: Sample> Default for Clip<T> {
    fn default() -> Self {
        Self { frames: Vec::new(), before: None }
    }
}

impl<T: Sample> Clip<T> {
    /// Adds a frame and returns its errors.
    ///
    /// # Errors
    /// [`MetricsError::Size`] where the sizes differ, also from the frame before.
    pub fn push(
        &mut self,
        pred: Gray<'_, T>,
        gt: Gray<'_, T>,
    ) -> Result<MattingScore, MetricsError> {
        let dtssd = match &self.before {
            None => 0.0,
            Some(before) => dtssd(Frame { pred, gt }, before.view()?)?,
        };
        let score = MattingScore {
            mad: mad(pred, gt)?,
            mse: mse(pred, gt)?,
            grad: gradient_error(pred, gt)?,
            conn: connectivity_error(pred, gt)?,
            dtssd,
            mad_unknown: mad_unknown(pred, gt)?,
        };
        self.keep(pred, gt);
        self.frames.push(score);
        Ok(score)
    }

    /// The clip's scores.
    pub fn finish(self) -> ClipScore {
        let mut means = [Mean::default(); 6];
        self.frames.iter().for_each(|frame| add(&mut means, frame));
        ClipScore { mean: MattingScore::from_means(means), frames: self.frames }
    }

    fn keep(&mut self, pred: Gray<'_, T>, gt: Gray<'_, T>) {
        let kept = self.before.get_or_insert_with(|| KeptFrame {
            width: pred.width(),
            height: pred.height(),
            pred: Vec::new(),
            gt: Vec::new(),
        });
        for (kept, new) in [(&mut kept.pred, pred), (&mut kept.gt, gt)] {
            kept.clear();
            kept.extend_from_slice(new.samples());
        }
    }
}

impl<T> KeptFrame<T> {
    fn view(&self) -> Result<Frame<'_, T>, MetricsError> {
        Ok(Frame {
            pred: Gray::new(self.width, self.height, &self.pred)?,
            gt: Gray::new(self.width, self.height, &self.gt)?,
        })
    }
}

/// The scores of one clip.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClipScore {
    /// Means over the frames; `NaN` where there is none.
    pub mean: MattingScore,
    /// Frame by frame.
    pub frames: Vec<MattingScore>,
}

/// A data set's scores.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MattingOverall {
    /// How many clips were scored.
    pub clips: usize,
    /// Means as in the scripts' spreadsheet: over the clips frame by frame, then over the frames.
    #[serde(flatten)]
    pub mean: MattingScore,
}

/// Sums up clips' scores; keeps six sums per frame of the longest clip.
#[derive(Debug, Clone, Default)]
pub struct MattingAccumulator {
    clips: usize,
    per_frame: Vec<[Mean; 6]>,
}

impl MattingAccumulator {
    /// Adds one clip.
    pub fn add(&mut self, clip: &ClipScore) {
        self.clips += 1;
        let longest = self.per_frame.len().max(clip.frames.len());
        self.per_frame.resize(longest, [Mean::default(); 6]);
        self.per_frame.iter_mut().zip(&clip.frames).for_each(|(means, frame)| add(means, frame));
    }

    /// The scores over all clips; `NaN` where there was none.
    pub fn overall(&self) -> MattingOverall {
        let mut means = [Mean::default(); 6];
        for frame in &self.per_frame {
            add(&mut means, &MattingScore::from_means(*frame));
        }
        MattingOverall { clips: self.clips, mean: MattingScore::from_means(means) }
    }
}

fn add(means: &mut [Mean; 6], score: &MattingScore) {
    means.iter_mut().zip(score.values()).for_each(|(mean, v)| mean.add(v));
}
