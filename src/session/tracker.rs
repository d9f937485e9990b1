//! SAM2's video tracker: follows one object from its prompt on.
use super::mask_selection::MaskSelection;
use super::memory_bank::{BankOptions, FrameIndex, MemoryBank, Recalled};
use super::memory_selection::{Evidence, MemorySelection, has_rival};
use super::motion::{Bounds, Motion, bounds, favour, overlap};
use super::prompt::{Prompt, PromptTensors};
use super::{SessionError, floats, values};
use crate::backend::{Engine, Tensor};
use crate::frame::Upsample;
use crate::signature;
use crate::signature::Signature;
use crate::signature::tracker::{MASKS, TrackerShape};
use std::mem;

/// Mask logits where the object is not in the frame.
pub(super) const NO_OBJECT: f32 = -1024.0;
/// Half of the distance between a mask prompt's logits.
const MASK_LOGIT: f32 = 10.0;
/// A logit whose sigmoid is exactly 0 or 1.
const CERTAIN: f32 = 200.0;

/// The engines after the encoder, of the graphs in [`signature::tracker`].
pub struct TrackerEngines {
    /// Features conditioned on the memory.
    pub memory_attention: Box<dyn Engine>,
    /// Masks without a prompt.
    pub decoder: Box<dyn Engine>,
    /// Masks with a prompt.
    pub prompt_decoder: Box<dyn Engine>,
    /// Mask to memory.
    pub memory_encoder: Box<dyn Engine>,
}

/// What an encoder says of a picture: the inputs of [`signature::tracker::decoder`], in its order.
pub type Features = [Tensor; 3];

/// How a tracker decides; the defaults are SAM2.1's.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct TrackerOptions {
    /// What is remembered and looked at.
    pub bank: BankOptions,
    /// SAM2's `dynamic_multimask_via_stability`: an unstable mask of a clear prompt is replaced.
    pub dynamic_multimask: Option<MaskSelection>,
    /// SAM2's `binarize_mask_from_pts_for_mem_enc`: masks of points and boxes are remembered
    /// without their doubts.
    pub binarize_prompted: bool,
}

/// Where the object is in one frame.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackedMask {
    /// (S, S) before the sigmoid.
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

/// Follows one object through a clip.
pub struct Tracker {
    engines: TrackerEngines,
    shape: TrackerShape,
    options: TrackerOptions,
    bank: MemoryBank,
    /// Of a gated selection.
    motion: Option<Motion>,
    recalled: Recalled,
    prompt: PromptTensors,
    /// Outputs of the engines, in the order of their signatures.
    conditioned: Vec<Tensor>,
    decoded: Vec<Tensor>,
    prompted: Vec<Tensor>,
    remembered: Vec<Tensor>,
    /// Inputs of the memory encoder.
    mask_logits: Tensor,
    is_absent: Tensor,
    upsample: Upsample,
    mask: TrackedMask,
    /// What speaks for it.
    evidence: Evidence,
}

/// Where in a tracker's masks and pointers the answer is.
struct Choice {
    mask: usize,
    pointer: usize,
}

impl Tracker {
    /// A tracker of engines that are all of `shape`; an error if one has another signature.
    pub fn new(
        engines: TrackerEngines,
        shape: TrackerShape,
        options: TrackerOptions,
    ) -> Result<Self, SessionError> {
        let [a, d, p, m] = [
            (&engines.memory_attention, signature::tracker::memory_attention(&shape)),
            (&engines.decoder, signature::tracker::decoder(&shape)),
            (&engines.prompt_decoder, signature::tracker::prompt_decoder(&shape)),
            (&engines.memory_encoder, signature::tracker::memory_encoder(&shape)),
        ]
        .map(|(engine, expected)| check(engine.as_ref(), expected));
        let [conditioned, decoded, prompted, remembered] = [a?, d?, p?, m?];
        let (side, low_res) = (shape.side, shape.low_res_side());
        Ok(Self {
            engines,
            shape,
            options,
            bank: MemoryBank::new(shape, options.bank),
            motion: (options.bank.selection == MemorySelection::Gated).then(Motion::default),
            recalled: Recalled::new(&shape),
            prompt: PromptTensors::new(&shape),
            conditioned,
            decoded,
            prompted,
            remembered,
            mask_logits: Tensor::F32(vec![0.0; side * side]),
            is_absent: Tensor::F32(vec![0.0]),
            upsample: Upsample::default(),
            mask: TrackedMask {
                logits: vec![NO_OBJECT; side * side],
                low_res_logits: vec![NO_OBJECT; low_res * low_res],
                iou: 0.0,
                object_score_logit: NO_OBJECT,
                obj_ptr: vec![0.0; shape.channels],
                is_remembered: false,
            },
            evidence: Evidence::default(),
        })
    }

    /// The sizes of its graphs.
    pub fn shape(&self) -> &TrackerShape {
        &self.shape
    }

    /// What is remembered.
    pub fn bank(&self) -> &MemoryBank {
        &self.bank
    }

    /// What is remembered, to be changed.
    pub(super) fn bank_mut(&mut self) -> &mut MemoryBank {
        &mut self.bank
    }

    /// What was last found; nothing before the first frame.
    pub fn mask(&self) -> &TrackedMask {
        &self.mask
    }

    /// Forgets the clip and its prompts.
    pub fn reset(&mut self) {
        self.bank.reset();
        self.forget_motion();
    }

    /// Forgets all but what was prompted.
    pub(super) fn forget_tracked(&mut self) {
        self.bank.forget_tracked();
        self.forget_motion();
    }

    fn forget_motion(&mut self) {
        if let Some(motion) = &mut self.motion {
            motion.forget();
        }
    }

    /// Starts or corrects: `prompt` says what the object is in this frame, which is remembered
    /// as prompted and looks at no memory. An error, and nothing is remembered, if the prompt is
    /// none or the engines give anything that is no number.
    pub fn prompt(
        &mut self,
        frame: FrameIndex,
        features: &Features,
        prompt: &Prompt,
    ) -> Result<&TrackedMask, SessionError> {
        self.prompt.write(prompt)?;
        let [tokens, high_res_0, high_res_1] = features;
        let [coordinates, kinds, point_mask, mask, has_mask] = &self.prompt.inputs;
        let inputs =
            [tokens, high_res_0, high_res_1, coordinates, kinds, point_mask, mask, has_mask];
        self.engines.prompt_decoder.run(&inputs, &mut self.prompted)?;
        let choice = match prompt {
            Prompt::Points(points) if points.len() == 1 => self.multi(&self.prompted, None),
            _ => self.single(&self.prompted),
        };
        let mut prompted = mem::take(&mut self.prompted);
        self.take(&prompted, choice);
        if matches!(prompt, Prompt::Mask(_)) {
            self.take_given(&prompted);
        }
        mem::swap(&mut self.prompted, &mut prompted);
        self.encode_memory(features, matches!(prompt, Prompt::Points(_)))?;
        if !self.mask.is_remembered {
            return Err(SessionError::NotFinite { frame });
        }
        self.bank.remember_prompted(frame, floats(&self.remembered[0]), &self.mask.obj_ptr);
        self.forget_motion();
        self.observe_motion(frame);
        Ok(&self.mask)
    }

    /// Finds the object in the next frame, and remembers it. An error if nothing was prompted.
    ///
    /// Where the engines give anything that is no number, the object counts as absent and the
    /// frame is not remembered.
    pub fn step(
        &mut self,
        frame: FrameIndex,
        features: &Features,
    ) -> Result<&TrackedMask, SessionError> {
        self.find(frame, features)?;
        self.remember(frame, features)?;
        Ok(&self.mask)
    }

    /// The first half of [`step`](Self::step): nothing is remembered yet.
    pub(super) fn find(
        &mut self,
        frame: FrameIndex,
        features: &Features,
    ) -> Result<(), SessionError> {
        self.bank.recall(frame, &mut self.recalled)?;
        let [tokens, high_res_0, high_res_1] = features;
        let [memory, times, pointers, pointer_times, key_mask] = &self.recalled.0;
        let inputs = [tokens, memory, times, pointers, pointer_times, key_mask];
        self.engines.memory_attention.run(&inputs, &mut self.conditioned)?;
        let inputs = [&self.conditioned[0], high_res_0, high_res_1];
        self.engines.decoder.run(&inputs, &mut self.decoded)?;
        let expected = self.motion.as_ref().and_then(|motion| motion.expected(frame));
        let choice = self.multi(&self.decoded, expected);
        let mask = choice.mask;
        let decoded = mem::take(&mut self.decoded);
        self.take(&decoded, choice);
        self.decoded = decoded;
        self.evidence = self.evidence(mask, expected);
        Ok(())
    }

    /// Takes `logits`, square and of the mask's side or twice that, for the mask that was found.
    pub(super) fn correct(&mut self, logits: &[f32]) {
        if self.mask.object_score_logit <= 0.0 {
            return;
        }
        match logits.len() / self.mask.logits.len() {
            1 => self.mask.logits.copy_from_slice(logits),
            _ => halve(logits, &mut self.mask.logits),
        }
    }

    /// The second half of [`step`](Self::step).
    pub(super) fn remember(
        &mut self,
        frame: FrameIndex,
        features: &Features,
    ) -> Result<(), SessionError> {
        self.encode_memory(features, false)?;
        if self.mask.is_remembered {
            let (features, pointer) = (floats(&self.remembered[0]), &self.mask.obj_ptr);
            self.bank.remember_tracked(frame, features, pointer, self.evidence);
        }
        self.observe_motion(frame);
        Ok(())
    }

    /// This frame's mask says how the object moves.
    fn observe_motion(&mut self, frame: FrameIndex) {
        if let Some(motion) = &mut self.motion {
            motion.observe(frame, bounds(&self.mask.low_res_logits));
        }
    }

    /// What speaks for this frame, whose mask is that of the decoder's masks, and which is
    /// `expected` there.
    fn evidence(&self, mask: usize, expected: Option<Bounds>) -> Evidence {
        let TrackedMask { object_score_logit, iou, low_res_logits, .. } = &self.mask;
        let is_at = |expected| bounds(low_res_logits).map_or(0.0, |found| overlap(expected, found));
        Evidence {
            object_score_logit: *object_score_logit,
            iou: *iou,
            overlap: expected.map_or(1.0, is_at),
            has_rival: has_rival(floats(&self.decoded[0]), low_res_logits.len(), mask),
        }
    }

    /// The best of the masks for ambiguous prompts, by where it is `expected` too.
    fn multi(&self, decoded: &[Tensor], expected: Option<Bounds>) -> Choice {
        let (masks, ious) = (floats(&decoded[0]), floats(&decoded[1]));
        let favoured = expected.map(|expected| favour(expected, masks, ious));
        let mask = MaskSelection::default().multi(favoured.as_deref().unwrap_or(ious));
        Choice { mask, pointer: mask }
    }

    /// The mask for clear prompts. Its pointer is made of its own token, whichever mask it is.
    fn single(&self, decoded: &[Tensor]) -> Choice {
        let select = |s: MaskSelection| s.single(floats(&decoded[0]), floats(&decoded[1]));
        Choice { mask: self.options.dynamic_multimask.map_or(0, select), pointer: 0 }
    }

    /// Makes `choice` among what a decoder gave this frame's mask.
    fn take(&mut self, decoded: &[Tensor], choice: Choice) {
        let [masks, ious, pointers, scores] = [0, 1, 2, 3].map(|i| floats(&decoded[i]));
        let (pixels, c) = (self.mask.low_res_logits.len(), self.shape.channels);
        let mask = &masks[choice.mask * pixels..][..pixels];
        let pointer = &pointers[choice.pointer * c..][..c];
        let score = scores[0];
        let finite = |values: &[f32]| values.iter().all(|v| v.is_finite());
        self.mask.is_remembered = score.is_finite() && finite(mask) && finite(pointer);
        if self.mask.is_remembered && score > 0.0 {
            self.mask.low_res_logits.copy_from_slice(mask);
            self.mask.obj_ptr.copy_from_slice(pointer);
        } else {
            self.mask.low_res_logits.fill(NO_OBJECT);
            self.mask.obj_ptr.copy_from_slice(&pointers[MASKS * c..][..c]);
        }
        self.mask.iou = if ious[choice.mask].is_finite() { ious[choice.mask] } else { 0.0 };
        self.mask.object_score_logit = if score.is_finite() { score } else { NO_OBJECT };
        let side = self.shape.side;
        self.upsample.begin(self.shape.low_res_side(), side, side);
        for (y, row) in self.mask.logits.chunks_exact_mut(side).enumerate() {
            let lerp = self.upsample.row(&self.mask.low_res_logits, y);
            for ((to, a), b) in row.iter_mut().zip(lerp.above).zip(lerp.below) {
                *to = a + (b - a) * lerp.weight;
            }
        }
    }

    /// Makes a given mask this frame's; only the pointer is the decoder's.
    fn take_given(&mut self, prompted: &[Tensor]) {
        let mask = floats(&self.prompt.inputs[3]);
        for (to, from) in self.mask.logits.iter_mut().zip(mask) {
            *to = from * 2.0 * MASK_LOGIT - MASK_LOGIT;
        }
        self.mask.low_res_logits.copy_from_slice(floats(&prompted[4]));
        self.mask.iou = 1.0;
        if mask.iter().any(|&v| v > 0.0) {
            self.mask.object_score_logit = MASK_LOGIT;
        } else {
            self.mask.object_score_logit = -MASK_LOGIT;
            let c = self.shape.channels;
            self.mask.obj_ptr.copy_from_slice(&floats(&prompted[2])[MASKS * c..][..c]);
        }
    }

    /// Makes of this frame's mask what later frames remember.
    fn encode_memory(
        &mut self,
        features: &Features,
        from_points: bool,
    ) -> Result<(), SessionError> {
        let binarize = from_points && self.options.binarize_prompted;
        let certain = |v: f32| if v > 0.0 { CERTAIN } else { -CERTAIN };
        for (to, &from) in values(&mut self.mask_logits).iter_mut().zip(&self.mask.logits) {
            *to = if binarize { certain(from) } else { from };
        }
        let is_absent = self.mask.object_score_logit <= 0.0;
        values(&mut self.is_absent)[0] = f32::from(u8::from(is_absent));
        let inputs = [&features[0], &self.mask_logits, &self.is_absent];
        self.engines.memory_encoder.run(&inputs, &mut self.remembered)?;
        self.mask.is_remembered &= floats(&self.remembered[0]).iter().all(|v| v.is_finite());
        Ok(())
    }
}

/// A square map to half its side: means of 2 x 2.
fn halve(from: &[f32], to: &mut [f32]) {
    let side = to.len().isqrt();
    for (rows, to) in from.chunks_exact(4 * side).zip(to.chunks_exact_mut(side)) {
        let (above, below) = rows.split_at(2 * side);
        let pairs = above.chunks_exact(2).zip(below.chunks_exact(2));
        for (to, (a, b)) in to.iter_mut().zip(pairs) {
            *to = 0.25 * (a[0] + a[1] + b[0] + b[1]);
        }
    }
}

/// Memory for the outputs of an engine that must be of `expected`.
pub(super) fn check(engine: &dyn Engine, expected: Signature) -> Result<Vec<Tensor>, SessionError> {
    let found = engine.signature();
    if *found != expected {
        let (expected, found) = (Box::new(expected), Box::new(found.clone()));
        return Err(SessionError::Signature { expected, found });
    }
    Ok(expected.outputs.iter().map(Tensor::zeros).collect())
}

#[cfg(test)]
mod tests {
    use super::halve;

    #[test]
    fn half_the_side_holds_means_of_four() {
        let from: Vec<f32> = (0..16).map(|v| v as f32).collect();
        let mut to = [0.0; 4];
        halve(&from, &mut to);
        assert_eq!(to, [2.5, 4.5, 10.5, 12.5]);
    }
}
