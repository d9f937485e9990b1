//! SAM2's video tracker: follows one object from its prompt on.
use super::SessionError;
use super::held::{Held, Place};
use super::mask_selection::MaskSelection;
use super::memory_bank::{BankOptions, FrameIndex, MemoryBank, Recalled};
use super::memory_selection::{Evidence, MemorySelection, has_rival};
use super::motion::{Bounds, Motion, bounds, favour, overlap};
use super::prompt::{Prompt, PromptTensors};
use super::runner::Keeper;
use super::tracked_mask::{MASK_LOGIT, MaskTensors, NO_OBJECT, TrackedMask};
use crate::backend::Engine;
use crate::signature;
use crate::signature::tracker::{MASKS, TrackerShape};

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
pub type Features = [Held; 3];

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

/// Follows one object through a clip.
pub struct Tracker {
    engines: Runners,
    shape: TrackerShape,
    options: TrackerOptions,
    bank: MemoryBank,
    /// Of a gated selection.
    motion: Option<Motion>,
    recalled: Recalled,
    prompt: PromptTensors,
    /// What a decoder last said, for the host to decide by: masks, IoUs, pointers, scores.
    said: [Vec<f32>; 4],
    mask: TrackedMask,
    tensors: MaskTensors,
    /// What speaks for it.
    evidence: Evidence,
}

/// As [`TrackerEngines`].
struct Runners {
    memory_attention: Keeper,
    decoder: Keeper,
    prompt_decoder: Keeper,
    memory_encoder: Keeper,
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
        let engines = Runners {
            memory_attention: Keeper::new(
                engines.memory_attention,
                signature::tracker::memory_attention(&shape),
            )?,
            decoder: Keeper::new(engines.decoder, signature::tracker::decoder(&shape))?,
            prompt_decoder: Keeper::new(
                engines.prompt_decoder,
                signature::tracker::prompt_decoder(&shape),
            )?,
            memory_encoder: Keeper::new(
                engines.memory_encoder,
                signature::tracker::memory_encoder(&shape),
            )?,
        };
        Ok(Self {
            engines,
            shape,
            options,
            bank: MemoryBank::new(shape, options.bank),
            motion: (options.bank.selection == MemorySelection::Gated).then(Motion::default),
            recalled: Recalled::new(&shape, &Place::Host)?,
            prompt: PromptTensors::new(&shape, &Place::Host)?,
            said: Default::default(),
            mask: TrackedMask::nothing(&shape),
            tensors: MaskTensors::new(&shape, &Place::Host)?,
            evidence: Evidence::default(),
        })
    }

    /// The GPUs that the engines can run on.
    #[cfg(feature = "cuda")]
    pub(super) fn devices(&self) -> [Option<u32>; 4] {
        let Runners { memory_attention, decoder, prompt_decoder, memory_encoder } = &self.engines;
        [memory_attention, decoder, prompt_decoder, memory_encoder].map(Keeper::device)
    }

    /// From now on the engines run at `place`; the clip is forgotten.
    #[cfg(feature = "cuda")]
    pub(super) fn move_to(&mut self, place: &Place) -> Result<(), SessionError> {
        self.reset();
        let Runners { memory_attention, decoder, prompt_decoder, memory_encoder } =
            &mut self.engines;
        for engine in [memory_attention, decoder, prompt_decoder, memory_encoder] {
            engine.move_to(place)?;
        }
        self.recalled = Recalled::new(&self.shape, place)?;
        self.prompt = PromptTensors::new(&self.shape, place)?;
        self.tensors = MaskTensors::new(&self.shape, place)?;
        Ok(())
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

    /// The last mask where the engines run.
    pub(super) fn tensors(&self) -> &MaskTensors {
        &self.tensors
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
        let prompted = self.prompt.inputs.each_ref();
        let inputs: Vec<&Held> = features.iter().chain(prompted).collect();
        self.engines.prompt_decoder.run(&inputs)?;
        listen(&self.engines.prompt_decoder, &mut self.said)?;
        let choice = match prompt {
            Prompt::Points(points) if points.len() == 1 => self.multi(None),
            _ => self.single(),
        };
        self.take(choice);
        match prompt {
            Prompt::Points(_) => self.tensors.take(&mut self.mask)?,
            Prompt::Mask(_) => self.take_given()?,
        }
        self.encode_memory(features, matches!(prompt, Prompt::Points(_)))?;
        if !self.mask.is_remembered {
            return Err(SessionError::NotFinite { frame });
        }
        let remembered = &self.engines.memory_encoder.outputs[0];
        self.bank.remember_prompted(frame, remembered, &self.mask.obj_ptr)?;
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
    fn find(&mut self, frame: FrameIndex, features: &Features) -> Result<(), SessionError> {
        self.bank.recall(frame, &mut self.recalled)?;
        let [tokens, high_res_0, high_res_1] = features;
        let recalled = self.recalled.inputs.each_ref();
        let inputs: Vec<&Held> = [tokens].into_iter().chain(recalled).collect();
        let Runners { memory_attention, decoder, .. } = &mut self.engines;
        memory_attention.run(&inputs)?;
        decoder.run(&[&memory_attention.outputs[0], high_res_0, high_res_1])?;
        listen(decoder, &mut self.said)?;
        let expected = self.motion.as_ref().and_then(|motion| motion.expected(frame));
        let choice = self.multi(expected);
        let mask = choice.mask;
        self.take(choice);
        self.tensors.take(&mut self.mask)?;
        self.evidence = self.evidence(mask, expected);
        Ok(())
    }

    /// The second half of [`step`](Self::step).
    fn remember(&mut self, frame: FrameIndex, features: &Features) -> Result<(), SessionError> {
        self.encode_memory(features, false)?;
        if self.mask.is_remembered {
            let (features, pointer) = (&self.engines.memory_encoder.outputs[0], &self.mask.obj_ptr);
            self.bank.remember_tracked(frame, features, pointer, self.evidence)?;
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
            has_rival: has_rival(&self.said[0], low_res_logits.len(), mask),
        }
    }

    /// The best of the masks for ambiguous prompts, by where it is `expected` too.
    fn multi(&self, expected: Option<Bounds>) -> Choice {
        let [masks, ious, ..] = &self.said;
        let favoured = expected.map(|expected| favour(expected, masks, ious));
        let mask = MaskSelection::default().multi(favoured.as_ref().unwrap_or(ious));
        Choice { mask, pointer: mask }
    }

    /// The mask for clear prompts. Its pointer is made of its own token, whichever mask it is.
    fn single(&self) -> Choice {
        let select = |s: MaskSelection| s.single(&self.said[0], &self.said[1]);
        Choice { mask: self.options.dynamic_multimask.map_or(0, select), pointer: 0 }
    }

    /// Makes `choice` among what a decoder said this frame's mask.
    fn take(&mut self, choice: Choice) {
        let [masks, ious, pointers, scores] = &self.said;
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
    }

    /// Makes a given mask this frame's; only the pointer is the decoder's.
    fn take_given(&mut self) -> Result<(), SessionError> {
        let given = self.prompt.mask();
        if given.iter().any(|&v| v > 0.0) {
            self.mask.object_score_logit = MASK_LOGIT;
        } else {
            self.mask.object_score_logit = -MASK_LOGIT;
            let c = self.shape.channels;
            self.mask.obj_ptr.copy_from_slice(&self.said[2][MASKS * c..][..c]);
        }
        self.mask.iou = 1.0;
        self.engines.prompt_decoder.outputs[4].read(&mut self.mask.low_res_logits)?;
        self.tensors.take_given(given, &mut self.mask)
    }

    /// Makes of this frame's mask what later frames remember.
    fn encode_memory(
        &mut self,
        features: &Features,
        from_points: bool,
    ) -> Result<(), SessionError> {
        let without_doubts = from_points && self.options.binarize_prompted;
        let is_absent = self.mask.object_score_logit <= 0.0;
        let [logits, is_absent] = self.tensors.remembered(is_absent, without_doubts)?;
        let encoder = &mut self.engines.memory_encoder;
        encoder.run(&[&features[0], logits, is_absent])?;
        self.mask.is_remembered &= encoder.outputs[0].is_finite()?;
        Ok(())
    }
}

/// Brings what a decoder says to the host.
fn listen(decoder: &Keeper, said: &mut [Vec<f32>; 4]) -> Result<(), SessionError> {
    decoder.outputs.iter().zip(said).try_for_each(|(output, to)| output.read(to))
}
