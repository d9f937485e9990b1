//! Where the object should be by how it has moved: what follows it may not jump.
//!
//! After the idea of SAMURAI (arXiv:2411.11922). A Kalman filter of constant velocity is here in
//! its steady state, with fixed gains, on the edges of the box around the mask.
use super::memory_bank::FrameIndex;

/// Left, top, right and bottom, in pixels of the mask.
pub(super) type Bounds = [f32; 4];

/// How much of a surprise the position takes over, and the velocity.
const GAINS: [f32; 2] = [0.6, 0.2];
/// Frames in a row that must move alike before the motion counts.
const SETTLED: u32 = 4;
/// Frames that the motion goes on without its object.
const PATIENCE: FrameIndex = 8;
/// What overlaps less with where the object should be, by IoU, did not move there.
pub(super) const LEAST_OVERLAP: f32 = 0.3;
/// What the overlap weighs beside the IoU that the decoder expects.
const WEIGHT: f32 = 0.25;

/// The object's motion, as far as it is known.
#[derive(Debug, Default)]
pub(super) struct Motion(Option<Track>);

#[derive(Debug)]
struct Track {
    /// When the object was last where it should be.
    frame: FrameIndex,
    bounds: Bounds,
    /// A frame.
    velocity: Bounds,
    settled: u32,
}

impl Motion {
    /// Nothing is known any more.
    pub(super) fn forget(&mut self) {
        self.0 = None;
    }

    /// Where the object should be in `frame`, if its motion is known.
    pub(super) fn expected(&self, frame: FrameIndex) -> Option<Bounds> {
        let track = self.0.as_ref().filter(|track| track.is_settled() && track.reaches(frame));
        track.map(|track| track.at(frame))
    }

    /// The object is at `bounds` in `frame`, or nowhere.
    pub(super) fn observe(&mut self, frame: FrameIndex, bounds: Option<Bounds>) {
        match (self.0.as_mut().filter(|track| track.reaches(frame)), bounds) {
            (Some(track), Some(at)) if overlap(track.at(frame), at) >= LEAST_OVERLAP => {
                track.correct(frame, at);
            }
            // Hidden, or mistaken for something else.
            (Some(track), _) if track.is_settled() => {}
            (_, Some(bounds)) => {
                self.0 = Some(Track { frame, bounds, velocity: [0.0; 4], settled: 0 });
            }
            (_, None) => self.0 = None,
        }
    }
}

impl Track {
    fn is_settled(&self) -> bool {
        self.settled >= SETTLED
    }

    fn reaches(&self, frame: FrameIndex) -> bool {
        (1..=PATIENCE).contains(&(frame - self.frame).abs())
    }

    fn at(&self, frame: FrameIndex) -> Bounds {
        let frames = (frame - self.frame) as f32;
        std::array::from_fn(|i| self.bounds[i] + frames * self.velocity[i])
    }

    fn correct(&mut self, frame: FrameIndex, bounds: Bounds) {
        let (expected, frames) = (self.at(frame), (frame - self.frame) as f32);
        for i in 0..4 {
            let surprise = bounds[i] - expected[i];
            self.bounds[i] = expected[i] + GAINS[0] * surprise;
            self.velocity[i] += GAINS[1] * surprise / frames;
        }
        self.frame = frame;
        self.settled += 1;
    }
}

/// IoU.
pub(super) fn overlap(a: Bounds, b: Bounds) -> f32 {
    let area =
        |[left, top, right, bottom]: Bounds| (right - left).max(0.0) * (bottom - top).max(0.0);
    let both = area([a[0].max(b[0]), a[1].max(b[1]), a[2].min(b[2]), a[3].min(b[3])]);
    both / (area(a) + area(b) - both).max(f32::MIN_POSITIVE)
}

/// The rectangle with the centre and the spread of a square mask: its bounds, if it is one itself,
/// and hardly moved by specks elsewhere. Nothing where there is no mask.
pub(super) fn bounds(mask_logits: &[f32]) -> Option<Bounds> {
    let side = mask_logits.len().isqrt().max(1);
    let (mut count, mut sums, mut squares) = (0.0, [0.0; 2], [0.0; 2]);
    for (i, _) in mask_logits.iter().enumerate().filter(|(_, v)| **v > 0.0) {
        count += 1.0;
        for (axis, at) in [i % side, i / side].into_iter().enumerate() {
            let at = at as f64 + 0.5;
            sums[axis] += at;
            squares[axis] += at * at;
        }
    }
    let edges = |axis: usize| {
        let mean = sums[axis] / count;
        // A pixel itself is spread by 1/12, a rectangle by a twelfth of its side squared.
        let half = (3.0 * (squares[axis] / count - mean * mean + 1.0 / 12.0).max(0.0)).sqrt();
        [(mean - half) as f32, (mean + half) as f32]
    };
    let [[left, right], [top, bottom]] = [edges(0), edges(1)];
    (count > 0.0).then_some([left, top, right, bottom])
}

/// The IoUs that a decoder expects of its masks, `mask_logits` (masks, pixels), and how far each
/// lies where the object should be, as one number to compare.
pub(super) fn favour(expected: Bounds, mask_logits: &[f32], ious: &[f32]) -> Vec<f32> {
    let masks = mask_logits.chunks_exact(mask_logits.len() / ious.len());
    let lies_there = |mask| bounds(mask).map_or(0.0, |bounds| overlap(expected, bounds));
    masks.zip(ious).map(|(mask, iou)| iou + WEIGHT * lies_there(mask)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A square of side 10 at (x, 20).
    fn square(x: f32) -> Bounds {
        [x, 20.0, x + 10.0, 30.0]
    }

    /// Three pixels a frame, from frame 0 on.
    fn moving(frames: FrameIndex) -> Motion {
        let mut motion = Motion::default();
        (0..frames).for_each(|frame| motion.observe(frame, Some(square(3.0 * frame as f32))));
        motion
    }

    #[test]
    fn a_rectangle_is_its_own_bounds_and_a_speck_hardly_moves_them() {
        let inside = |i: usize| (5..25).contains(&(i % 32)) && (10..26).contains(&(i / 32));
        let mut mask: Vec<f32> = (0..32 * 32).map(|i| if inside(i) { 3.0 } else { -3.0 }).collect();
        let close =
            |a: Bounds, b: Bounds, most: f32| a.iter().zip(b).all(|(a, b)| (a - b).abs() < most);
        assert!(close(bounds(&mask).unwrap(), [5.0, 10.0, 25.0, 26.0], 1e-3));
        mask[0] = 3.0;
        assert!(close(bounds(&mask).unwrap(), [5.0, 10.0, 25.0, 26.0], 0.5));
        assert_eq!(bounds(&[-1.0; 16]), None);
    }

    #[test]
    fn a_steady_motion_is_foreseen_once_it_has_settled() {
        assert_eq!(moving(4).expected(4), None);
        let expected = moving(20).expected(20).unwrap();
        assert!(overlap(expected, square(60.0)) > 0.9, "{expected:?}");
        let backwards = &mut Motion::default();
        (0..20).for_each(|i| backwards.observe(-i, Some(square(3.0 * i as f32))));
        assert!(overlap(backwards.expected(-20).unwrap(), square(60.0)) > 0.9);
    }

    #[test]
    fn a_jump_does_not_move_what_is_foreseen_until_patience_ends() {
        let mut motion = moving(20);
        (20..24).for_each(|frame| motion.observe(frame, Some(square(200.0))));
        assert!(overlap(motion.expected(24).unwrap(), square(72.0)) > 0.8);
        (24..40).for_each(|frame| motion.observe(frame, Some(square(200.0))));
        assert!(overlap(motion.expected(40).unwrap(), square(200.0)) > 0.9);
    }

    #[test]
    fn a_hidden_object_moves_on_for_a_while() {
        let mut motion = moving(20);
        (20..25).for_each(|frame| motion.observe(frame, None));
        assert!(overlap(motion.expected(25).unwrap(), square(75.0)) > 0.8);
        assert_eq!(motion.expected(100), None);
    }

    #[test]
    fn of_two_masks_that_fit_alike_the_one_that_moved_there_is_favoured() {
        let mask = |columns: std::ops::Range<usize>| {
            (0..64).map(move |i| if columns.contains(&(i % 8)) { 1.0 } else { -1.0 })
        };
        let masks: Vec<f32> = mask(0..3).chain(mask(5..8)).collect();
        let favoured = favour([5.0, 0.0, 8.0, 8.0], &masks, &[0.8, 0.7]);
        assert!(favoured[1] > favoured[0], "{favoured:?}");
    }
}
