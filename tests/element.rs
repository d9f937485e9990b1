//! The element's caps, buffers and properties, on a fake engine.
#![allow(clippy::unwrap_used)]
mod fake;
use fake::{Control, alpha, element, wait_until};
use gst::prelude::*;
use gst_check::Harness;
use gst_video::{VideoFormat, VideoInfo};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

const INPUTS: [&str; 13] = [
    "NV12",
    "I420",
    "YV12",
    "P010_10LE",
    "RGB",
    "BGR",
    "RGBA",
    "BGRA",
    "ARGB",
    "ABGR",
    "RGBx",
    "BGRx",
    "GRAY8",
];
const OUTPUTS: [&str; 8] = ["RGBA", "BGRA", "ARGB", "ABGR", "A420", "AYUV", "GRAY8", "GRAY16_LE"];

fn caps(format: &str, width: u32, height: u32) -> gst::Caps {
    format!("video/x-raw,format={format},width={width},height={height},framerate=25/1")
        .parse()
        .unwrap()
}

fn any_of(format: &str) -> gst::Caps {
    format!("video/x-raw,format={format}").parse().unwrap()
}

fn harness(control: &Arc<Control>) -> Harness {
    let mut harness = Harness::with_element(&element(control), Some("sink"), Some("src"));
    harness.set_drop_buffers(false);
    harness
}

/// A flat grey frame in any format, with the timestamp of the `index`th at 25 frames a second.
fn grey(caps: &gst::Caps, index: u64, value: u8) -> gst::Buffer {
    let info = VideoInfo::from_caps(caps).unwrap();
    let mut buffer = gst::Buffer::from_mut_slice(vec![value; info.size()]);
    let writable = buffer.get_mut().unwrap();
    writable.set_pts(40 * index * gst::ClockTime::MSECOND);
    writable.set_duration(40 * gst::ClockTime::MSECOND);
    writable.set_offset(index);
    buffer
}

fn src_caps(harness: &Harness) -> gst::Caps {
    harness.sinkpad().unwrap().current_caps().unwrap()
}

fn format_of(harness: &Harness) -> VideoFormat {
    VideoInfo::from_caps(&src_caps(harness)).unwrap().format()
}

fn error_of(harness: &Harness) -> Arc<std::sync::Mutex<Option<String>>> {
    let (bus, text) = (gst::Bus::new(), Arc::new(std::sync::Mutex::new(None)));
    let seen = text.clone();
    bus.set_sync_handler(move |_, message| {
        if let gst::MessageView::Error(error) = message.view() {
            *seen.lock().unwrap() = Some(format!("{} {:?}", error.error(), error.debug()));
        }
        gst::BusSyncReply::Drop
    });
    harness.element().unwrap().set_bus(Some(&bus));
    text
}

#[test]
fn it_is_a_video_effect_that_nobody_plugs_unasked() {
    fake::init();
    let factory = gst::ElementFactory::find("mgdsam2matte").unwrap();
    assert_eq!(factory.metadata("klass"), Some("Filter/Effect/Video"));
    assert_eq!(factory.rank(), gst::Rank::NONE);
}

#[test]
fn every_input_becomes_every_output_at_odd_sizes() {
    let control = Control::new();
    for input in INPUTS {
        for output in OUTPUTS {
            let mut harness = harness(&control);
            let (from, to) = (caps(input, 17, 11), caps(output, 17, 11));
            harness.set_caps(from.clone(), any_of(output));
            for index in 0..2 {
                harness.push(grey(&from, index, 90)).unwrap();
            }
            for index in 0..2 {
                let matte = harness.pull().unwrap();
                assert_eq!(matte.size(), VideoInfo::from_caps(&to).unwrap().size());
                assert_eq!(matte.pts(), Some(40 * index * gst::ClockTime::MSECOND));
                assert_eq!(matte.duration(), Some(40 * gst::ClockTime::MSECOND));
                assert_eq!(matte.offset(), index);
            }
        }
    }
}

#[test]
fn rgb_gains_alpha_and_yuv_stays_yuv_where_downstream_takes_anything() {
    let expected = [
        ("RGB", VideoFormat::Rgba),
        ("BGRx", VideoFormat::Bgra),
        ("ARGB", VideoFormat::Argb),
        ("ABGR", VideoFormat::Abgr),
        ("GRAY8", VideoFormat::Rgba),
        ("NV12", VideoFormat::A420),
        ("P010_10LE", VideoFormat::A420),
    ];
    for (input, output) in expected {
        let mut harness = harness(&Control::new());
        harness.set_caps(caps(input, 16, 16), "video/x-raw".parse().unwrap());
        assert_eq!(format_of(&harness), output, "{input}");
    }
}

#[test]
fn size_rate_shape_and_colours_are_kept() {
    let mut harness = harness(&Control::new());
    let mut from = caps("NV12", 20, 10);
    from.make_mut().set("pixel-aspect-ratio", gst::Fraction::new(4, 3));
    from.make_mut().set("colorimetry", "bt709");
    harness.set_caps(from, any_of("AYUV"));
    let info = VideoInfo::from_caps(&src_caps(&harness)).unwrap();
    assert_eq!((info.width(), info.height()), (20, 10));
    assert_eq!(info.fps(), gst::Fraction::new(25, 1));
    assert_eq!(info.par(), gst::Fraction::new(4, 3));
    assert_eq!(info.colorimetry().to_string(), "bt709");
}

#[test]
fn alpha_is_what_the_session_computed() {
    let mut harness = harness(&Control::new());
    harness.element().unwrap().set_property_from_str("refine", "off");
    let from = caps("RGB", 33, 21);
    harness.set_caps(from.clone(), any_of("RGBA"));
    for (index, value) in [0, 60, 127, 180, 255].into_iter().enumerate() {
        harness.push(grey(&from, index as u64, value)).unwrap();
        let matte = harness.pull().unwrap();
        let map = matte.map_readable().unwrap();
        for pixel in map.chunks(4) {
            assert!(pixel[3].abs_diff(alpha(value)) <= 1, "{pixel:?} for {value}");
            assert!(pixel[3] == 0 || pixel[..3].iter().all(|c| *c == value), "{pixel:?}");
        }
    }
}

#[test]
fn strides_and_offsets_come_from_the_video_meta() {
    let mut harness = harness(&Control::new());
    let from = caps("GRAY8", 5, 3);
    harness.set_caps(from, any_of("GRAY8"));
    harness.element().unwrap().set_property_from_str("refine", "off");
    // Rows of 5 white bytes, 9 apart, from byte 7 on, in black.
    let mut bytes = vec![0; 7 + 3 * 9];
    for row in 0..3 {
        bytes[7 + row * 9..][..5].fill(255);
    }
    let mut buffer = gst::Buffer::from_mut_slice(bytes);
    let (flags, format) = (gst_video::VideoFrameFlags::empty(), VideoFormat::Gray8);
    let writable = buffer.get_mut().unwrap();
    gst_video::VideoMeta::add_full(writable, flags, format, 5, 3, &[7], &[9]).unwrap();
    harness.push(buffer).unwrap();
    let matte = harness.pull().unwrap();
    let map = matte.map_readable().unwrap();
    for row in map.chunks(8) {
        assert!(row[..5].iter().all(|a| a.abs_diff(alpha(255)) <= 1), "{row:?}");
    }
}

#[test]
fn flags_and_metas_are_kept_but_for_those_of_the_memory() {
    let mut harness = harness(&Control::new());
    let from = caps("RGBx", 8, 8);
    harness.set_caps(from.clone(), any_of("RGBA"));
    let mut buffer = grey(&from, 3, 9);
    let writable = buffer.get_mut().unwrap();
    writable.set_flags(gst::BufferFlags::DISCONT | gst::BufferFlags::MARKER);
    let (flags, format) = (gst_video::VideoFrameFlags::empty(), VideoFormat::Rgbx);
    gst_video::VideoMeta::add(writable, flags, format, 8, 8).unwrap();
    let reference = gst::Caps::new_empty_simple("timestamp/x-test");
    gst::ReferenceTimestampMeta::add(writable, &reference, gst::ClockTime::SECOND, None);
    harness.push(buffer).unwrap();
    let matte = harness.pull().unwrap();
    assert!(matte.flags().contains(gst::BufferFlags::DISCONT | gst::BufferFlags::MARKER));
    let kept = matte.meta::<gst::ReferenceTimestampMeta>().unwrap();
    assert_eq!(kept.timestamp(), gst::ClockTime::SECOND);
    let format = matte.meta::<gst_video::VideoMeta>().map(|meta| meta.format());
    assert!(format.is_none_or(|format| format == VideoFormat::Rgba), "{format:?}");
}

#[test]
fn caps_may_change_between_frames() {
    let mut harness = harness(&Control::new());
    harness.set_sink_caps("video/x-raw,format={RGBA,A420}".parse().unwrap());
    let clips = [("RGB", 16, 16), ("NV12", 16, 16), ("NV12", 31, 9), ("GRAY8", 8, 40)];
    for (index, (format, width, height)) in clips.into_iter().enumerate() {
        let from = caps(format, width, height);
        harness.set_src_caps(from.clone());
        harness.push(grey(&from, index as u64, 50)).unwrap();
    }
    for (_, width, height) in clips {
        let size = harness.pull().unwrap().size();
        let sizes = ["RGBA", "A420"]
            .map(|format| VideoInfo::from_caps(&caps(format, width, height)).unwrap().size());
        assert!(sizes.contains(&size), "{size} is none of {sizes:?}");
    }
    let info = VideoInfo::from_caps(&src_caps(&harness)).unwrap();
    assert_eq!((info.width(), info.height()), (8, 40));
}

#[test]
fn downstream_may_change_its_mind() {
    let mut harness = harness(&Control::new());
    let from = caps("RGB", 16, 16);
    harness.set_caps(from.clone(), any_of("RGBA"));
    harness.push(grey(&from, 0, 50)).unwrap();
    harness.pull().unwrap();
    harness.set_sink_caps(any_of("GRAY8"));
    harness.push_upstream_event(gst::event::Reconfigure::new());
    harness.push(grey(&from, 1, 50)).unwrap();
    harness.pull().unwrap();
    assert_eq!(format_of(&harness), VideoFormat::Gray8);
}

#[test]
fn interlaced_video_and_foreign_formats_are_refused() {
    let mut harness = harness(&Control::new());
    harness.set_sink_caps("video/x-raw".parse().unwrap());
    harness.play();
    harness.push_event(gst::event::StreamStart::new("test"));
    let mut interlaced = caps("RGB", 16, 16);
    interlaced.make_mut().set("interlace-mode", "interleaved");
    let sinkpad = harness.element().unwrap().static_pad("sink").unwrap();
    for refused in [interlaced, caps("YUY2", 16, 16)] {
        assert!(!sinkpad.query_accept_caps(&refused), "{refused}");
        assert!(!sinkpad.send_event(gst::event::Caps::new(&refused)), "{refused}");
    }
    assert!(sinkpad.query_accept_caps(&caps("RGB", 16, 16)));
}

#[test]
fn what_is_offered_upstream_is_what_downstream_can_show() {
    let mut harness = harness(&Control::new());
    harness.set_sink_caps("video/x-raw,format=RGBA,width=64,height=[1,48]".parse().unwrap());
    harness.play();
    let sinkpad = harness.element().unwrap().static_pad("sink").unwrap();
    let offered = sinkpad.query_caps(None);
    assert!(offered.can_intersect(&caps("NV12", 64, 48)), "{offered}");
    assert!(!offered.can_intersect(&caps("NV12", 65, 48)), "{offered}");
    assert!(!offered.can_intersect(&caps("NV12", 64, 49)), "{offered}");
}

#[test]
fn upstream_learns_that_strides_are_welcome() {
    let mut harness = harness(&Control::new());
    let from = caps("RGB", 16, 16);
    harness.set_caps(from.clone(), any_of("RGBA"));
    let mut query = gst::query::Allocation::new(Some(&from), true);
    assert!(harness.srcpad().unwrap().peer_query(&mut query));
    assert!(query.find_allocation_meta::<gst_video::VideoMeta>().is_some());
}

#[test]
fn a_short_buffer_is_an_error_and_no_crash() {
    let mut harness = harness(&Control::new());
    harness.set_caps(caps("NV12", 16, 16), any_of("A420"));
    let error = error_of(&harness);
    let flow = harness.push(gst::Buffer::from_mut_slice(vec![0; 100]));
    assert_eq!(flow, Err(gst::FlowError::Error));
    assert!(error.lock().unwrap().as_ref().unwrap().contains("16x16"), "{error:?}");
}

#[test]
fn properties_change_from_one_frame_to_the_next() {
    let control = Control::new();
    let mut harness = harness(&control);
    let element = harness.element().unwrap();
    element.set_property_from_str("refine", "off");
    let from = caps("RGB", 16, 16);
    harness.set_caps(from.clone(), any_of("RGBA"));
    let mut pixel = |index| {
        harness.push(grey(&from, index, 127)).unwrap();
        let matte = harness.pull().unwrap();
        <[u8; 4]>::try_from(&matte.map_readable().unwrap()[..4]).unwrap()
    };
    let [r, _, _, a] = pixel(0);
    assert!(r == 127 && a.abs_diff(127) <= 1, "straight: {r} {a}");
    element.set_property("premultiplied", true);
    let [r, _, _, a] = pixel(1);
    assert!(r.abs_diff(63) <= 1 && a.abs_diff(127) <= 1, "premultiplied: {r} {a}");
    element.set_property("background", "0xff0000");
    let [r, g, _, a] = pixel(2);
    assert!(r.abs_diff(191) <= 2 && g.abs_diff(63) <= 2 && a == 255, "over red: {r} {g} {a}");
    element.set_property("interval", 2u32);
    let before = control.runs.load(SeqCst);
    for index in 3..7 {
        pixel(index);
    }
    assert_eq!(control.runs.load(SeqCst) - before, 2, "every second frame is inferred");
}

#[test]
fn wrong_settings_are_errors_before_anything_runs() {
    let wrong = [("background", "mauve"), ("background", "0x12"), ("weights", "random:seven")];
    for (property, value) in wrong {
        let element = element(&Control::new());
        let bus = gst::Bus::new();
        element.set_bus(Some(&bus));
        element.set_property(property, value);
        assert!(element.set_state(gst::State::Paused).is_err(), "{property}={value}");
        let message = bus.pop_filtered(&[gst::MessageType::Error]);
        let gst::MessageView::Error(error) = message.as_ref().unwrap().view() else {
            panic!("{message:?}")
        };
        assert!(error.error().message().contains(property), "{}", error.error());
        element.set_state(gst::State::Null).unwrap();
    }
}

#[test]
fn stats_tell_what_ran_and_how_long() {
    let mut harness = harness(&Control::new());
    let from = caps("RGB", 16, 16);
    harness.set_caps(from.clone(), any_of("RGBA"));
    for index in 0..5 {
        harness.push(grey(&from, index, 127)).unwrap();
        harness.pull().unwrap();
    }
    let element = harness.element().unwrap();
    wait_until("all are counted", || {
        element.property::<gst::Structure>("stats").get::<u64>("frames-out") == Ok(5)
    });
    let stats = element.property::<gst::Structure>("stats");
    assert_eq!(stats.get::<u64>("frames-in"), Ok(5));
    assert_eq!(stats.get::<u64>("inferred"), Ok(5));
    assert_eq!(stats.get::<u64>("dropped"), Ok(0));
    assert_eq!(stats.get::<&str>("model"), Ok("nano"));
    assert_eq!(stats.get::<&str>("backend"), Ok("fake"));
    assert_eq!(stats.get::<&str>("precision"), Ok("f32"));
    for stage in ["prepare", "infer", "refine", "composite"] {
        let median = stats.get::<f64>(format!("{stage}-ms-median")).unwrap();
        let p95 = stats.get::<f64>(format!("{stage}-ms-p95")).unwrap();
        assert!(0.0 < median && median <= p95, "{stage}: {median} {p95}");
    }
}
