//! The element's events, queries and states, on a fake engine that a test can hold still.
#![allow(clippy::unwrap_used)]
mod fake;
use fake::{Control, PATIENCE, element, wait_until};
use gst::prelude::*;
use gst_check::Harness;
use gstmgdsam2::element::MgdSam2Matte;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

const SIZE: usize = 16 * 16;
const CAPS: &str = "video/x-raw,format=GRAY8,width=16,height=16,framerate=25/1";

fn frame(index: u64) -> gst::Buffer {
    let mut buffer = gst::Buffer::from_mut_slice(vec![90; SIZE]);
    let writable = buffer.get_mut().unwrap();
    writable.set_pts(40 * index * gst::ClockTime::MSECOND);
    writable.set_duration(40 * gst::ClockTime::MSECOND);
    buffer
}

fn harness_of(element: &MgdSam2Matte) -> Harness {
    let mut harness = Harness::with_element(element, Some("sink"), Some("src"));
    harness.set_caps_str(CAPS, "video/x-raw,format=GRAY8");
    harness
}

fn harness(control: &Arc<Control>) -> Harness {
    harness_of(&element(control))
}

fn push(harness: &mut Harness, mut indices: std::ops::Range<u64>) {
    indices.try_for_each(|index| harness.push(frame(index)).map(|_| ())).unwrap();
}

fn segment() -> gst::Event {
    gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new())
}

/// Messages of `element`, as they are posted.
fn messages(element: &impl IsA<gst::Element>) -> Arc<Mutex<Vec<gst::Message>>> {
    let (bus, seen) = (gst::Bus::new(), Arc::new(Mutex::new(Vec::new())));
    let log = seen.clone();
    bus.set_sync_handler(move |_, message| {
        if let Ok(mut log) = log.lock() {
            log.push(message.clone());
        }
        gst::BusSyncReply::Drop
    });
    element.set_bus(Some(&bus));
    seen
}

/// Names of events and milliseconds of buffers, as they leave the src pad after the first segment.
fn departures(element: &impl IsA<gst::Element>) -> Arc<Mutex<Vec<String>>> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    let kinds = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM;
    element.static_pad("src").unwrap().add_probe(kinds, move |_, info| {
        let line = match &info.data {
            Some(gst::PadProbeData::Buffer(buffer)) => buffer.pts().unwrap().mseconds().to_string(),
            Some(gst::PadProbeData::Event(event)) => event.type_().name().to_string(),
            _ => return gst::PadProbeReturn::Ok,
        };
        if !["stream-start", "caps", "segment"].contains(&line.as_str()) {
            log.lock().unwrap().push(line);
        }
        gst::PadProbeReturn::Ok
    });
    seen
}

#[test]
fn eos_comes_after_every_frame() {
    let control = Control::new();
    control.takes_ms.store(5, SeqCst);
    let mut harness = harness(&control);
    let seen = departures(&harness.element().unwrap());
    push(&mut harness, 0..30);
    harness.push_event(gst::event::Eos::new());
    wait_until("the end", || seen.lock().unwrap().last().is_some_and(|last| last == "eos"));
    let expected: Vec<_> = (0..30).map(|index| (40 * index).to_string()).collect();
    assert_eq!(seen.lock().unwrap()[..30], expected);
}

#[test]
fn gaps_tags_and_custom_events_keep_their_places_between_frames() {
    let control = Control::new();
    control.takes_ms.store(5, SeqCst);
    let mut harness = harness(&control);
    let seen = departures(&harness.element().unwrap());
    harness.push(frame(0)).unwrap();
    harness.push_event(gst::event::Gap::builder(gst::ClockTime::SECOND).build());
    harness.push(frame(1)).unwrap();
    let structure = gst::Structure::new_empty("test");
    harness.push_event(gst::event::CustomDownstream::new(structure));
    harness.push(frame(2)).unwrap();
    harness.push_event(gst::event::Tag::new(gst::TagList::new()));
    harness.push_event(gst::event::Eos::new());
    wait_until("the end", || seen.lock().unwrap().last().is_some_and(|last| last == "eos"));
    let expected = ["0", "gap", "40", "custom-downstream", "80", "tag", "eos"];
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[test]
fn a_flush_in_the_middle_of_an_inference_drops_all_and_what_follows_passes() {
    let control = Control::new();
    let mut harness = harness(&control);
    control.close();
    push(&mut harness, 0..3);
    wait_until("inference runs", || control.runs.load(SeqCst) == 1);
    assert!(harness.push_event(gst::event::FlushStart::new()));
    control.open();
    assert!(harness.push_event(gst::event::FlushStop::new(true)));
    harness.push_event(segment());
    harness.push(frame(7)).unwrap();
    assert_eq!(harness.pull().unwrap().pts(), frame(7).pts());
    assert!(harness.try_pull().is_none(), "nothing of before the flush comes out");
    assert_eq!(control.runs.load(SeqCst), 2, "frames of before the flush are not inferred");
}

#[test]
fn a_flush_wakes_upstream() {
    let control = Control::new();
    let harness = harness(&control);
    control.close();
    let srcpad = harness.srcpad().unwrap().clone();
    let blocked = thread::spawn(move || {
        (0..100).map(|index| srcpad.push(frame(index))).find(Result::is_err).unwrap()
    });
    wait_until("inference runs", || control.runs.load(SeqCst) == 1);
    harness.srcpad().unwrap().push_event(gst::event::FlushStart::new());
    assert_eq!(blocked.join().unwrap(), Err(gst::FlowError::Flushing));
    control.open();
    harness.srcpad().unwrap().push_event(gst::event::FlushStop::new(true));
}

#[test]
fn tags_that_a_flush_catches_are_not_lost() {
    let control = Control::new();
    let mut harness = harness(&control);
    control.close();
    harness.push(frame(0)).unwrap();
    wait_until("inference runs", || control.runs.load(SeqCst) == 1);
    let mut tags = gst::TagList::new();
    tags.get_mut().unwrap().add::<gst::tags::Title>(&"kept", gst::TagMergeMode::Append);
    harness.push_event(gst::event::Tag::new(tags));
    harness.push_event(gst::event::FlushStart::new());
    control.open();
    harness.push_event(gst::event::FlushStop::new(true));
    harness.push_event(segment());
    harness.push(frame(1)).unwrap();
    harness.pull().unwrap();
    let sinkpad = harness.sinkpad().unwrap();
    assert!(sinkpad.sticky_event::<gst::event::Tag>(0).is_some());
}

#[test]
fn late_frames_are_dropped_counted_and_told_of() {
    let control = Control::new();
    let mut harness = harness(&control);
    let element = harness.element().unwrap();
    harness.push(frame(0)).unwrap();
    harness.pull().unwrap();
    let seen = messages(&element);
    let (kind, late) = (gst::QOSType::Underflow, 20_000_000);
    let time = 40 * gst::ClockTime::MSECOND;
    harness.push_upstream_event(gst::event::Qos::new(kind, 1.5, late, time));
    // Late by 20 ms at 40 ms: before 40 + 2 * 20 + 40 = 120 ms nobody waits.
    push(&mut harness, 1..5);
    let first = harness.pull().unwrap();
    assert_eq!(first.pts(), frame(3).pts());
    assert!(first.flags().contains(gst::BufferFlags::DISCONT), "two frames are missing before it");
    assert_eq!(harness.pull().unwrap().pts(), frame(4).pts());
    assert_eq!(control.runs.load(SeqCst), 3, "late frames are not inferred");
    let stats = element.property::<gst::Structure>("stats");
    assert_eq!(stats.get::<u64>("dropped"), Ok(2));
    let seen = seen.lock().unwrap();
    let told = seen.iter().filter_map(|message| match message.view() {
        gst::MessageView::Qos(qos) => Some(qos.get().3),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), [frame(1).pts(), frame(2).pts()]);
}

#[test]
fn latency_is_what_a_frame_takes_and_no_less() {
    let control = Control::new();
    control.takes_ms.store(30, SeqCst);
    let mut harness = harness(&control);
    let element = harness.element().unwrap();
    let seen = messages(&element);
    let upstream = 5 * gst::ClockTime::MSECOND;
    harness.set_live(true);
    harness.set_upstream_latency(upstream);
    assert_eq!(harness.query_latency(), Some(upstream), "nothing was measured yet");
    harness.push(frame(0)).unwrap();
    harness.pull().unwrap();
    wait_until("the pipeline is told", || {
        let seen = seen.lock().unwrap();
        seen.iter().any(|message| message.type_() == gst::MessageType::Latency)
    });
    let mut query = gst::query::Latency::new();
    assert!(harness.sinkpad().unwrap().peer_query(&mut query));
    let (is_live, min, max) = query.result();
    assert!(is_live);
    assert!(min >= upstream + 30 * gst::ClockTime::MSECOND, "{min}");
    assert!(max.is_none_or(|max| max >= min), "{max:?} is less than {min}");
}

#[test]
fn an_error_in_the_middle_is_told_once_with_its_cause() {
    let control = Control::new();
    control.fails_at.store(2, SeqCst);
    let mut harness = harness(&control);
    let seen = messages(&harness.element().unwrap());
    let mut flow = Ok(gst::FlowSuccess::Ok);
    let start = Instant::now();
    for index in 0.. {
        flow = harness.push(frame(index));
        if flow.is_err() || start.elapsed() > PATIENCE {
            break;
        }
    }
    assert_eq!(flow, Err(gst::FlowError::Error));
    assert_eq!(harness.pull().unwrap().pts(), frame(0).pts());
    assert_eq!(harness.pull().unwrap().pts(), frame(1).pts());
    let seen = seen.lock().unwrap();
    let errors = seen.iter().filter_map(|message| match message.view() {
        gst::MessageView::Error(error) => Some(error.error().message().to_owned()),
        _ => None,
    });
    let errors: Vec<_> = errors.collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].contains("the one that fails"), "{errors:?}");
}

/// An element whose engine opens when the flag is set.
fn slow_to_open(may_open: &Arc<AtomicBool>) -> MgdSam2Matte {
    let (control, may_open) = (Control::new(), may_open.clone());
    let element = element(&control);
    element.set_opener(move |request, progress| {
        wait_until("the engine may open", || may_open.load(SeqCst));
        progress(gstmgdsam2::engines::Progress { stage: "compiling", fraction: 0.5 });
        Ok(gstmgdsam2::engines::Opened {
            session: control.session(),
            model: request.model.clone(),
            weights: "none".into(),
            tracker: None,
            backend: "slow".into(),
            precision: gstmgdsam2::engines::Precision::F32,
            warnings: vec!["random weights".into()],
        })
    });
    element
}

#[test]
fn loading_blocks_no_state_change_and_frames_wait_for_it() {
    let may_open = Arc::new(AtomicBool::new(false));
    let element = slow_to_open(&may_open);
    let seen = messages(&element);
    let mut harness = Harness::with_element(&element, Some("sink"), Some("src"));
    harness.play();
    assert_eq!(element.current_state(), gst::State::Playing, "while the engine loads");
    let later = thread::spawn(move || {
        thread::sleep(std::time::Duration::from_millis(50));
        may_open.store(true, SeqCst);
    });
    harness.set_caps_str(CAPS, "video/x-raw,format=GRAY8");
    harness.push(frame(0)).unwrap();
    harness.pull().unwrap();
    later.join().unwrap();
    let seen = seen.lock().unwrap();
    let progress = seen.iter().filter_map(|message| match message.view() {
        gst::MessageView::Progress(progress) => Some(progress.get().0),
        _ => None,
    });
    use gst::ProgressType::{Complete, Continue, Start};
    assert_eq!(progress.collect::<Vec<_>>(), [Start, Continue, Complete]);
    assert!(seen.iter().any(|message| message.type_() == gst::MessageType::Warning));
}

#[test]
fn stop_and_flush_do_not_wait_for_an_engine_that_loads() {
    let may_open = Arc::new(AtomicBool::new(false));
    let element = slow_to_open(&may_open);
    let pipeline = gst::Pipeline::new();
    let source = gst::ElementFactory::make("videotestsrc").property("num-buffers", 5).build();
    let sink = gst::ElementFactory::make("fakesink").property("sync", false).build().unwrap();
    let source = source.unwrap();
    pipeline.add_many([&source, element.upcast_ref(), &sink]).unwrap();
    gst::Element::link_many([&source, element.upcast_ref(), &sink]).unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    assert!(element.static_pad("sink").unwrap().send_event(gst::event::FlushStart::new()));
    assert!(element.static_pad("sink").unwrap().send_event(gst::event::FlushStop::new(true)));
    pipeline.set_state(gst::State::Ready).unwrap();
    assert!(!may_open.load(SeqCst), "the pipeline is in READY, and the engine still loads");
    pipeline.set_state(gst::State::Playing).unwrap();
    may_open.store(true, SeqCst);
    let bus = pipeline.bus().unwrap();
    let ends = [gst::MessageType::Eos, gst::MessageType::Error];
    let end = bus.timed_pop_filtered(gst::ClockTime::from_seconds(20), &ends).unwrap();
    assert_eq!(end.type_(), gst::MessageType::Eos, "{end:?}");
    pipeline.set_state(gst::State::Null).unwrap();
}

#[test]
fn an_engine_outlives_ready_and_not_null() {
    let control = Control::new();
    let element = element(&control);
    let opened = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let (counter, fake) = (opened.clone(), control.clone());
    element.set_opener(move |request, _| {
        counter.fetch_add(1, SeqCst);
        Ok(gstmgdsam2::engines::Opened {
            session: fake.session(),
            model: request.model.clone(),
            weights: "none".into(),
            tracker: None,
            backend: "fake".into(),
            precision: gstmgdsam2::engines::Precision::F32,
            warnings: Vec::new(),
        })
    });
    for _ in 0..3 {
        element.set_state(gst::State::Paused).unwrap();
        element.set_state(gst::State::Ready).unwrap();
    }
    element.set_state(gst::State::Null).unwrap();
    assert_eq!(opened.load(SeqCst), 1);
    element.set_state(gst::State::Paused).unwrap();
    wait_until("NULL has forgotten it", || opened.load(SeqCst) == 2);
    element.set_state(gst::State::Ready).unwrap();
    element.set_property("threads", 1u32);
    element.set_state(gst::State::Paused).unwrap();
    wait_until("other settings need another", || opened.load(SeqCst) == 3);
    element.set_state(gst::State::Null).unwrap();
}

#[test]
fn a_seek_brings_frames_of_the_new_place_only() {
    let control = Control::new();
    let element = element(&control);
    let pipeline = gst::Pipeline::new();
    let source = gst::ElementFactory::make("videotestsrc").property("num-buffers", 500).build();
    let (source, sink) = (source.unwrap(), gst_app::AppSink::builder().sync(false).build());
    pipeline.add_many([&source, element.upcast_ref(), sink.upcast_ref()]).unwrap();
    gst::Element::link_many([&source, element.upcast_ref(), sink.upcast_ref()]).unwrap();
    pipeline.set_state(gst::State::Paused).unwrap();
    let patience = gst::ClockTime::from_seconds(20);
    let (done, state, _) = pipeline.state(patience);
    assert!(done.is_ok() && state == gst::State::Paused);
    for second in [4, 1, 3] {
        let position = second * gst::ClockTime::SECOND;
        pipeline.seek_simple(gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE, position).unwrap();
        pipeline.state(patience).0.unwrap();
        let preroll = sink.try_pull_preroll(patience).unwrap();
        assert_eq!(preroll.buffer().unwrap().pts(), Some(position));
    }
    pipeline.set_state(gst::State::Null).unwrap();
}
