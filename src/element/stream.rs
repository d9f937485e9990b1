//! One uninterrupted run of frames: the way in, who may come in, and how it ends.
use super::job::FrameJob;
use crate::matter::{Cancel, Incoming, Item, Matte, Matter, MatterError, Session};
use crossbeam::channel::{Receiver, Sender, bounded, select_biased};
use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};

/// Places for events between frames: a stream starts with about five of them.
const EVENTS: usize = 8;

/// What keeps its place between frames.
pub enum Payload {
    /// A serialized event.
    Event(gst::Event),
    /// Answered when everything before it is downstream.
    Drained(Sender<()>),
}

/// What goes in.
pub type Input = Item<Incoming<FrameJob>, FrameJob, Payload>;
/// What comes out.
pub type Mattes = Receiver<Item<Matte<FrameJob>, FrameJob, Payload>>;

/// The right of one frame to be in the element; back when dropped.
pub struct Permit(Sender<()>);

impl Drop for Permit {
    fn drop(&mut self) {
        // The box has a place for each permit.
        let _ = self.0.try_send(());
    }
}

/// Between a start or a flush and the next flush, stop or error.
pub struct Stream {
    input: Sender<Input>,
    incoming: Receiver<Input>,
    permits: (Sender<()>, Receiver<()>),
    cancel: Cancel,
    ending: Mutex<Ending>,
    matter: Mutex<Option<Matter<FrameJob, Payload>>>,
}

/// What a push downstream last gave, and the end of `cancel` that is dropped to end all.
struct Ending {
    flow: Result<gst::FlowSuccess, gst::FlowError>,
    hang_up: Option<Sender<Infallible>>,
}

impl Stream {
    /// With room for `frames` frames at a time.
    pub fn new(frames: usize) -> Self {
        let (input, incoming) = bounded(frames + EVENTS);
        let permits = bounded(frames);
        (0..frames).for_each(|_| drop(Permit(permits.0.clone())));
        let (hang_up, cancel) = bounded(0);
        let ending = Ending { flow: Ok(gst::FlowSuccess::Ok), hang_up: Some(hang_up) };
        let (ending, matter) = (Mutex::new(ending), Mutex::new(None));
        Self { input, incoming, permits, cancel, ending, matter }
    }

    /// Hangs up when the stream ends.
    pub fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// Waits until one frame more may come in.
    pub fn permit(&self) -> Result<Permit, gst::FlowError> {
        select_biased! {
            recv(self.cancel) -> _ => Err(self.ended()),
            recv(self.permits.1) -> _ => Ok(Permit(self.permits.0.clone())),
        }
    }

    /// Waits until there is room for `item`.
    pub fn send(&self, item: Input) -> Result<gst::FlowSuccess, gst::FlowError> {
        select_biased! {
            recv(self.cancel) -> _ => Err(self.ended()),
            send(self.input, item) -> sent => match sent {
                Ok(()) => Ok(gst::FlowSuccess::Ok),
                Err(_) => Err(self.ended()),
            },
        }
    }

    /// Waits until everything that came in is downstream.
    pub fn drain(&self) -> Result<gst::FlowSuccess, gst::FlowError> {
        let (answer, drained) = bounded(1);
        self.send(Item::Pass(Payload::Drained(answer)))?;
        select_biased! {
            recv(self.cancel) -> _ => Err(self.ended()),
            recv(drained) -> answer => answer.map_or_else(|_| Err(self.ended()), |()| self.flow()),
        }
    }

    /// Starts the stages on `session` and gives their far end.
    pub fn start(&self, session: Session) -> Result<Mattes, MatterError> {
        let matter = Matter::start(session, self.incoming.clone(), &self.cancel)?;
        let mattes = matter.mattes.clone();
        *self.matter.lock().unwrap_or_else(PoisonError::into_inner) = Some(matter);
        Ok(mattes)
    }

    /// Ends the stream: all who wait wake up, and get `flow` unless it had ended before.
    pub fn end(&self, flow: gst::FlowError) {
        let mut ending = self.ending.lock().unwrap_or_else(PoisonError::into_inner);
        if ending.hang_up.take().is_some() {
            ending.flow = Err(flow);
        }
    }

    /// Waits for the stages of an ended stream. The session, if one was started and survived.
    pub fn join(&self) -> Option<Option<Session>> {
        let matter = self.matter.lock().unwrap_or_else(PoisonError::into_inner).take();
        let session = matter.map(Matter::stop);
        self.incoming.try_iter().for_each(drop);
        session
    }

    /// What downstream last said.
    pub fn flow(&self) -> Result<gst::FlowSuccess, gst::FlowError> {
        self.ending.lock().unwrap_or_else(PoisonError::into_inner).flow
    }

    fn ended(&self) -> gst::FlowError {
        self.flow().err().unwrap_or(gst::FlowError::Flushing)
    }
}
