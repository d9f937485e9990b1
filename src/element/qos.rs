//! Which frames come too late for whoever shows them.
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The running time before which a frame is late, as the latest QoS event says.
#[derive(Debug, Default)]
pub struct Qos {
    /// Nanoseconds; 0 where nothing is late.
    earliest: AtomicU64,
}

impl Qos {
    /// Takes a QoS event: the frame of running time `timestamp` came `diff` after its time.
    /// By the time the next is done, twice as much and one frame more will have passed.
    pub fn observe(&self, timestamp: gst::ClockTime, diff: i64, frame: gst::ClockTime) {
        let late = u64::try_from(diff).unwrap_or(0);
        let earliest = match late {
            0 => timestamp.nseconds().saturating_sub(diff.unsigned_abs()),
            _ => timestamp.nseconds().saturating_add(2 * late).saturating_add(frame.nseconds()),
        };
        self.earliest.store(earliest, Relaxed);
    }

    /// Whether a frame of `running_time` comes too late. Without one, never.
    pub fn is_late(&self, running_time: Option<gst::ClockTime>) -> bool {
        running_time.is_some_and(|time| time.nseconds() < self.earliest.load(Relaxed))
    }

    /// By how much a frame of `running_time` is late, in nanoseconds.
    pub fn jitter(&self, running_time: Option<gst::ClockTime>) -> i64 {
        let Some(time) = running_time else { return 0 };
        let jitter = self.earliest.load(Relaxed).saturating_sub(time.nseconds());
        i64::try_from(jitter).unwrap_or(i64::MAX)
    }

    /// Time starts anew.
    pub fn reset(&self) {
        self.earliest.store(0, Relaxed);
    }
}
