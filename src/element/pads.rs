//! The pads: when they run, and the element's one call per frame.
use super::CAT;
use super::engine::Engine;
use super::imp::{MgdSam2Matte, Segment, State};
use super::job::FrameJob;
use super::lock;
use super::negotiate::Video;
use super::stream::Stream;
use super::task::Task;
use crate::matter::{Incoming, Item};
use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use std::sync::Arc;

impl MgdSam2Matte {
    pub(super) fn sinkpad(template: &gst::PadTemplate) -> gst::Pad {
        gst::Pad::builder_from_template(template)
            .chain_function(|_, parent, buffer| {
                Self::catch_panic_pad_function(
                    parent,
                    || Err(gst::FlowError::Error),
                    |this| this.chain(buffer),
                )
            })
            .event_full_function(|pad, parent, event| {
                Self::catch_panic_pad_function(
                    parent,
                    || Err(gst::FlowError::Error),
                    |this| this.sink_event(pad, event),
                )
            })
            .query_function(|pad, parent, query| {
                Self::catch_panic_pad_function(parent, || false, |this| this.sink_query(pad, query))
            })
            // Caps without an interlace-mode are progressive.
            .flags(gst::PadFlags::ACCEPT_INTERSECT)
            .build()
    }

    pub(super) fn srcpad(template: &gst::PadTemplate) -> gst::Pad {
        gst::Pad::builder_from_template(template)
            .activatemode_function(|_, parent, mode, active| {
                Self::catch_panic_pad_function(
                    parent,
                    || Err(gst::loggable_error!(CAT, "panic while the src pad was activated")),
                    |this| this.activate(mode, active),
                )
            })
            .event_function(|pad, parent, event| {
                Self::catch_panic_pad_function(parent, || false, |this| this.src_event(pad, event))
            })
            .query_function(|pad, parent, query| {
                Self::catch_panic_pad_function(parent, || false, |this| this.src_query(pad, query))
            })
            .build()
    }

    fn activate(&self, mode: gst::PadMode, active: bool) -> Result<(), gst::LoggableError> {
        if mode != gst::PadMode::Push {
            return Err(gst::loggable_error!(CAT, "expected push mode, found {mode:?}"));
        }
        let _turn = lock(&self.turnover);
        match active {
            true => self.start(),
            false => {
                self.stop();
                Ok(())
            }
        }
    }

    fn start(&self) -> Result<(), gst::LoggableError> {
        let engine = lock(&self.engine).clone();
        let engine = engine.ok_or_else(|| gst::loggable_error!(CAT, "no engine before PAUSED"))?;
        let frames = lock(&self.settings).max_frames_in_flight;
        let stream = Arc::new(Stream::new(frames as usize));
        let task = Task::new(stream.clone(), engine.clone());
        self.qos.reset();
        let (video, segment, is_first) = (None, None, true);
        *lock(&self.state) = Some(State { stream, engine, frames, video, segment, is_first });
        Ok(self.start_task(task)?)
    }

    fn stop(&self) {
        let state = lock(&self.state).take();
        let Some(State { stream, engine, video, .. }) = state else { return };
        lock(&self.prompts).clear();
        stream.end(gst::FlowError::Flushing);
        if let Some(video) = video {
            // Wakes who waits for a buffer; a pool that is gone already is no harm.
            let _ = video.pool.set_active(false);
        }
        self.join(&stream, &engine);
    }

    /// Ends the task, then the stages; the session goes to its rest.
    pub(super) fn join(&self, stream: &Stream, engine: &Engine) {
        if let Err(error) = self.srcpad.stop_task() {
            gst::warning!(CAT, imp = self, "{error}");
        }
        if let Some(session) = stream.join() {
            engine.give_back(session.ok_or_else(|| "inference panicked".into()));
        }
    }

    pub(super) fn start_task(&self, mut task: Task) -> Result<(), glib::BoolError> {
        let element = self.obj().downgrade();
        self.srcpad.start_task(move || {
            if let Some(element) = element.upgrade() {
                task.iterate(element.imp());
            }
        })
    }

    pub(super) fn stream(&self) -> Result<Arc<Stream>, gst::FlowError> {
        let state = lock(&self.state);
        state.as_ref().map(|state| state.stream.clone()).ok_or(gst::FlowError::Flushing)
    }

    /// One frame: mapped here, matted and pushed elsewhere.
    fn chain(&self, buffer: gst::Buffer) -> Result<gst::FlowSuccess, gst::FlowError> {
        gst::debug!(CAT, imp = self, "taking {}", buffer.pts().display());
        lock(&self.stats).frames_in += 1;
        if self.srcpad.check_reconfigure() || !self.is_negotiated() {
            let caps = self.sinkpad.current_caps().ok_or(gst::FlowError::NotNegotiated)?;
            self.negotiate(&caps)?;
        }
        #[cfg(feature = "cuda")]
        self.follow(&buffer)?;
        let stream = self.stream()?;
        let permit = stream.permit()?;
        let (video, segment, is_first) = self.for_next_frame()?;
        let is_discont = buffer.flags().contains(gst::BufferFlags::DISCONT);
        let duration = buffer.duration().or_else(|| self.frame_duration());
        let matte = video.pool.acquire_buffer(None)?;
        let job = FrameJob::new(buffer, matte, &video, segment.as_ref(), self.qos.clone(), permit);
        let incoming = job.and_then(|job| self.incoming(job, is_first, is_discont, duration));
        match incoming {
            Ok(incoming) => stream.send(Item::Frame(incoming)),
            Err(error) => {
                self.post_error_message(error);
                stream.end(gst::FlowError::Error);
                Err(gst::FlowError::Error)
            }
        }
    }

    /// The frame with all that is wished for it.
    fn incoming(
        &self,
        job: FrameJob,
        is_first: bool,
        is_discont: bool,
        duration: Option<gst::ClockTime>,
    ) -> Result<Incoming<FrameJob>, gst::ErrorMessage> {
        let settings = lock(&self.settings).clone();
        let start = job.running_time;
        let end = start.zip(duration).map(|(start, duration)| start + duration);
        let mut prompts = lock(&self.prompts).due(start, end);
        if is_first && prompts.is_empty() {
            prompts.extend(settings.prompt()?);
        }
        let mut options = settings.options(is_first, start)?;
        if is_discont {
            // What the last inference saw may be long gone.
            options.interval = 1;
        }
        Ok(Incoming { job, options, prompts })
    }

    fn is_negotiated(&self) -> bool {
        lock(&self.state).as_ref().is_some_and(|state| state.video.is_some())
    }

    fn for_next_frame(&self) -> Result<(Video, Option<Segment>, bool), gst::FlowError> {
        let mut state = lock(&self.state);
        let state = state.as_mut().ok_or(gst::FlowError::Flushing)?;
        let video = state.video.clone().ok_or(gst::FlowError::NotNegotiated)?;
        Ok((video, state.segment.clone(), std::mem::take(&mut state.is_first)))
    }

    /// New caps, or a new wish from downstream: when all before is pushed, both sides agree anew.
    pub(super) fn negotiate(
        &self,
        sink_caps: &gst::Caps,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        self.stream()?.drain()?;
        let (frames, old) = match lock(&self.state).as_mut() {
            Some(state) => (state.frames, state.video.take()),
            None => return Err(gst::FlowError::Flushing),
        };
        if let Some(old) = &old {
            // Its buffers that are downstream come back to nobody.
            let _ = old.pool.set_active(false);
        }
        #[cfg(feature = "cuda")]
        let video = Video::negotiate(&self.srcpad, sink_caps, frames, || self.device());
        #[cfg(not(feature = "cuda"))]
        let video = Video::negotiate(&self.srcpad, sink_caps, frames);
        let video = video.map_err(|error| {
            self.srcpad.mark_reconfigure();
            if self.srcpad.pad_flags().contains(gst::PadFlags::FLUSHING) {
                return gst::FlowError::Flushing;
            }
            error.log_with_imp(self);
            gst::FlowError::NotNegotiated
        })?;
        gst::info!(CAT, imp = self, "{sink_caps} becomes {}", video.caps);
        let mut state = lock(&self.state);
        let state = state.as_mut().ok_or(gst::FlowError::Flushing)?;
        state.is_first |= old.is_none_or(|old| old.input != video.input);
        state.video = Some(video);
        Ok(gst::FlowSuccess::Ok)
    }
}
