//! Flushes, seeks, new caps and states in any order: no deadlock, no leak.
#![allow(clippy::unwrap_used)]
mod fake;
use fake::{Control, element};
use gst::prelude::*;
use rand::{RngExt, SeedableRng};
use std::process::Command;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc;
use std::time::Duration;

/// What the storm is made of.
const OPERATIONS: usize = 200;

struct Storm {
    pipeline: gst::Pipeline,
    filter: gst::Element,
    element: gst::Element,
}

impl Storm {
    fn new() -> Self {
        let control = Control::new();
        control.takes_ms.store(1, SeqCst);
        let element = element(&control).upcast::<gst::Element>();
        let make = |name: &str| gst::ElementFactory::make(name).build().unwrap();
        let (source, filter, sink) = (make("videotestsrc"), make("capsfilter"), make("fakesink"));
        sink.set_property("sync", false);
        // At once, the filter may refuse what the source agreed on a moment before.
        filter.set_property_from_str("caps-change-mode", "delayed");
        let pipeline = gst::Pipeline::new();
        pipeline.add_many([&source, &filter, &element, &sink]).unwrap();
        gst::Element::link_many([&source, &filter, &element, &sink]).unwrap();
        let storm = Self { pipeline, filter, element };
        storm.new_caps(16);
        storm
    }

    fn new_caps(&self, width: u32) {
        let formats = ["NV12", "RGB", "BGRA", "I420", "GRAY8"];
        let format = formats[width as usize % formats.len()];
        let caps = format!("video/x-raw,format={format},width={width},height=24,framerate=100/1");
        self.filter.set_property("caps", caps.parse::<gst::Caps>().unwrap());
    }

    fn operate(&self, random: &mut rand_pcg::Pcg64) {
        match random.random_range(0..8) {
            0 => drop(self.pipeline.set_state(gst::State::Ready)),
            1 => drop(self.pipeline.set_state(gst::State::Paused)),
            2 | 3 => drop(self.pipeline.set_state(gst::State::Playing)),
            4 => self.new_caps(random.random_range(1..40)),
            kind @ (5 | 6) => {
                let position = random.random_range(0..60) * gst::ClockTime::SECOND;
                // Through the sink, or in the middle of things. In READY it fails, and that is all.
                let element = if kind == 5 { self.pipeline.upcast_ref() } else { &self.element };
                let _ = element.seek_simple(gst::SeekFlags::FLUSH, position);
            }
            _ => self.element.set_property("interval", random.random_range(1u32..4)),
        }
        std::thread::sleep(Duration::from_millis(random.random_range(0..8)));
    }

    /// From whatever state to a frame that comes out.
    fn settle(&self) {
        self.pipeline.set_state(gst::State::Ready).unwrap();
        self.pipeline.set_state(gst::State::Playing).unwrap();
        let (done, state, _) = self.pipeline.state(gst::ClockTime::from_seconds(20));
        assert!(done.is_ok() && state == gst::State::Playing, "{done:?} {state:?}");
    }
}

fn storm(seed: u64) {
    let storm = Storm::new();
    let mut random = rand_pcg::Pcg64::seed_from_u64(seed);
    for operation in 0..OPERATIONS {
        storm.operate(&mut random);
        if operation % 50 == 49 {
            storm.settle();
        }
    }
    // NULL empties the bus.
    let bus = storm.pipeline.bus().unwrap();
    let error = bus.pop_filtered(&[gst::MessageType::Error]);
    storm.pipeline.set_state(gst::State::Null).unwrap();
    assert!(error.is_none(), "seed {seed}: {error:?}");
}

#[test]
fn a_storm_of_flushes_seeks_caps_and_states_ends() {
    for seed in 0..3 {
        let (done, watchdog) = mpsc::channel();
        let storm = std::thread::spawn(move || {
            storm(seed);
            done.send(()).unwrap();
        });
        let ended = watchdog.recv_timeout(Duration::from_secs(60));
        if ended.is_err() && storm.is_finished() {
            storm.join().unwrap();
        }
        assert!(ended.is_ok(), "seed {seed} hangs");
    }
}

/// Runs in a process of its own, for the tracer reports when GStreamer is taken down.
#[test]
#[ignore = "started by nothing_leaks_in_a_storm"]
fn storm_for_the_leaks_tracer() {
    storm(1);
    // SAFETY: nothing of GStreamer is used after this, in this thread or another.
    unsafe { gst::deinit() };
}

#[test]
fn nothing_leaks_in_a_storm() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "storm_for_the_leaks_tracer", "--test-threads=1"])
        .env("GST_TRACERS", "leaks")
        .env("GST_DEBUG", "GST_TRACER:7")
        .env("GST_DEBUG_NO_COLOR", "1")
        .env("GST_DEBUG_FILE", log.path())
        .env("G_DEBUG", "fatal_warnings")
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
    let report = std::fs::read_to_string(log.path()).unwrap();
    // The tracer first tells the format of its reports.
    let (formats, leaked): (Vec<_>, Vec<_>) = report
        .lines()
        .filter(|line| line.contains("object-alive"))
        .partition(|line| line.contains("format"));
    assert!(!formats.is_empty(), "the tracer did not run: {report}");
    assert!(leaked.is_empty(), "{leaked:#?}");
}
