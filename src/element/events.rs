//! Events: what goes with the frames, what turns a stream over, what comes back from downstream.
use super::CAT;
use super::imp::MgdSam2Matte;
use super::lock;
use super::stream::{Payload, Stream};
use super::task::Task;
use crate::matter::Item;
use gst::prelude::*;
use gst::subclass::prelude::*;
use std::sync::Arc;

impl MgdSam2Matte {
    pub(super) fn sink_event(
        &self,
        pad: &gst::Pad,
        event: gst::Event,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        gst::log!(CAT, obj = pad, "handling {event:?}");
        match event.view() {
            gst::EventView::FlushStart(_) => {
                if let Ok(stream) = self.stream() {
                    stream.end(gst::FlowError::Flushing);
                }
                self.srcpad.push_event(event);
                // No task, no need to pause it.
                let _ = self.srcpad.pause_task();
                return Ok(gst::FlowSuccess::Ok);
            }
            gst::EventView::FlushStop(_) => return self.flush_stop(event),
            gst::EventView::Caps(caps) => {
                self.srcpad.check_reconfigure();
                return self.negotiate(&caps.caps_owned());
            }
            gst::EventView::Segment(segment) => self.set_segment(segment.segment()),
            gst::EventView::StreamStart(_) => self.reset(),
            gst::EventView::CustomDownstream(_) | gst::EventView::CustomDownstreamOob(_)
                if self.takes(&event) =>
            {
                return Ok(gst::FlowSuccess::Ok);
            }
            gst::EventView::Eos(_) => self.complain_of_a_lost_end()?,
            _ => {}
        }
        if event.is_serialized() {
            return self.stream()?.send(Item::Pass(Payload::Event(event)));
        }
        let handled = gst::Pad::event_default(pad, Some(&*self.obj()), event);
        if handled { Ok(gst::FlowSuccess::Ok) } else { Err(gst::FlowError::Error) }
    }

    /// A segment that goes on where the last one was is no new start.
    fn set_segment(&self, segment: &gst::Segment) {
        self.qos.reset();
        if let Some(state) = lock(&self.state).as_mut() {
            let segment = segment.downcast_ref::<gst::ClockTime>().cloned();
            state.is_first |= state.segment.is_some() && state.segment != segment;
            state.segment = segment;
        }
    }

    /// The next frame that comes in is treated as the first.
    pub(super) fn reset(&self) {
        if let Some(state) = lock(&self.state).as_mut() {
            state.is_first = true;
        }
    }

    /// The end of a stream that had failed before: nobody else would ever tell.
    fn complain_of_a_lost_end(&self) -> Result<(), gst::FlowError> {
        match self.stream()?.flow() {
            Err(flow @ (gst::FlowError::NotLinked | gst::FlowError::NotNegotiated)) => {
                gst::element_imp_error!(
                    self,
                    gst::StreamError::Failed,
                    ("streaming stopped: {flow:?}")
                );
                Err(flow)
            }
            _ => Ok(()),
        }
    }

    /// Starts a new stream in place of the flushed one.
    fn flush_stop(&self, event: gst::Event) -> Result<gst::FlowSuccess, gst::FlowError> {
        let _turn = lock(&self.turnover);
        let ended = lock(&self.state).as_ref().map(|s| (s.stream.clone(), s.engine.clone()));
        let Some((stream, engine)) = ended else { return Err(gst::FlowError::Flushing) };
        stream.end(gst::FlowError::Flushing);
        self.join(&stream, &engine);
        self.qos.reset();
        self.srcpad.push_event(event);
        self.keep_sticky_events();
        let mut state = lock(&self.state);
        let Some(state) = state.as_mut() else { return Err(gst::FlowError::Flushing) };
        state.segment = None;
        state.is_first = true;
        // They speak of a running time that is no more.
        lock(&self.prompts).clear();
        state.stream = Arc::new(Stream::new(state.frames as usize));
        let task = Task::new(state.stream.clone(), engine);
        self.start_task(task)
            .map_err(|error| {
                gst::error!(CAT, imp = self, "{error}");
                gst::FlowError::Error
            })
            .map(|()| gst::FlowSuccess::Ok)
    }

    /// Sticky events that the flush caught on their way must reach downstream all the same, for
    /// upstream will not send them again.
    fn keep_sticky_events(&self) {
        self.sinkpad.sticky_events_foreach(|event| {
            use gst::EventType as Type;
            if ![Type::Caps, Type::Segment, Type::Eos].contains(&event.type_()) {
                // It goes out with the next event or buffer.
                let _ = self.srcpad.store_sticky_event(event);
            }
            std::ops::ControlFlow::Continue(gst::EventForeachAction::Keep)
        });
    }

    pub(super) fn src_event(&self, pad: &gst::Pad, event: gst::Event) -> bool {
        if let gst::EventView::Qos(qos) = event.view() {
            let (_, _, diff, timestamp) = qos.get();
            if let Some(timestamp) = timestamp {
                self.qos.observe(timestamp, diff, self.frame_duration().unwrap_or_default());
            }
        }
        if self.takes(&event) {
            return true;
        }
        gst::Pad::event_default(pad, Some(&*self.obj()), event)
    }
}
