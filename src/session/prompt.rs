//! Prompts: points, boxes and masks, as the prompt decoder takes them.
use super::SessionError;
use super::coverage::Coverage;
use super::held::{Held, Place};
use super::memory_bank::MASKED;
use crate::signature;
use crate::signature::tracker::{POINT_KINDS, TrackerShape};

/// What the user says of the object in one frame.
#[derive(Debug, Clone, PartialEq)]
pub enum Prompt {
    /// Points on the object and beside it; a box is two of them.
    Points(Vec<Point>),
    /// How much of each pixel is the object. The tracker's mask of this frame is this mask.
    Mask(Coverage),
}

impl Prompt {
    /// A box from its first corner (x, y) to its second, in 0..=1 of the picture.
    pub fn from_corners([x0, y0]: [f32; 2], [x1, y1]: [f32; 2]) -> Self {
        let first = Point { x: x0, y: y0, kind: PointKind::BoxFirst };
        let second = Point { x: x1, y: y1, kind: PointKind::BoxSecond };
        Self::Points(vec![first, second])
    }

    /// What several prompts of one frame say together: of points and masks what came last, of
    /// boxes the last, and all points, or the latest if there are more than `most_points`.
    /// Corners come first, as SAM2's video predictor has them.
    pub(super) fn joined(
        prompts: &[Self],
        most_points: usize,
    ) -> Result<Option<Self>, SessionError> {
        prompts.iter().try_for_each(Self::check)?;
        let last_mask = prompts.iter().rposition(|prompt| matches!(prompt, Self::Mask(_)));
        let after = &prompts[last_mask.map_or(0, |at| at + 1)..];
        if after.is_empty() {
            return Ok(last_mask.map(|at| prompts[at].clone()));
        }
        let points = after.iter().filter_map(|prompt| match prompt {
            Self::Points(points) => Some(points.as_slice()),
            Self::Mask(_) => None,
        });
        let is_corner = |p: &Point| matches!(p.kind, PointKind::BoxFirst | PointKind::BoxSecond);
        let (corners, mut clicks): (Vec<Point>, Vec<Point>) =
            points.flatten().copied().partition(is_corner);
        let mut joined = corners[corners.len().saturating_sub(2)..].to_vec();
        let left = most_points.saturating_sub(joined.len());
        if clicks.len() > left {
            tracing::warn!(most_points, "more points than the model takes: the latest count");
            clicks.drain(..clicks.len() - left);
        }
        joined.extend(clicks);
        Ok(Some(Self::Points(joined)))
    }

    /// An error unless there are points, all numbers are finite, and a mask covers its pixels
    /// with values of 0 to 1.
    pub fn check(&self) -> Result<(), SessionError> {
        match self {
            Self::Points(points) => check_points(points, usize::MAX),
            Self::Mask(mask) => mask.check(),
        }
    }
}

/// One point of a prompt; a box's corners may lie outside the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// 0 at the picture's left edge, 1 at its right.
    pub x: f32,
    /// 0 at the picture's top, 1 at its bottom.
    pub y: f32,
    /// What is there.
    pub kind: PointKind,
}

/// What a point says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PointKind {
    /// Not the object.
    Background,
    /// The object.
    Foreground,
    /// The top left corner of a box around the object.
    BoxFirst,
    /// The bottom right corner of the box.
    BoxSecond,
}

impl PointKind {
    /// In the order of [`POINT_KINDS`].
    fn index(self) -> usize {
        match self {
            Self::Background => 1,
            Self::Foreground => 2,
            Self::BoxFirst => 3,
            Self::BoxSecond => 4,
        }
    }
}

/// The index of no point at all.
const NOWHERE: usize = 0;

/// Inputs of [`signature::tracker::prompt_decoder`] after the features, in its order.
pub(super) struct PromptTensors {
    pub(super) inputs: [Held; 5],
    /// The same with the host.
    values: [Vec<f32>; 5],
    side: usize,
    most_points: usize,
}

impl PromptTensors {
    pub(super) fn new(shape: &TrackerShape, place: &Place) -> Result<Self, SessionError> {
        let specs = signature::tracker::prompt_decoder(shape).inputs;
        let len = |i: usize| specs[i + 3].shape.iter().product::<usize>();
        let [a, b, c, d, e] = [0, 1, 2, 3, 4].map(|i| place.floats(len(i)));
        let values = std::array::from_fn(|i| vec![0.0; len(i)]);
        let (side, most_points) = (shape.side, shape.points);
        Ok(Self { inputs: [a?, b?, c?, d?, e?], values, side, most_points })
    }

    /// The mask that was last written, (S, S).
    pub(super) fn mask(&self) -> &[f32] {
        &self.values[3]
    }

    /// Writes `prompt`; an error, and nothing written, if it is none.
    pub(super) fn write(&mut self, prompt: &Prompt) -> Result<(), SessionError> {
        match prompt {
            Prompt::Points(points) => check_points(points, self.most_points)?,
            Prompt::Mask(mask) => mask.check()?,
        }
        let [coordinates, kinds, point_mask, mask, has_mask] = &mut self.values;
        coordinates.fill(0.0);
        kinds.fill(0.0);
        point_mask.fill(MASKED);
        let points = match prompt {
            Prompt::Points(points) => points.as_slice(),
            Prompt::Mask(from) => {
                from.write(self.side, mask);
                &[]
            }
        };
        has_mask[0] = f32::from(u8::from(matches!(prompt, Prompt::Mask(_))));
        for (i, point) in points.iter().enumerate() {
            coordinates[2 * i..][..2].copy_from_slice(&[point.x, point.y]);
            kinds[i * POINT_KINDS + point.kind.index()] = 1.0;
        }
        // SAM2 ends points with one that is none, and says no points at all as one more of those.
        let used = (points.len() + 1).max(2);
        for i in points.len()..used {
            kinds[i * POINT_KINDS + NOWHERE] = 1.0;
        }
        point_mask[..used].fill(0.0);
        self.inputs.iter_mut().zip(&self.values).try_for_each(|(held, values)| held.write(values))
    }
}

fn check_points(points: &[Point], most: usize) -> Result<(), SessionError> {
    if points.is_empty() || points.len() > most {
        let expected = if most == usize::MAX { "1 or more".into() } else { format!("1 to {most}") };
        let found = points.len().to_string();
        return Err(SessionError::Prompt { what: "points", expected, found });
    }
    match points.iter().find(|p| !p.x.is_finite() || !p.y.is_finite()) {
        None => Ok(()),
        Some(odd) => Err(SessionError::Prompt {
            what: "coordinates",
            expected: "finite numbers".into(),
            found: format!("{}, {}", odd.x, odd.y),
        }),
    }
}
