//! `steady` through the element: what starts anew is held to nothing of before.
#![allow(clippy::unwrap_used)]
mod fake;
use gst::prelude::*;
use gst_check::Harness;
use gstmgdsam2::backend::{BackendError, Engine, Tensor};
use gstmgdsam2::session::Session;
use gstmgdsam2::signature::{self, Signature};

const CAPS: &str = "video/x-raw,format=GRAY8,width=16,height=16,framerate=25/1";

/// Sees nothing in its first picture and all of the next as foreground.
struct Trembling(Signature, f32);

impl Engine for Trembling {
    fn signature(&self) -> &Signature {
        &self.0
    }

    fn run(&mut self, _: &[&Tensor], outputs: &mut [Tensor]) -> Result<(), BackendError> {
        let Tensor::F32(logits) = &mut outputs[0] else { panic!("{:?}", self.0) };
        logits.fill(self.1);
        self.1 = -self.1;
        Ok(())
    }
}

/// Alpha of the second of two equal pictures, with `between` happening before it.
fn second_alpha(is_steady: bool, between: impl FnOnce(&mut Harness)) -> u8 {
    let signature = || signature::image(fake::SIDE / 2);
    let element =
        fake::element_of(move || Session::new(Box::new(Trembling(signature(), -4.0))).unwrap());
    element.set_property("steady", is_steady);
    let mut harness = Harness::with_element(&element, Some("sink"), Some("src"));
    harness.set_caps_str(CAPS, "video/x-raw,format=GRAY8");
    let matte = |harness: &mut Harness, index: u64| {
        let size = harness.element().unwrap().static_pad("sink").unwrap().current_caps().unwrap();
        let height: i32 = size.structure(0).unwrap().get("height").unwrap();
        let mut buffer = gst::Buffer::from_mut_slice(vec![90u8; 16 * height as usize]);
        buffer.get_mut().unwrap().set_pts(40 * index * gst::ClockTime::MSECOND);
        harness.push(buffer).unwrap();
        harness.pull().unwrap().map_readable().unwrap()[0]
    };
    matte(&mut harness, 0);
    between(&mut harness);
    matte(&mut harness, 1)
}

fn segment_from(position: gst::ClockTime) -> gst::Event {
    let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
    segment.set_start(position);
    gst::event::Segment::new(&segment)
}

#[test]
fn a_trembling_matte_of_a_still_picture_is_held() {
    let (free, held) = (second_alpha(false, |_| ()), second_alpha(true, |_| ()));
    assert!(free > 240 && held < 150, "{free} became {held}");
}

#[test]
fn a_flush_a_segment_new_caps_and_a_reset_let_go() {
    let free = second_alpha(false, |_| ());
    let flush = |harness: &mut Harness| {
        harness.push_event(gst::event::FlushStart::new());
        harness.push_event(gst::event::FlushStop::new(true));
        harness.push_event(segment_from(gst::ClockTime::ZERO));
    };
    assert_eq!(second_alpha(true, flush), free, "a flush, as of a seek");
    let jump = |harness: &mut Harness| {
        harness.push_event(segment_from(30 * gst::ClockTime::MSECOND));
    };
    assert_eq!(second_alpha(true, jump), free, "a segment, as of a seek without a flush");
    let caps = |harness: &mut Harness| {
        harness.set_src_caps_str(&CAPS.replace("height=16", "height=8"));
    };
    assert_eq!(second_alpha(true, caps), free, "caps of another size");
    let reset = |harness: &mut Harness| {
        harness.element().unwrap().emit_by_name::<()>("reset", &[]);
    };
    assert_eq!(second_alpha(true, reset), free, "the signal");
}
