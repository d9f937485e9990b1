//! Follows one object through a clip: what each frame asks of the tracker, and what comes of it.
use super::coverage::Coverage;
use super::gate::Gate;
use super::held::Held;
#[cfg(feature = "cuda")]
use super::held::Place;
use super::scene_cut::SceneCut;
use super::tracked_mask::NO_OBJECT;
use super::tracker::Features;
use super::{Frame, MemoryState, Prompt, SessionError, Tracker};
use std::time::Duration;

/// A tracker and what it has seen of a clip.
pub(super) struct Follower {
    tracker: Tracker,
    cuts: SceneCut,
    gate: Gate,
    absent_since: Option<Duration>,
    /// Nobody has chosen the object: it was the first foreground.
    is_detected: bool,
    scene_cuts: u64,
    redetections: u64,
}

/// What a frame asks of the tracker.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Task {
    /// To learn what the object is.
    Learn(Prompt),
    /// To find it.
    Find,
    /// Nothing: there is no object yet.
    Wait,
}

/// What a mask does to the detail path's matte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// There is no such path: the mask is the matte.
    Matte,
    /// It was the dense prompt: only absence counts.
    Prompt,
    /// Alpha is multiplied by it.
    Gate,
}

impl Follower {
    pub(super) fn new(tracker: Tracker) -> Self {
        Self {
            tracker,
            cuts: SceneCut::default(),
            gate: Gate::default(),
            absent_since: None,
            is_detected: false,
            scene_cuts: 0,
            redetections: 0,
        }
    }

    pub(super) fn tracker(&self) -> &Tracker {
        &self.tracker
    }

    /// From now on the engines run at `place`; the clip is forgotten.
    #[cfg(feature = "cuda")]
    pub(super) fn move_to(&mut self, place: &Place) -> Result<(), SessionError> {
        self.reset();
        self.gate = Gate::default();
        self.tracker.move_to(place)
    }

    /// Forgets the clip.
    pub(super) fn reset(&mut self) {
        self.cuts.reset();
        self.forget();
    }

    /// Forgets the object.
    pub(super) fn forget(&mut self) {
        self.tracker.reset();
        self.absent_since = None;
        self.is_detected = false;
    }

    /// What `frame` asks, its picture being `image`; `can_detect` says whether anything else can
    /// find an object.
    pub(super) fn begin(
        &mut self,
        frame: &Frame,
        image: &Held,
        can_detect: bool,
    ) -> Result<Task, SessionError> {
        if let Some(limit) = frame.propagation.scene_cut {
            self.look_for_cut(image, limit, can_detect)?;
        }
        if !frame.propagation.is_on {
            self.forget();
        }
        self.tracker.bank_mut().limit(frame.propagation.memory_frames as usize);
        let prompt = Prompt::joined(frame.prompts, self.tracker.shape().points)?;
        Ok(match prompt {
            Some(prompt) => Task::Learn(prompt),
            None if self.tracker.bank().is_empty() => Task::Wait,
            None => Task::Find,
        })
    }

    /// After a cut nothing is remembered; but if nothing else can find an object in the new scene,
    /// what was prompted is.
    fn look_for_cut(
        &mut self,
        image: &Held,
        limit: f32,
        can_detect: bool,
    ) -> Result<(), SessionError> {
        let change = self.cuts.change(image)?;
        if change <= limit {
            return Ok(());
        }
        tracing::debug!(change, limit, "scene cut");
        self.scene_cuts += 1;
        match can_detect {
            true => self.forget(),
            false => self.tracker.forget_tracked(),
        }
        Ok(())
    }

    /// Does what the frame asks, by the `features` of its picture. A prompt corrects what was
    /// prompted before, and takes the place of what was only detected.
    pub(super) fn follow(
        &mut self,
        task: &Task,
        frame: &Frame,
        features: &Features,
    ) -> Result<(), SessionError> {
        let found = match task {
            Task::Learn(prompt) => self.tracker.prompt(frame.index, features, prompt).map(drop),
            Task::Find => self.tracker.step(frame.index, features).map(drop),
            Task::Wait => return Ok(()),
        };
        match found {
            Ok(_) if matches!(task, Task::Learn(_)) && self.is_detected => {
                self.tracker.bank_mut().forget_all_but(frame.index);
                self.is_detected = false;
            }
            Ok(_) => {}
            Err(error @ SessionError::NotFinite { .. }) => tracing::warn!("{error}"),
            Err(error) => return Err(error),
        }
        let is_present = self.tracker.mask().object_score_logit > 0.0;
        self.absent_since = match is_present {
            true => None,
            false => self.absent_since.or(frame.time),
        };
        Ok(())
    }

    /// Whether the object that is followed is none, or stays away for too long.
    pub(super) fn looks_for_another(&self, frame: &Frame) -> bool {
        let away = frame.time.zip(self.absent_since).map(|(now, since)| now.saturating_sub(since));
        let is_overdue = frame.propagation.redetect.zip(away).is_some_and(|(most, is)| is >= most);
        is_overdue || self.tracker.bank().is_empty()
    }

    /// Starts anew with what is foreground in `logits`.
    pub(super) fn detect(
        &mut self,
        frame: &Frame,
        logits: &Held,
        features: &Features,
    ) -> Result<(), SessionError> {
        self.redetections += u64::from(!self.tracker.bank().is_empty());
        self.forget();
        let (mut values, side) = (Vec::new(), logits.len().isqrt());
        logits.read(&mut values)?;
        values.iter_mut().for_each(|v| *v = f32::from(u8::from(*v > 0.0)));
        let mask = Prompt::Mask(Coverage { width: side, height: side, values });
        self.follow(&Task::Learn(mask), frame, features)?;
        self.is_detected = true;
        Ok(())
    }

    /// The object's mask before the sigmoid, (S / 4, S / 4).
    pub(super) fn mask_logits(&self) -> &Held {
        &self.tracker.tensors().low_res_logits
    }

    /// Makes of `logits` those of the object by how its mask is used, if it was looked for; zero
    /// alpha where it is not.
    pub(super) fn finish(
        &mut self,
        how: Option<Use>,
        logits: &mut Held,
    ) -> Result<(), SessionError> {
        let mask = self.tracker.tensors();
        match how {
            None => Ok(()),
            Some(_) if self.tracker.mask().object_score_logit <= 0.0 => logits.fill(NO_OBJECT),
            Some(Use::Matte) => logits.copy(&mask.logits, 0),
            Some(Use::Prompt) => Ok(()),
            Some(Use::Gate) => self.gate.apply(&mask.low_res_logits, logits),
        }
    }

    /// What is remembered after a frame, and what was found if it was looked for.
    pub(super) fn state(&self, has_looked: bool) -> MemoryState {
        let (bank, mask) = (self.tracker.bank(), self.tracker.mask());
        let found = if has_looked { mask.object_score_logit } else { 0.0 };
        MemoryState {
            prompted: bank.conditioning_frames().count(),
            remembered: bank.tracked_frames().count(),
            needs_prompt: false,
            is_present: found > 0.0,
            object_score: found,
            iou: if has_looked { mask.iou } else { 0.0 },
            scene_cuts: self.scene_cuts,
            redetections: self.redetections,
        }
    }
}
