//! One frame's mask: as the host decides by it, and as the engines take it.
use super::SessionError;
use super::enlarge::Enlarge;
use super::held::{Held, Place};
use crate::signature::tracker::TrackerShape;

/// Mask logits where the object is not in the frame.
pub(super) const NO_OBJECT: f32 = -1024.0;
/// Half of the distance between a mask prompt's logits.
pub(super) const MASK_LOGIT: f32 = 10.0;
/// A logit whose sigmoid is exactly 0 or 1.
const CERTAIN: f32 = 200.0;

/// Where the object is in one frame.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackedMask {
    /// (S, S) before the sigmoid; empty where the engines run on a device, which keeps it.
    pub logits: Vec<f32>,
    /// (S / 4, S / 4) before the sigmoid.
    pub low_res_logits: Vec<f32>,
    /// How well the mask is thought to fit, 0..=1; 1 for a mask that was given.
    pub iou: f32,
    /// Above zero where the object is in the frame.
    pub object_score_logit: f32,
    /// What the object looks like, (C).
    pub obj_ptr: Vec<f32>,
    /// Whether later frames look at this one; not if the engines gave anything that is no number.
    pub is_remembered: bool,
}

impl TrackedMask {
    /// Nothing was found yet.
    pub(super) fn nothing(shape: &TrackerShape) -> Self {
        let (side, low_res) = (shape.side, shape.low_res_side());
        Self {
            logits: vec![NO_OBJECT; side * side],
            low_res_logits: vec![NO_OBJECT; low_res * low_res],
            iou: 0.0,
            object_score_logit: NO_OBJECT,
            obj_ptr: vec![0.0; shape.channels],
            is_remembered: false,
        }
    }
}

/// The mask where the engines run.
pub(super) struct MaskTensors {
    /// (S / 4, S / 4).
    pub(super) low_res_logits: Held,
    /// (S, S).
    pub(super) logits: Held,
    /// The same without its doubts.
    certain: Held,
    is_absent: Held,
    enlarge: Enlarge,
}

impl MaskTensors {
    /// Zeros.
    pub(super) fn new(shape: &TrackerShape, place: &Place) -> Result<Self, SessionError> {
        let (side, low_res) = (shape.side, shape.low_res_side());
        Ok(Self {
            low_res_logits: place.floats(low_res * low_res)?,
            logits: place.floats(side * side)?,
            certain: place.floats(side * side)?,
            is_absent: place.floats(1)?,
            enlarge: Enlarge::new(low_res, side),
        })
    }

    /// Becomes what `mask` says at a quarter of the size.
    pub(super) fn take(&mut self, mask: &mut TrackedMask) -> Result<(), SessionError> {
        self.low_res_logits.write(&mask.low_res_logits)?;
        self.enlarge.run(&self.low_res_logits, &mut self.logits)?;
        self.show(mask)
    }

    /// Becomes what was `given`, (S, S) of 0 to 1.
    pub(super) fn take_given(
        &mut self,
        given: &[f32],
        mask: &mut TrackedMask,
    ) -> Result<(), SessionError> {
        let logits: Vec<f32> = given.iter().map(|v| v * 2.0 * MASK_LOGIT - MASK_LOGIT).collect();
        self.low_res_logits.write(&mask.low_res_logits)?;
        self.logits.write(&logits)?;
        self.show(mask)
    }

    /// What the memory encoder takes beside the features.
    pub(super) fn remembered(
        &mut self,
        is_absent: bool,
        without_doubts: bool,
    ) -> Result<[&Held; 2], SessionError> {
        self.is_absent.write(&[f32::from(u8::from(is_absent))])?;
        if !without_doubts {
            return Ok([&self.logits, &self.is_absent]);
        }
        let mut values = Vec::new();
        self.logits.read(&mut values)?;
        values.iter_mut().for_each(|v| *v = if *v > 0.0 { CERTAIN } else { -CERTAIN });
        self.certain.write(&values)?;
        Ok([&self.certain, &self.is_absent])
    }

    fn show(&self, mask: &mut TrackedMask) -> Result<(), SessionError> {
        mask.logits.clear();
        mask.logits.extend_from_slice(self.logits.floats());
        Ok(())
    }
}
