//! Which engine runs when.
pub mod coverage;
mod detail;
mod encoder;
mod enlarge;
mod error;
mod exchange;
mod follower;
mod gate;
mod held;
mod looker;
mod mask_selection;
pub mod memory_bank;
mod memory_selection;
mod motion;
#[cfg(feature = "cuda")]
mod on_device;
pub mod prompt;
mod prompt_text;
mod propagation;
mod runner;
mod scene_cut;
mod tracked_mask;
pub mod tracker;

pub use coverage::Coverage;
pub use encoder::Encoders;
pub use error::SessionError;
pub use exchange::Exchange;
pub use held::{Held, Place};
pub use looker::Looker;
pub use mask_selection::MaskSelection;
pub use memory_bank::{BankOptions, FrameIndex, MemoryBank};
pub use memory_selection::{Evidence, MemorySelection};
#[cfg(feature = "cuda")]
use on_device::Staging;
#[cfg(feature = "cuda")]
pub use on_device::{DeviceExchange, Spans};
pub use prompt::{Point, PointKind, Prompt};
pub use propagation::{Frame, MemoryState, Propagation};
pub use tracked_mask::TrackedMask;
pub use tracker::{Features, Tracker, TrackerEngines, TrackerOptions};

pub use crate::frame::refine::RefineMode;

use self::detail::{Detail, holds_object};
use self::encoder::{Encoder, Seen};
use self::follower::{Follower, Task, Use};
use self::looker::Sight;
use self::tracked_mask::NO_OBJECT;
use crate::backend::{Engine, Tensor};
use crate::signature::detail::DetailShape;
use std::{panic, thread};

/// The engines of one recipe, and what they remember of a clip.
pub struct Session {
    side: usize,
    detail: Option<Detail>,
    tracking: Option<(Looker, Follower)>,
    /// Of a picture that nobody looked at before its turn.
    seen: Seen,
    listener: Option<Listener>,
    refine: RefineMode,
    looks_ahead: bool,
    /// Where the engines run.
    place: Place,
    /// Where frames go that the host has.
    #[cfg(feature = "cuda")]
    staging: Staging,
}

/// Sees each inferred frame's logits (1, 1, side, side), as the matte is made of them.
pub type Listener = Box<dyn FnMut(&Tensor) + Send>;

impl Session {
    /// The detail path alone, on an engine of [`image`](crate::signature::image); any other
    /// signature is an error.
    pub fn new(image: Box<dyn Engine>) -> Result<Self, SessionError> {
        let side = image.signature().inputs.first().and_then(|i| i.shape.get(1)).copied();
        let inp_size = side.unwrap_or(0) / 2;
        let shape = DetailShape { inp_size, embed_dim: 0, d_model: 0, prompt_side: None };
        let detail = Some(Detail::new(image, &shape, false)?);
        Ok(Self::of(2 * inp_size, detail, None))
    }

    /// A tracker with the engines that look at pictures for it, beside the detail path or alone.
    ///
    /// The detail engine is of [`image`](crate::signature::image) where the path is whole, else of
    /// [`detail::decoder`](crate::signature::detail::decoder). Any other signature is an error.
    pub fn with_tracker(
        detail: Option<(Box<dyn Engine>, DetailShape)>,
        encoders: Encoders,
        tracker: Tracker,
    ) -> Result<Self, SessionError> {
        let shape = detail.as_ref().map(|(_, shape)| *shape);
        let encoder = Encoder::new(encoders, tracker.shape(), shape.as_ref())?;
        let side = shape.map_or(tracker.shape().side, |shape| 2 * shape.inp_size);
        let is_divided = encoder.divides_detail();
        let detail = detail.map(|(engine, shape)| Detail::new(engine, &shape, is_divided));
        let tracking = Some((Looker::new(encoder), Follower::new(tracker)));
        Ok(Self::of(side, detail.transpose()?, tracking))
    }

    fn of(side: usize, detail: Option<Detail>, tracking: Option<(Looker, Follower)>) -> Self {
        Self {
            side,
            detail,
            tracking,
            seen: Seen::default(),
            listener: None,
            refine: RefineMode::default(),
            looks_ahead: false,
            place: Place::Host,
            #[cfg(feature = "cuda")]
            staging: Staging::default(),
        }
    }

    /// The side of the square picture that [`step`](Self::step) takes, in pixels: the detail
    /// path's `2S`, or the tracker's `S` where there is none.
    pub fn side(&self) -> usize {
        self.side
    }

    /// What suits this model's mattes.
    pub fn refine(&self) -> RefineMode {
        self.refine
    }

    /// Says what suits this model's mattes: a guided filter, if nobody says.
    pub fn set_refine(&mut self, refine: RefineMode) {
        self.refine = refine;
    }

    /// The tracker, if there is one.
    pub fn tracker(&self) -> Option<&Tracker> {
        self.tracking.as_ref().map(|(_, follower)| follower.tracker())
    }

    /// Says whether encoders on a CPU look ahead: they do not, if nobody says.
    pub fn set_look_ahead(&mut self, looks_ahead: bool) {
        self.looks_ahead = looks_ahead;
    }

    /// Who looks at the next picture while this frame's object is followed: where there is a tracker
    /// and its encoders run on a device, which does both at a time, or are told to.
    pub fn looker(&self) -> Option<Looker> {
        let (looker, _) = self.tracking.as_ref()?;
        (self.looks_ahead || looker.device().is_some()).then(|| looker.clone())
    }

    /// From now on `listener` sees the logits of each frame.
    pub fn listen(&mut self, listener: Listener) {
        self.listener = Some(listener);
    }

    /// Forgets the clip.
    pub fn reset(&mut self) {
        if let Some((_, follower)) = &mut self.tracking {
            follower.reset();
        }
    }

    /// One frame: `exchange.image` (1, side, side, 3) RGB in, `exchange.logits`
    /// (1, 1, side, side) out. No state if nothing is tracked: the recipe has no tracker, or a
    /// detail path and propagation is off.
    ///
    /// An object is followed from its prompt on, or from the first frame in which the detail path
    /// finds one. Until then alpha is the detail path's, or zero if there is none; where the object
    /// is absent, alpha is zero. An error of a prompt that is none, and of the engines.
    pub fn step(
        &mut self,
        frame: &Frame,
        exchange: &mut Exchange,
    ) -> Result<Option<MemoryState>, SessionError> {
        #[cfg(feature = "cuda")]
        if let Some(state) = self.step_on_device(frame, exchange)? {
            return Ok(state);
        }
        #[cfg(feature = "cuda")]
        exchange.fetch()?;
        let Exchange { image, logits, seen, .. } = exchange;
        let state = self.infer(frame, image, seen, logits)?;
        #[cfg(feature = "cuda")]
        exchange.put()?;
        Ok(state)
    }

    /// [`step`](Self::step) where the engines run, and `image` and `logits` lie. What was `seen` of
    /// the picture before its turn is used up.
    fn infer(
        &mut self,
        frame: &Frame,
        image: &Held,
        seen: &mut Seen,
        logits: &mut Held,
    ) -> Result<Option<MemoryState>, SessionError> {
        if frame.is_first {
            self.reset();
        }
        // What a frame left that failed is of another picture.
        self.seen.forget();
        let seen = if seen.has_views || seen.has_features { seen } else { &mut self.seen };
        let state = match (&mut self.detail, &mut self.tracking) {
            (detail, Some((looker, follower))) if detail.is_none() || frame.propagation.is_on => {
                let sight = Sight { looker, image, seen: &mut *seen, place: &self.place };
                Some(propagate(detail.as_mut(), sight, follower, frame, logits)?)
            }
            (Some(detail), Some((looker, follower))) => {
                follower.reset();
                let mut sight = Sight { looker, image, seen: &mut *seen, place: &self.place };
                detail.prompt(None)?;
                detail.run(image, sight.views()?, logits)?;
                None
            }
            (Some(detail), None) => {
                detail.run(image, &[], logits)?;
                None
            }
            (None, _) => None,
        };
        seen.forget();
        if let Some(listener) = &mut self.listener {
            let mut values = Vec::new();
            logits.read(&mut values)?;
            listener(&Tensor::F32(values));
        }
        Ok(state)
    }
}

/// The tracker's turn and the detail path's, and what they make together.
fn propagate(
    mut detail: Option<&mut Detail>,
    mut sight: Sight,
    follower: &mut Follower,
    frame: &Frame,
    logits: &mut Held,
) -> Result<MemoryState, SessionError> {
    let task = follower.begin(frame, sight.image, detail.is_some())?;
    let has_looked = task != Task::Wait;
    match &mut detail {
        Some(detail) if !detail.is_prompted() => {
            both((detail, logits), &mut sight, follower, &task, frame)?;
        }
        detail => in_turn((detail.as_deref_mut(), logits), &mut sight, follower, &task, frame)?,
    }
    let Some(detail) = detail else {
        match has_looked {
            true => follower.finish(Some(Use::Matte), logits)?,
            false => logits.fill(NO_OBJECT)?,
        }
        return Ok(MemoryState { needs_prompt: !has_looked, ..follower.state(has_looked) });
    };
    if follower.looks_for_another(frame) && holds_object(logits)? {
        follower.detect(frame, logits, sight.look()?.features())?;
        return Ok(follower.state(true));
    }
    let how = if detail.is_prompted() { Use::Prompt } else { Use::Gate };
    follower.finish(has_looked.then_some(how), logits)?;
    Ok(follower.state(has_looked))
}

/// The tracker's turn, then that of the detail path, if there is one, which corrects its mask.
fn in_turn(
    (detail, logits): (Option<&mut Detail>, &mut Held),
    sight: &mut Sight,
    follower: &mut Follower,
    task: &Task,
    frame: &Frame,
) -> Result<(), SessionError> {
    let has_looked = *task != Task::Wait;
    if has_looked {
        follower.follow(task, frame, sight.look()?.features())?;
    }
    if let Some(detail) = detail {
        let counts = has_looked && !follower.looks_for_another(frame);
        detail.prompt(counts.then(|| follower.mask_logits()))?;
        detail.run(sight.image, sight.views()?, logits)?;
    }
    Ok(())
}

/// The two paths of one frame side by side, neither of which needs the other's answer.
fn both(
    (detail, logits): (&mut Detail, &mut Held),
    sight: &mut Sight,
    follower: &mut Follower,
    task: &Task,
    frame: &Frame,
) -> Result<(), SessionError> {
    let image = sight.image;
    if sight.looker.divides_detail() {
        let seen = sight.look()?;
        let track = || follower.follow(task, frame, seen.features());
        return side_by_side(image, track, || detail.run(image, seen.views(), logits));
    }
    if *task == Task::Wait {
        return detail.run(image, &[], logits);
    }
    let track = || follower.follow(task, frame, sight.look()?.features());
    side_by_side(image, track, || detail.run(image, &[], logits))
}

/// Both, side by side with the host where there are more than two cores; the first's error if
/// both fail.
///
/// Each engine takes all cores to itself. On two, base-plus and its tracker take 1.6 times the
/// detail path's time side by side, and 1.3 times one after the other.
fn side_by_side(
    image: &Held,
    first: impl FnOnce() -> Result<(), SessionError> + Send,
    second: impl FnOnce() -> Result<(), SessionError>,
) -> Result<(), SessionError> {
    let has_few_cores = thread::available_parallelism().is_ok_and(|cores| cores.get() <= 2);
    if has_few_cores || image.tensor().is_err() {
        first()?;
        return second();
    }
    thread::scope(|scope| {
        let first = scope.spawn(first);
        let second = second();
        first.join().unwrap_or_else(|panic| panic::resume_unwind(panic))?;
        second
    })
}

/// The side of a square RGB picture of so many bytes.
fn square_side(bytes: usize) -> usize {
    (bytes / 3).isqrt()
}
