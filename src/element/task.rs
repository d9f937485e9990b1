//! The src pad's task: waits for the engine, then pushes mattes and events in their order.
use super::CAT;
use super::engine::{self, Engine};
use super::imp::MgdSam2Matte;
use super::job::FrameJob;
use super::stats;
use super::stream::{Mattes, Payload, Stream};
use crate::matter::{Item, Matte};
use crossbeam::channel::select_biased;
use gst::prelude::*;
use gst::subclass::prelude::*;
use std::mem;
use std::sync::Arc;

/// What the task keeps from one round to the next.
pub struct Task {
    stream: Arc<Stream>,
    engine: Arc<Engine>,
    mattes: Option<Mattes>,
    /// A frame was dropped, and the next matte must say so.
    is_discont: bool,
    /// The user was told that nothing can be seen without a prompt.
    has_asked: bool,
}

impl Task {
    /// A task that waits for `engine` and then serves `stream`.
    pub fn new(stream: Arc<Stream>, engine: Arc<Engine>) -> Self {
        Self { stream, engine, mattes: None, is_discont: false, has_asked: false }
    }

    /// One round: one item, wherever it goes. After an error the stream has ended.
    pub fn iterate(&mut self, element: &MgdSam2Matte) {
        let flow = self.next(element).and_then(|item| self.handle(element, item));
        if let Err(flow) = flow {
            gst::debug!(CAT, imp = element, "the task ends: {flow:?}");
            self.stream.end(flow);
            // The task exists, for this is it.
            let _ = element.srcpad.pause_task();
        }
    }

    fn next(
        &mut self,
        element: &MgdSam2Matte,
    ) -> Result<Item<Matte<FrameJob>, FrameJob, Payload>, gst::FlowError> {
        let mattes = match &self.mattes {
            Some(mattes) => mattes,
            None => self.mattes.insert(start(element, &self.stream, &self.engine)?),
        };
        select_biased! {
            recv(self.stream.cancel()) -> _ => Err(gst::FlowError::Flushing),
            recv(mattes) -> item => item.map_err(|_| {
                fail(element, "a stage of the matting panicked")
            }),
        }
    }

    fn handle(
        &mut self,
        element: &MgdSam2Matte,
        item: Item<Matte<FrameJob>, FrameJob, Payload>,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        match item {
            Item::Frame(matte) => return self.push(element, matte),
            Item::Late(job) => {
                self.is_discont = true;
                element.drop_late(&job);
            }
            Item::Pass(Payload::Event(event)) => {
                gst::log!(CAT, imp = element, "pushing {event:?}");
                if event.type_() == gst::EventType::Eos {
                    element.post_stats();
                }
                element.srcpad.push_event(event);
            }
            // Whoever asked may have been told to flush since.
            Item::Pass(Payload::Drained(answer)) => drop(answer.try_send(())),
            Item::Failed(error) => return Err(fail(element, &engine::chain(&error))),
        }
        Ok(gst::FlowSuccess::Ok)
    }

    fn push(
        &mut self,
        element: &MgdSam2Matte,
        Matte { job, times, memory }: Matte<FrameJob>,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        let pts = job.pts.display();
        gst::debug!(
            CAT,
            imp = element,
            "pushing {pts} after {:?}: {times:?}, {memory:?}",
            stats::total(&times)
        );
        let (mut buffer, permit) = job.into_matte();
        if mem::take(&mut self.is_discont) {
            buffer.make_mut().set_flags(gst::BufferFlags::DISCONT);
        }
        element.record(&times, memory);
        if memory.is_some_and(|memory| memory.needs_prompt)
            && !mem::replace(&mut self.has_asked, true)
        {
            element.ask_for_prompt();
        }
        let flow = element.srcpad.push(buffer);
        drop(permit);
        flow
    }
}

/// Waits for the engine and starts the stages.
fn start(
    element: &MgdSam2Matte,
    stream: &Stream,
    engine: &Engine,
) -> Result<Mattes, gst::FlowError> {
    match engine.borrow(stream.cancel()) {
        None => Err(gst::FlowError::Flushing),
        Some(Ok(session)) => super::log::to_gst(|| stream.start(session))
            .map_err(|error| fail(element, &engine::chain(&error))),
        Some(Err(reason)) => {
            gst::element_imp_error!(
                element,
                gst::LibraryError::Init,
                ("cannot open the engine: {reason}")
            );
            // For the stream after the next flush, which shall not wait for ever.
            engine.give_back(Err(reason));
            Err(gst::FlowError::Error)
        }
    }
}

fn fail(element: &MgdSam2Matte, reason: &str) -> gst::FlowError {
    gst::element_imp_error!(element, gst::StreamError::Failed, ("cannot matte: {reason}"));
    gst::FlowError::Error
}
