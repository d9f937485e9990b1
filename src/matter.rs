//! The life of a frame: prepare, infer, refine, composite; one thread each, in order.
//!
//! Small bounded channels join the threads, so that pixel work of one frame overlaps inference of
//! another; one thread a stage, so that nothing is reordered. What is not a frame passes through
//! in its place. Whoever holds the sending end of `cancel` ends all by dropping it.
#[cfg(feature = "cuda")]
mod device;
mod place;
mod stage;

#[cfg(feature = "cuda")]
pub use device::OnDevice;
pub use stage::{Cancel, Item};

#[cfg(feature = "cuda")]
use crate::cuda::Device;
use crate::frame::composite::Output;
use crate::frame::foreground::Foreground;
use crate::frame::{FrameError, FrameView, FrameViewMut};
pub use crate::session::{
    Coverage, MemoryState, Point, PointKind, Prompt, Propagation, RefineMode, Session, SessionError,
};
use crate::session::{Exchange, Frame, FrameIndex, Looker};
use crossbeam::channel::{Receiver, Sender, bounded};
use place::{Composite, Fitted, Refine, Squash, Steady};
use stage::{Done, spawn, stage};
use std::mem;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A frame and where its matte goes.
pub trait Job: Send + 'static {
    /// The picture.
    fn source(&self) -> FrameView<'_>;
    /// The picture, and the one to write of the same size.
    fn views(&mut self) -> (FrameView<'_>, FrameViewMut<'_>);
    /// Whether nobody waits for this frame any more; asked once, before any work on it.
    fn is_late(&self) -> bool;

    /// Both in device memory, if one of them belongs there: then the host's views are not asked for.
    #[cfg(feature = "cuda")]
    fn on_device(&self) -> Option<OnDevice<'_>> {
        None
    }

    /// Waits for a matte that is made [`on_device`](Self::on_device), on the stream of `lane`, and
    /// brings it where it belongs; or does not wait, and gives what must live until it is made.
    #[cfg(feature = "cuda")]
    fn settle(&mut self, _lane: &Device) -> Result<Option<Box<dyn Send>>, FrameError> {
        Ok(None)
    }
}

/// How one frame is matted.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Infer if at least `interval - 1` frames went by since the last inference; 0 counts as 1.
    pub interval: u32,
    /// The frame does not continue the one before: it is inferred whatever the interval says,
    /// and what was remembered is forgotten.
    pub is_first: bool,
    /// When the frame is shown, on a clock that runs on from frame to frame: its running time.
    pub time: Option<Duration>,
    /// How an object is followed.
    pub propagation: Propagation,
    /// From logits to alpha; `None` is what suits the model.
    pub refine: Option<RefineMode>,
    /// Hold the matte still where the picture stands still.
    pub steady: bool,
    /// Which colours go with alpha.
    pub foreground: Foreground,
    /// What is written.
    pub output: Output,
}

/// What the stages took, by the device's clock where they ran on one; `None` where the frame lived
/// on an earlier inference.
#[derive(Debug, Clone, Copy, Default)]
pub struct Times {
    /// Frame to the model's picture.
    pub prepare: Option<Duration>,
    /// Picture to logits, looked at ahead or not.
    pub infer: Option<Duration>,
    /// Logits to coefficients.
    pub refine: Option<Duration>,
    /// Coefficients and frame to the matte.
    pub composite: Duration,
}

/// A frame as it comes in.
pub struct Incoming<J> {
    /// The frame.
    pub job: J,
    /// How it is matted.
    pub options: Options,
    /// What the user says of the object in exactly this frame, which is inferred then, whatever
    /// the interval says and however late it is. A prompt that [`Prompt::check`] refuses ends all.
    pub prompts: Vec<Prompt>,
}

/// Squashed, or without a picture where an earlier inference serves.
struct PreparedFrame<J>(J, Options, Times, Option<(Exchange, Vec<Prompt>)>);
/// Inferred: the picture and its logits.
struct InferredFrame<J>(J, Options, Times, Option<Exchange>, Option<MemoryState>);
/// Refined: what turns a frame's colours into alpha.
struct RefinedFrame<J>(J, Options, Times, Option<Fitted>, Option<MemoryState>);

/// A frame whose matte is written.
pub struct Matte<J> {
    /// The frame.
    pub job: J,
    /// What the stages took.
    pub times: Times,
    /// What is remembered after this frame; `None` where it was not tracked: the recipe has no
    /// tracker, propagation is off, or the frame lived on an earlier inference.
    pub memory: Option<MemoryState>,
}

/// The running stages.
pub struct Matter<J, P> {
    /// Mattes and all else, in the order they came in; hangs up when the stages have ended.
    pub mattes: Receiver<Item<Matte<J>, J, P>>,
    infer: JoinHandle<Session>,
    others: Vec<JoinHandle<()>>,
}

impl<J: Job, P: Send + 'static> Matter<J, P> {
    /// Starts the stages on what comes out of `incoming`. The session forgets its last clip.
    pub fn start(
        mut session: Session,
        incoming: Receiver<Item<Incoming<J>, J, P>>,
        cancel: &Cancel,
    ) -> Result<Self, MatterError> {
        session.reset();
        let side = session.side();
        let (to_infer, prepared) = bounded(1);
        let (to_refine, inferred) = bounded(1);
        let (to_composite, refined) = bounded(1);
        let (to_mattes, mattes) = bounded(1);
        let (spent_exchanges, exchanges) = bounded(4);
        let (spent_coefficients, coefficients) = bounded(4);
        let (c1, c2, c3, c4) = (cancel.clone(), cancel.clone(), cancel.clone(), cancel.clone());

        let prepare = prepare(side, session.looker(), exchanges);
        let refine = refine(side, session.refine(), coefficients, spent_exchanges);
        let composite = composite(spent_coefficients);
        let others = vec![
            spawn("matte-prepare", move || stage(&incoming, &to_infer, &c1, prepare))?,
            spawn("matte-refine", move || stage(&inferred, &to_composite, &c3, refine))?,
            spawn("matte-composite", move || stage(&refined, &to_mattes, &c4, composite))?,
        ];
        let infer = spawn("matte-infer", move || {
            stage(&prepared, &to_refine, &c2, infer(&mut session));
            session
        })?;
        Ok(Self { mattes, infer, others })
    }

    /// Waits for the stages, at most one inference once `cancel` has hung up.
    /// `None` if inference panicked: the session is lost.
    pub fn stop(self) -> Option<Session> {
        drop(self.mattes);
        let session = self.infer.join();
        self.others.into_iter().for_each(|other| drop(other.join()));
        session.ok()
    }
}

/// Whether the frame is wanted and inferred at all; if so, its picture as the model sees it, and
/// what an encoder sees that looks ahead.
fn prepare<J: Job, P>(
    side: usize,
    looker: Option<Looker>,
    spare: Receiver<Exchange>,
) -> impl FnMut(Incoming<J>) -> Done<PreparedFrame<J>, J, P> {
    let mut squash = Squash::new(side);
    let mut frames_since: Option<u32> = None;
    // A late frame leaves its news to the next.
    let mut is_first = false;
    move |Incoming { job, mut options, prompts }| {
        is_first |= options.is_first;
        if prompts.is_empty() && job.is_late() {
            return Ok(Item::Late(job));
        }
        options.is_first = mem::take(&mut is_first);
        let due = frames_since.is_none_or(|n| n + 1 >= options.interval);
        if !due && !options.is_first && prompts.is_empty() {
            frames_since = frames_since.map(|n| n + 1);
            return Ok(Item::Frame(PreparedFrame(job, options, Times::default(), None)));
        }
        let mut exchange = spare.try_recv().unwrap_or_else(|_| Exchange::new(side));
        let (prepare, done) = timed(|| {
            let _span = tracing::trace_span!("prepare").entered();
            squash.run(&job, &mut exchange)
        });
        done?;
        let is_tracked = options.propagation.is_on;
        let (look, done) = timed(|| {
            let _span = tracing::trace_span!("look").entered();
            looker.as_ref().map_or(Ok(()), |looker| looker.look(&mut exchange, is_tracked))
        });
        done?;
        frames_since = Some(0);
        let times = Times { prepare: Some(prepare), infer: Some(look), ..Times::default() };
        Ok(Item::Frame(PreparedFrame(job, options, times, Some((exchange, prompts)))))
    }
}

/// The engines' turn.
fn infer<J, P>(
    session: &mut Session,
) -> impl FnMut(PreparedFrame<J>) -> Done<InferredFrame<J>, J, P> {
    let mut index: FrameIndex = 0;
    move |PreparedFrame(job, options, mut times, picture)| {
        let Some((mut exchange, prompts)) = picture else {
            return Ok(Item::Frame(InferredFrame(job, options, times, None, None)));
        };
        let Options { time, is_first, propagation, .. } = options;
        let frame = Frame { index, time, is_first, prompts: &prompts, propagation };
        let (infer, done) = timed(|| {
            let _span = tracing::trace_span!("infer").entered();
            session.step(&frame, &mut exchange)
        });
        let memory = done?;
        index += 1;
        times.infer = Some(infer + times.infer.unwrap_or_default());
        Ok(Item::Frame(InferredFrame(job, options, times, Some(exchange), memory)))
    }
}

/// Logits at the model's size to what gives alpha at any size.
fn refine<J, P>(
    side: usize,
    suits: RefineMode,
    spare: Receiver<Fitted>,
    spent: Sender<Exchange>,
) -> impl FnMut(InferredFrame<J>) -> Done<RefinedFrame<J>, J, P> {
    let mut refine = Refine::new(side);
    let mut steady = Steady::new(side);
    move |InferredFrame(job, options, mut times, exchange, memory)| {
        let Some(mut exchange) = exchange else {
            return Ok(Item::Frame(RefinedFrame(job, options, times, None, memory)));
        };
        let mut fitted = spare.try_recv().unwrap_or_default();
        let (took, done) = timed(|| {
            let _span = tracing::trace_span!("refine").entered();
            if options.is_first || !options.steady {
                steady.reset();
            }
            if options.steady {
                steady.hold(&mut exchange)?;
            }
            refine.fit(&mut exchange, options.refine.unwrap_or(suits), &mut fitted)
        });
        done?;
        times.refine = Some(took);
        // A full box of spares is no loss.
        let _ = spent.try_send(exchange);
        Ok(Item::Frame(RefinedFrame(job, options, times, Some(fitted), memory)))
    }
}

/// The matte at the frame's own size, from the latest coefficients.
fn composite<J: Job, P>(
    spent: Sender<Fitted>,
) -> impl FnMut(RefinedFrame<J>) -> Done<Matte<J>, J, P> {
    let mut composite = Composite::default();
    // The first frame always brings its own.
    let mut current = Fitted::default();
    move |RefinedFrame(mut job, options, mut times, fitted, memory)| {
        #[cfg(feature = "cuda")]
        composite.finish(&mut current, &mut times)?;
        if let Some(fitted) = fitted {
            let _ = spent.try_send(mem::replace(&mut current, fitted));
        }
        let (took, done) = timed(|| {
            let _span = tracing::trace_span!("composite").entered();
            composite.run(&mut job, &current, options.foreground, options.output)
        });
        done?;
        times.composite = took;
        #[cfg(feature = "cuda")]
        composite.times(&mut current, &mut times);
        Ok(Item::Frame(Matte { job, times, memory }))
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let done = work();
    (start.elapsed(), done)
}

/// Why a clip could not be matted to its end.
#[derive(Debug, thiserror::Error)]
pub enum MatterError {
    /// Pixel work failed.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// An engine failed.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// A thread could not be started.
    #[error("cannot start a thread")]
    Thread(#[from] std::io::Error),
}
