//! When frames go into an element and when they come out of it.
use gst::prelude::*;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Watches the two pads of an element.
pub struct Probe(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    inside: BTreeMap<gst::ClockTime, Instant>,
    /// Of each frame: when it came out, and how long it was inside.
    out: Vec<(Instant, Duration)>,
}

impl Probe {
    /// From now on, by timestamps, which no two frames may share.
    pub fn new(element: &impl IsA<gst::Element>) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        watch(element, "sink", &seen, |seen, pts| {
            seen.inside.insert(pts, Instant::now());
        });
        watch(element, "src", &seen, |seen, pts| {
            let now = Instant::now();
            if let Some(entered) = seen.inside.remove(&pts) {
                seen.out.push((now, now - entered));
            }
        });
        Self(seen)
    }

    /// What came out after the first quarter, in which all gets warm.
    pub fn after_warm_up(&self) -> Vec<(Instant, Duration)> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.out[seen.out.len() / 4..].to_vec()
    }
}

fn watch(
    element: &impl IsA<gst::Element>,
    pad: &str,
    seen: &Arc<Mutex<Seen>>,
    note: impl Fn(&mut Seen, gst::ClockTime) + Send + Sync + 'static,
) {
    let seen = seen.clone();
    let pad = element.static_pad(pad).expect("the element always has this pad");
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if let Some(pts) = info.buffer().and_then(|buffer| buffer.pts()) {
            note(&mut seen.lock().unwrap_or_else(PoisonError::into_inner), pts);
        }
        gst::PadProbeReturn::Ok
    });
}
