//! Video object masks as the DAVIS 2017 toolkit scores them: J, F and J&F per object.
use rayon::prelude::*;
use serde::Serialize;

use super::Mean;
use crate::metrics::Gray;
use crate::metrics::MetricsError;
use crate::metrics::mask::Mask;
use crate::metrics::region::Statistics;
use crate::metrics::region::boundary_f;
use crate::metrics::region::region_similarity;

/// The label of pixels that count as background.
const VOID: u8 = 255;

/// What a sequence's samples mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objects {
    /// One object, above 128 (DAVIS 2016, DAVIS-S, mattes).
    Binary,
    /// The samples are object numbers from 1 on, as the palette indices of DAVIS 2017.
    Labels,
}

/// Which frames count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frames {
    /// Every frame.
    All,
    /// All but the first and the last: the semi-supervised task.
    WithoutEnds,
}

/// The scores of one object.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ObjectScore {
    /// From 1 on.
    pub object: usize,
    /// Region similarity.
    pub j: Statistics,
    /// Boundary accuracy.
    pub f: Statistics,
    /// Region similarity of each frame that counts.
    pub j_per_frame: Vec<f64>,
    /// Boundary accuracy of each frame that counts.
    pub f_per_frame: Vec<f64>,
}

/// The scores of one sequence.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SequenceScore {
    /// The sequence's name.
    pub sequence: String,
    /// Mean of J's and F's means, over the objects.
    pub j_and_f: f64,
    /// Object by object.
    pub objects: Vec<ObjectScore>,
}

/// Takes a sequence's frames in order.
#[derive(Debug, Clone)]
pub struct Sequence {
    name: String,
    objects: Objects,
    /// For each object J and F of each frame.
    scores: Option<Vec<Vec<(f64, f64)>>>,
}

impl Sequence {
    /// A sequence without frames yet.
    pub fn new(name: impl Into<String>, objects: Objects) -> Self {
        Self { name: name.into(), objects, scores: None }
    }

    /// Adds a frame. The first ground truth says how many objects there are; label 255 of a
    /// ground truth counts as background. Returns J and F of each object.
    ///
    /// # Errors
    /// [`MetricsError::Size`] where the sizes differ; [`MetricsError::UnknownObject`] where the
    /// prediction has a label that the first ground truth has not.
    pub fn push(&mut self, pred: Gray<'_>, gt: Gray<'_>) -> Result<Vec<(f64, f64)>, MetricsError> {
        pred.check_size(&gt)?;
        let count = match (&self.scores, self.objects) {
            (Some(scores), _) => scores.len(),
            (None, Objects::Binary) => 1,
            (None, Objects::Labels) => highest_object(gt),
        };
        if self.objects == Objects::Labels {
            self.check_labels(pred, count)?;
        }
        let score = |object: usize| {
            let (pred, gt) = (self.mask(pred, object), self.mask(gt, object));
            Ok((region_similarity(&pred, &gt)?, boundary_f(&pred, &gt)?))
        };
        let scores = (1..=count).into_par_iter().map(score).collect::<Result<Vec<_>, _>>()?;
        let all = self.scores.get_or_insert_with(|| vec![Vec::new(); count]);
        all.iter_mut().zip(&scores).for_each(|(all, score)| all.push(*score));
        Ok(scores)
    }

    /// The sequence's scores; statistics are `NaN` where no frame counts.
    pub fn finish(self, frames: Frames) -> SequenceScore {
        let scores = self.scores.unwrap_or_default();
        let objects: Vec<_> = (1..).zip(&scores).map(|(i, s)| object_score(i, s, frames)).collect();
        let mut j_and_f = Mean::default();
        objects.iter().for_each(|object| j_and_f.add((object.j.mean + object.f.mean) / 2.0));
        SequenceScore { sequence: self.name, j_and_f: j_and_f.value(), objects }
    }

    fn mask(&self, picture: Gray<'_>, object: usize) -> Mask {
        match self.objects {
            Objects::Binary => Mask::above(picture, 128),
            Objects::Labels => Mask::from_samples(picture, |label| usize::from(label) == object),
        }
    }

    fn check_labels(&self, pred: Gray<'_>, expected: usize) -> Result<(), MetricsError> {
        let found = pred.samples().iter().copied().max().unwrap_or(0).into();
        match found <= expected {
            true => Ok(()),
            false => {
                Err(MetricsError::UnknownObject { sequence: self.name.clone(), expected, found })
            }
        }
    }
}

fn highest_object(gt: Gray<'_>) -> usize {
    gt.samples().iter().filter(|&&label| label != VOID).max().map_or(0, |&label| label.into())
}

fn object_score(object: usize, frames: &[(f64, f64)], which: Frames) -> ObjectScore {
    let counted = match which {
        Frames::All => frames,
        Frames::WithoutEnds => frames.get(1..frames.len() - 1).unwrap_or_default(),
    };
    let (j_per_frame, f_per_frame): (Vec<f64>, Vec<f64>) = counted.iter().copied().unzip();
    let (j, f) = (Statistics::new(&j_per_frame), Statistics::new(&f_per_frame));
    ObjectScore { object, j, f, j_per_frame, f_per_frame }
}

/// A data set's scores: means over all objects of all sequences.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DavisOverall {
    /// How many objects were scored.
    pub objects: usize,
    /// Mean of J's and F's means.
    pub j_and_f: f64,
    /// Region similarity.
    pub j: Statistics,
    /// Boundary accuracy.
    pub f: Statistics,
}

/// Sums up sequences' scores.
#[derive(Debug, Clone, Default)]
pub struct DavisAccumulator {
    objects: usize,
    j: [Mean; 3],
    f: [Mean; 3],
}

impl DavisAccumulator {
    /// Adds one sequence.
    pub fn add(&mut self, sequence: &SequenceScore) {
        for object in &sequence.objects {
            self.objects += 1;
            add_statistics(&mut self.j, object.j);
            add_statistics(&mut self.f, object.f);
        }
    }

    /// The scores over all objects; `NaN` where there was none.
    pub fn overall(&self) -> DavisOverall {
        let statistics = |[mean, recall, decay]: [Mean; 3]| Statistics {
            mean: mean.value(),
            recall: recall.value(),
            decay: decay.value(),
        };
        let (j, f) = (statistics(self.j), statistics(self.f));
        DavisOverall { objects: self.objects, j_and_f: (j.mean + f.mean) / 2.0, j, f }
    }
}

fn add_statistics(means: &mut [Mean; 3], statistics: Statistics) {
    let Statistics { mean, recall, decay } = statistics;
    means.iter_mut().zip([mean, recall, decay]).for_each(|(sum, v)| sum.add(v));
}
