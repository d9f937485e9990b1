//! Prompts, resets and propagation through the element, on a fake tracker.
#![allow(clippy::unwrap_used)]
mod fake;
use fake::{element_of, tracker};
use gst::prelude::*;
use gst_check::Harness;
use gstmgdsam2::element::MgdSam2Matte;
use std::ops::Range;
use std::thread;

const CAPS: &str = "video/x-raw,format=GRAY8,width=32,height=32,framerate=25/1";
/// The one prompt that all of these tests need: the fake tracker looks at the frame alone.
const POINT: &str = "point=0.5,0.5";

fn ms(index: u64) -> gst::ClockTime {
    40 * index * gst::ClockTime::MSECOND
}

fn frame(index: u64, value: u8) -> gst::Buffer {
    let mut buffer = gst::Buffer::from_mut_slice(vec![value; 32 * 32]);
    let writable = buffer.get_mut().unwrap();
    writable.set_pts(ms(index));
    writable.set_duration(ms(1));
    buffer
}

fn harness(configure: impl FnOnce(&MgdSam2Matte)) -> (Harness, MgdSam2Matte) {
    let element = element_of(tracker::session);
    // One that takes all kinds of prompts; the session is a fake's.
    element.set_property("model", "sam2.1-tiny");
    configure(&element);
    let mut harness = Harness::with_element(&element, Some("sink"), Some("src"));
    harness.set_caps_str(CAPS, "video/x-raw,format=GRAY8");
    (harness, element)
}

/// Whether each of the frames, all of them bright, has its object.
fn seen(harness: &mut Harness, indices: Range<u64>) -> Vec<bool> {
    indices.map(|index| matte(harness, frame(index, 200))).collect()
}

fn matte(harness: &mut Harness, frame: gst::Buffer) -> bool {
    harness.push(frame).unwrap();
    let alpha = harness.pull().unwrap();
    let alpha = alpha.map_readable().unwrap();
    let first = alpha[0];
    assert!(alpha.iter().all(|value| *value == first) && [0, 255].contains(&first), "{first}");
    first == 255
}

fn prompt_event(time: Option<gst::ClockTime>) -> gst::Structure {
    let structure = gst::Structure::builder("mgdsam2/prompt").field("prompt", POINT);
    match time {
        Some(time) => structure.field("running-time", time.nseconds()).build(),
        None => structure.build(),
    }
}

fn field<T: for<'a> gst::glib::value::FromValue<'a> + 'static>(
    element: &MgdSam2Matte,
    name: &str,
) -> T {
    element.property::<gst::Structure>("stats").get(name).unwrap()
}

#[test]
fn nothing_is_seen_before_a_prompt_and_the_user_is_told_once_that_one_is_needed() {
    let (mut harness, element) = harness(|_| ());
    let bus = gst::Bus::new();
    element.set_bus(Some(&bus));
    assert_eq!(seen(&mut harness, 0..3), [false; 3]);
    assert!(field::<bool>(&element, "needs-prompt"));
    let told = bus.iter().filter(|message| message.type_() == gst::MessageType::Warning);
    assert_eq!(told.count(), 1);
}

#[test]
fn the_property_prompts_the_first_frame() {
    let (mut harness, element) = harness(|element| element.set_property("prompt", POINT));
    assert_eq!(seen(&mut harness, 0..3), [true; 3]);
    assert_eq!(field::<u64>(&element, "memory-prompted"), 1);
}

#[test]
fn the_property_set_while_playing_prompts_the_next_frame() {
    let (mut harness, element) = harness(|_| ());
    assert_eq!(seen(&mut harness, 0..2), [false; 2]);
    element.set_property("prompt", POINT);
    assert_eq!(seen(&mut harness, 2..4), [true; 2]);
}

#[test]
fn a_mask_file_prompts_as_points_do() {
    let mask = tempfile::NamedTempFile::new().unwrap();
    let mut encoder = png::Encoder::new(mask.reopen().unwrap(), 4, 4);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(&[255; 16]).unwrap();
    let (mut harness, _) =
        harness(|element| element.set_property("prompt-mask", mask.path().to_str().unwrap()));
    assert_eq!(seen(&mut harness, 0..2), [true; 2]);
}

#[test]
fn an_event_takes_effect_on_exactly_the_frame_of_its_running_time() {
    for upstream in [false, true] {
        let (mut harness, _) = harness(|_| ());
        assert!(!matte(&mut harness, frame(0, 200)));
        // Within frame 3.
        let structure = prompt_event(Some(ms(3) + gst::ClockTime::MSECOND));
        match upstream {
            true => harness.push_upstream_event(gst::event::CustomUpstream::new(structure)),
            false => harness.push_event(gst::event::CustomDownstream::new(structure)),
        };
        assert_eq!(seen(&mut harness, 1..6), [false, false, true, true, true], "{upstream}");
    }
}

#[test]
fn an_event_without_a_running_time_is_for_the_next_frame() {
    let (mut harness, _) = harness(|_| ());
    assert!(!matte(&mut harness, frame(0, 200)));
    harness.push_event(gst::event::CustomDownstream::new(prompt_event(None)));
    assert_eq!(seen(&mut harness, 1..3), [true; 2]);
}

#[test]
fn a_prompt_is_inferred_between_the_frames_of_an_interval() {
    let (mut harness, element) = harness(|element| element.set_property("interval", 4u32));
    let at = ms(2).nseconds();
    assert!(element.emit_by_name::<bool>("prompt", &[&POINT, &"", &at]));
    assert_eq!(seen(&mut harness, 0..4), [false, false, true, true]);
    assert_eq!(field::<u64>(&element, "inferred"), 2);
}

#[test]
fn an_object_is_absent_in_black_frames_of_an_interval_and_comes_back() {
    let (mut harness, _) = harness(|element| {
        element.set_property("interval", 2u32);
        element.set_property("prompt", POINT);
        element.set_property("scene-cut", 0f32);
    });
    let values = [200, 200, 0, 0, 0, 0, 200, 200];
    let seen = values.iter().enumerate().map(|(i, v)| matte(&mut harness, frame(i as u64, *v)));
    assert_eq!(seen.collect::<Vec<_>>(), [true, true, false, false, false, false, true, true]);
}

#[test]
fn a_reset_forgets_the_object_from_the_next_frame_on() {
    let (mut harness, element) = harness(|_| ());
    harness.push_event(gst::event::CustomDownstream::new(prompt_event(None)));
    assert_eq!(seen(&mut harness, 0..2), [true; 2]);
    element.emit_by_name::<()>("reset", &[]);
    assert_eq!(seen(&mut harness, 2..4), [false; 2]);
}

#[test]
fn a_reset_does_not_touch_frames_in_flight() {
    let (mut harness, element) = harness(|element| element.set_property("prompt", POINT));
    (0..3).try_for_each(|index| harness.push(frame(index, 200)).map(|_| ())).unwrap();
    element.set_property("prompt", "");
    element.emit_by_name::<()>("reset", &[]);
    harness.push(frame(3, 200)).unwrap();
    let seen = (0..4).map(|_| harness.pull().unwrap().map_readable().unwrap()[0] == 255);
    assert_eq!(seen.collect::<Vec<_>>(), [true, true, true, false]);
}

#[test]
fn a_flush_forgets_the_object_and_the_prompts_that_wait() {
    let (mut harness, element) = harness(|_| ());
    harness.push_event(gst::event::CustomDownstream::new(prompt_event(None)));
    assert!(matte(&mut harness, frame(0, 200)));
    element.emit_by_name::<bool>("prompt", &[&POINT, &"", &ms(2).nseconds()]);
    harness.push_event(gst::event::FlushStart::new());
    harness.push_event(gst::event::FlushStop::new(true));
    let segment = gst::FormattedSegment::<gst::ClockTime>::new();
    harness.push_event(gst::event::Segment::new(&segment));
    assert_eq!(seen(&mut harness, 0..4), [false; 4]);
}

#[test]
fn new_caps_forget_the_object() {
    let (mut harness, _) = harness(|_| ());
    harness.push_event(gst::event::CustomDownstream::new(prompt_event(None)));
    assert!(matte(&mut harness, frame(0, 200)));
    harness.set_src_caps_str(&CAPS.replace("25/1", "50/1").replace("height=32", "height=16"));
    let mut smaller = gst::Buffer::from_mut_slice(vec![200; 32 * 16]);
    smaller.get_mut().unwrap().set_pts(ms(1));
    assert!(!matte(&mut harness, smaller));
}

#[test]
fn what_is_no_prompt_is_a_warning_and_the_stream_goes_on() {
    let (mut harness, element) = harness(|_| ());
    let bus = gst::Bus::new();
    element.set_bus(Some(&bus));
    for text in ["", "point=2,0", "box=0.5,0.5,0.1,0.1", "circle=1", "point=0.1", "point=nan,0"] {
        assert!(!element.emit_by_name::<bool>("prompt", &[&text, &"", &u64::MAX]), "{text}");
        let warning = bus.pop_filtered(&[gst::MessageType::Warning]);
        assert!(warning.is_some(), "{text}");
    }
    harness
        .push_event(gst::event::CustomDownstream::new(gst::Structure::new_empty("mgdsam2/prompt")));
    assert_eq!(seen(&mut harness, 0..2), [false; 2]);
}

/// Whether an error or a warning says which model takes masks only.
fn refuses_points(message: &gst::Message) -> bool {
    let text = match message.view() {
        gst::MessageView::Error(error) => error.error().to_string(),
        gst::MessageView::Warning(warning) => warning.error().to_string(),
        _ => String::new(),
    };
    text.contains("`nano-tracker` follows masks only")
}

#[test]
fn points_for_a_model_that_takes_masks_are_an_error_that_names_it() {
    let element = element_of(tracker::session);
    element.set_property("model", "nano-tracker");
    element.set_property("prompt", POINT);
    let bus = gst::Bus::new();
    element.set_bus(Some(&bus));
    assert!(element.set_state(gst::State::Paused).is_err());
    element.set_state(gst::State::Null).unwrap();
    assert!(bus.iter().any(|message| refuses_points(&message)));
}

#[test]
fn points_for_a_model_that_takes_masks_are_a_warning_while_it_plays() {
    let (mut harness, element) = harness(|element| element.set_property("model", "nano-tracker"));
    let bus = gst::Bus::new();
    element.set_bus(Some(&bus));
    harness.push_event(gst::event::CustomDownstream::new(prompt_event(None)));
    assert_eq!(seen(&mut harness, 0..2), [false; 2]);
    assert!(bus.iter().any(|message| refuses_points(&message)));
}

#[test]
fn a_wrong_property_is_an_error_before_the_stream_starts() {
    let element = element_of(tracker::session);
    element.set_property("model", "sam2.1-tiny");
    element.set_property("prompt", "point=1");
    assert!(element.set_state(gst::State::Paused).is_err());
    element.set_state(gst::State::Null).unwrap();
}

#[test]
fn a_storm_of_prompts_from_all_sides_ends_in_a_matte() {
    let (mut harness, element) = harness(|_| ());
    let storm: Vec<_> = (0..4u64)
        .map(|thread| {
            let element = element.clone();
            thread::spawn(move || {
                for index in 0..200 {
                    let at = if thread % 2 == 0 { u64::MAX } else { ms(index % 50).nseconds() };
                    element.emit_by_name::<bool>("prompt", &[&POINT, &"", &at]);
                    if index % 60 == 59 {
                        element.emit_by_name::<()>("reset", &[]);
                    }
                }
            })
        })
        .collect();
    assert_eq!(seen(&mut harness, 0..60).len(), 60);
    storm.into_iter().for_each(|thread| thread.join().unwrap());
    // Those that still wait are for this frame, if there is no place for one more.
    element.emit_by_name::<bool>("prompt", &[&POINT, &"", &u64::MAX]);
    assert_eq!(seen(&mut harness, 60..62), [true; 2]);
}

#[test]
fn every_property_starts_as_it_says() {
    let element = element_of(tracker::session);
    for property in element
        .list_properties()
        .iter()
        .filter(|p| !["name", "parent", "stats"].contains(&p.name()))
    {
        let value = element.property_value(property.name());
        let (found, said) = (format!("{value:?}"), format!("{:?}", property.default_value()));
        assert_eq!(found, said, "{}", property.name());
    }
}
