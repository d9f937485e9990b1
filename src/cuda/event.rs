//! Points in a stream's work: for other streams to wait for, and to tell the time between two.
use super::{CudaError, Device};
use cudarc::driver::sys::CUevent_flags::CU_EVENT_DEFAULT;
use cudarc::driver::{CudaEvent, result};
use std::fmt;
use std::time::Duration;

/// The end of some work on a stream; before it is recorded, nothing.
pub struct Event(CudaEvent);

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Event({:?})", self.0.cu_event())
    }
}

/// From the begin to the end of some work on a stream, by the device's clock.
#[derive(Debug)]
pub struct Span {
    begin: Event,
    end: Event,
    is_recorded: bool,
}

impl Device {
    /// An event that is not recorded yet.
    pub fn event(&self) -> Result<Event, CudaError> {
        let event = self.context().new_event(Some(CU_EVENT_DEFAULT));
        event.map(Event).map_err(CudaError::driver("making an event"))
    }

    /// `event` is reached when everything is done that was queued on this stream so far. Whoever
    /// waits for it already, waits for what it was before.
    pub fn record(&self, event: &Event) -> Result<(), CudaError> {
        event.0.record(&self.stream).map_err(CudaError::driver("recording an event"))
    }

    /// What is queued on this stream from now on waits for `event`. The host does not.
    pub fn wait_for(&self, event: &Event) -> Result<(), CudaError> {
        self.stream.wait(&event.0).map_err(CudaError::driver("waiting for an event"))
    }

    /// A span that is not recorded yet.
    pub fn span(&self) -> Result<Span, CudaError> {
        Ok(Span { begin: self.event()?, end: self.event()?, is_recorded: false })
    }

    /// Queues `work` on this stream between the two ends of `span`.
    pub fn timed<E: From<CudaError>>(
        &self,
        span: &mut Span,
        work: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        self.record(&span.begin)?;
        work()?;
        self.record(&span.end)?;
        span.is_recorded = true;
        Ok(())
    }
}

impl Span {
    /// How long the work took, once for each time that it was recorded; it must be done by now.
    pub fn take(&mut self) -> Option<Duration> {
        if !std::mem::take(&mut self.is_recorded) {
            return None;
        }
        let (begin, end) = (self.begin.0.cu_event(), self.end.0.cu_event());
        // SAFETY: both are alive and were recorded.
        let ms = unsafe { result::event::elapsed(begin, end) }.ok()?;
        Duration::try_from_secs_f32(ms / 1e3).ok()
    }
}
