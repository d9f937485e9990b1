//! From an encoded clip to mattes: decoded on the GPU, nothing comes to the host on the way.
use crate::has_cuda_elements;
use crate::pipelines::{CUDA, matte, on_device, pipeline, run};
use gst::prelude::*;
use std::path::Path;

const ENCODERS: [&str; 3] = ["x264enc", "openh264enc", "nvh264enc"];
const DECODERS: [&str; 2] = ["nvh264dec", "nvh264sldec"];
const FRAMES: usize = 24;

/// The first of `names` that is installed; says so if none is.
fn first(names: &[&'static str]) -> Option<&'static str> {
    let found = names.iter().find(|name| gst::ElementFactory::find(name).is_some()).copied();
    if found.is_none() {
        println!("skipped: GStreamer has none of {}", names.join(", "));
    }
    found
}

fn encode(encoder: &str, clip: &Path) {
    let line = format!(
        "videotestsrc num-buffers={FRAMES} ! video/x-raw,format=I420,width=642,height=362 \
         ! {encoder} ! h264parse ! video/x-h264,stream-format=byte-stream \
         ! filesink location={}",
        clip.display()
    );
    let pipeline = gst::parse::launch(&line).unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let kinds = [gst::MessageType::Error, gst::MessageType::Eos];
    let message = pipeline.bus().unwrap().timed_pop_filtered(gst::ClockTime::NONE, &kinds).unwrap();
    assert_eq!(message.type_(), gst::MessageType::Eos, "{message:?}");
    pipeline.set_state(gst::State::Null).unwrap();
}

#[test]
#[ignore = "needs an NVIDIA GPU"]
fn mattes_of_decoded_frames_are_those_of_the_cpus_decoder() {
    if !has_cuda_elements() {
        return;
    }
    let (Some(encoder), Some(decoder), Some(on_cpu)) =
        (first(&ENCODERS), first(&DECODERS), first(&["avdec_h264", "openh264dec"]))
    else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("clip.h264");
    encode(encoder, &clip);
    let source = format!("filesrc location={} ! h264parse", clip.display());
    let sink = "video/x-raw,format=RGBA ! appsink name=out";
    let there = format!(
        "{source} ! {decoder} ! {CUDA} ! mgdsam2matte name=matte ! {CUDA},format=RGBA \
         ! cudadownload ! {sink}"
    );
    let want = run(&pipeline(&format!("{source} ! {on_cpu} ! mgdsam2matte name=matte ! {sink}")));
    let (want, got) = (want.unwrap(), run(&pipeline(&there)).unwrap());
    assert_eq!((got.len(), want.len()), (FRAMES, FRAMES));
    for (frame, (got, want)) in got.iter().zip(&want).enumerate() {
        let largest = got.iter().zip(want).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(largest <= Some(1), "frame {frame} differs by up to {largest:?}");
    }

    let pipeline = on_device(&there);
    assert_eq!(run(&pipeline).unwrap().len(), FRAMES);
    let copies = matte(&pipeline).property::<gst::Structure>("stats").get::<u64>("host-copies");
    assert_eq!(copies, Ok(0));
}
