//! What the element tells of itself: latency, dropped frames, statistics.
use super::CAT;
use super::imp::MgdSam2Matte;
use super::job::FrameJob;
use super::lock;
use crate::matter::{MemoryState, Times};
use gst::prelude::*;
use gst::subclass::prelude::*;

impl MgdSam2Matte {
    /// How long a frame is shown, as the caps say.
    pub(super) fn frame_duration(&self) -> Option<gst::ClockTime> {
        let state = lock(&self.state);
        let fps = state.as_ref()?.video.as_ref()?.input.fps();
        let (frames, seconds) =
            (u64::try_from(fps.numer()).ok()?, u64::try_from(fps.denom()).ok()?);
        // A picture, or a source of no fixed rate, has 0 frames a second.
        (frames > 0).then(|| gst::ClockTime::SECOND.mul_div_ceil(seconds, frames)).flatten()
    }

    /// What a frame takes, and what the frames we can hold last.
    pub(super) fn latency(&self) -> (gst::ClockTime, gst::ClockTime) {
        let ours = *lock(&self.latency);
        let frames = lock(&self.state).as_ref().map_or(0, |state| u64::from(state.frames));
        let held = self.frame_duration().unwrap_or_default() * frames;
        (ours, held.max(ours))
    }

    /// Counts a finished frame; tells the pipeline if frames take much longer or shorter than said.
    pub(super) fn record(&self, times: &Times, memory: Option<MemoryState>) {
        let measured = {
            let mut stats = lock(&self.stats);
            stats.record(times, memory);
            stats.latency()
        };
        let Some(measured) = measured.and_then(|m| gst::ClockTime::try_from(m).ok()) else {
            return;
        };
        let mut said = lock(&self.latency);
        if measured <= *said && 2 * measured >= *said {
            return;
        }
        // A little more than measured, so that not every slow frame is news.
        *said = measured + measured / 8;
        gst::info!(CAT, imp = self, "latency is now {}", *said);
        drop(said);
        let message = gst::message::Latency::builder().src(&*self.obj()).build();
        // Without a bus nobody wants to know.
        let _ = self.obj().post_message(message);
    }

    /// Counts a frame that came too late, and tells the application.
    pub(super) fn drop_late(&self, job: &FrameJob) {
        let (processed, dropped) = {
            let mut stats = lock(&self.stats);
            stats.dropped += 1;
            (stats.frames_out, stats.dropped)
        };
        gst::debug!(CAT, imp = self, "dropping {}, which is late", job.pts.display());
        let message = gst::message::Qos::builder(false)
            .running_time(job.running_time)
            .stream_time(job.stream_time)
            .timestamp(job.pts)
            .duration(job.duration)
            .values(self.qos.jitter(job.running_time), 1.0, 1_000_000)
            .stats(
                gst::format::Buffers::from_u64(processed),
                gst::format::Buffers::from_u64(dropped),
            )
            .src(&*self.obj());
        // Without a bus nobody wants to know.
        let _ = self.obj().post_message(message.build());
    }

    /// Tells the application how the stream went, for those who cannot ask: `gst-launch-1.0 -m`.
    pub(super) fn post_stats(&self) {
        let message = gst::message::Element::builder(self.stats()).src(&*self.obj()).build();
        // Without a bus nobody wants to know.
        let _ = self.obj().post_message(message);
    }

    /// The `stats` property.
    pub(super) fn stats(&self) -> gst::Structure {
        let mut structure = gst::Structure::builder("mgdsam2matte-stats");
        let engine = lock(&self.engine).clone();
        if let Some(facts) = engine.and_then(|engine| engine.facts()) {
            structure = structure
                .field("model", facts.model)
                .field("weights", facts.weights)
                .field("backend", facts.backend)
                .field("precision", facts.precision);
        }
        #[cfg(feature = "cuda")]
        {
            structure = structure.field("host-copies", self.contexts.host_copies());
        }
        lock(&self.stats).fill(structure).build()
    }
}
