//! The element on frames in CUDA memory: GStreamer's own libgstcuda, uploader and downloader on an
//! emulated driver.
#![cfg(feature = "cuda")]
#![allow(clippy::unwrap_used)]
mod fake;
mod fakecuda;

use fake::{Control, SIDE};
use fakecuda::{Counts, Driver};
use gst::prelude::*;
use gst_video::prelude::*;
use gstmgdsam2::backend::{BackendError, DeviceRun, Engine, Tensor};
use gstmgdsam2::cuda::Device;
use gstmgdsam2::element::MgdSam2Matte;
use gstmgdsam2::engines::{Opened, Precision};
use gstmgdsam2::session::Session;
use gstmgdsam2::signature::{self, Signature};
use std::sync::{Mutex, MutexGuard, PoisonError};

const CUDA: &str = "video/x-raw(memory:CUDAMemory)";
const PATIENCE: gst::ClockTime = gst::ClockTime::from_seconds(60);

/// The driver with GStreamer's CUDA elements on it, for one test at a time; none, with the reason
/// printed, where that cannot be had.
fn driver() -> Option<(&'static Driver, MutexGuard<'static, ()>)> {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let driver = fakecuda::driver()?;
    driver.lose(false);
    driver.allocations_left(None);
    driver.delay_us(100);
    fake::init();
    if let Err(error) = Device::primary(0) {
        println!("skipped: {error}");
        return None;
    }
    if gst::Plugin::load_by_name("nvcodec").is_err()
        || gst::ElementFactory::find("cudaupload").is_none()
    {
        println!("skipped: GStreamer has no cudaupload here");
        return None;
    }
    Some((driver, turn))
}

/// A pipeline around `mgdsam2matte name=matte` with an appsink `out`, on an engine whose logits are
/// its picture.
fn pipeline(description: &str) -> gst::Pipeline {
    let pipeline = gst::parse::launch(description).unwrap().downcast::<gst::Pipeline>().unwrap();
    let matte = pipeline.by_name("matte").unwrap().downcast::<MgdSam2Matte>().unwrap();
    let control = Control::new();
    matte.set_opener(move |_, _| Ok(opened(control.session())));
    pipeline
}

fn opened(session: Session) -> Opened {
    let [model, weights, backend] = ["fake", "none", "fake"].map(String::from);
    let (precision, tracker, warnings) = (Precision::F32, None, Vec::new());
    Opened { session, model, weights, tracker, backend, precision, warnings }
}

fn sink(pipeline: &gst::Pipeline, name: &str) -> gst_app::AppSink {
    let sink = pipeline.by_name(name).unwrap().downcast::<gst_app::AppSink>().unwrap();
    sink.set_property("sync", false);
    sink
}

/// Everything that comes out, or the error on the bus.
fn run(pipeline: &gst::Pipeline) -> Result<Vec<Vec<u8>>, String> {
    let out = sink(pipeline, "out");
    let started = pipeline.set_state(gst::State::Playing);
    let bus = pipeline.bus().unwrap();
    let mut frames = Vec::new();
    let mut error = None;
    // A sink that has not begun says that it is at its end: the bus knows.
    while started.is_ok() {
        if let Some(sample) = out.try_pull_sample(gst::ClockTime::from_mseconds(20)) {
            frames.push(sample.buffer().unwrap().map_readable().unwrap().to_vec());
            continue;
        }
        let kinds = [gst::MessageType::Error, gst::MessageType::Eos];
        match bus.timed_pop_filtered(gst::ClockTime::from_mseconds(20), &kinds) {
            None => {}
            Some(message) => {
                if let gst::MessageView::Error(e) = message.view() {
                    error = Some(format!("{} ({:?})", e.error(), e.debug()));
                }
                break;
            }
        }
    }
    pipeline.set_state(gst::State::Null).unwrap();
    match (started, error) {
        (Ok(_), None) => Ok(frames),
        (_, error) => Err(error.unwrap_or("the pipeline does not start".into())),
    }
}

fn source(frames: usize, caps: &str) -> String {
    format!(
        "videotestsrc pattern=snow num-buffers={frames} ! video/x-raw,width=161,height=91,{caps}"
    )
}

/// Of a size that no layout pads: what lies in padding is nobody's.
fn even_source(frames: usize, caps: &str) -> String {
    source(frames, caps).replace("161", "168").replace("91", "90")
}

#[test]
fn frames_in_cuda_memory_come_out_as_on_the_cpu() {
    let Some((_driver, _turn)) = driver() else { return };
    for (input, output, options) in [
        ("NV12", "RGBA", ""),
        ("NV12", "BGRA", "premultiplied=true"),
        ("P010_10LE", "ARGB", "background=green"),
        ("I420", "ABGR", "refine=off"),
        ("YV12", "RGBA", "interval=3"),
        ("BGRx", "BGRA", "steady=true"),
        ("RGB", "RGBA", ""),
    ] {
        let source = source(5, &format!("format={input}"));
        let matte = format!("mgdsam2matte name=matte {options}");
        let sink = format!("video/x-raw,format={output} ! appsink name=out");
        let want = run(&pipeline(&format!("{source} ! {matte} ! {sink}"))).unwrap();
        let there =
            format!("cudaupload ! {CUDA} ! {matte} ! {CUDA},format={output} ! cudadownload");
        let got = run(&pipeline(&format!("{source} ! {there} ! {sink}"))).unwrap();
        assert_eq!((got.len(), want.len()), (5, 5), "{input} to {output}");
        assert!(got == want, "{input} to {output} {options} differs");
    }
}

#[test]
fn what_the_device_cannot_do_is_an_error_that_says_so() {
    let Some((_driver, _turn)) = driver() else { return };
    let source = source(2, "format=NV12");
    let matte = "mgdsam2matte name=matte foreground=estimated";
    let there = format!("{source} ! cudaupload ! {CUDA} ! {matte} ! {CUDA} ! appsink name=out");
    let error = run(&pipeline(&there)).unwrap_err();
    assert!(error.contains("foreground=original"), "{error}");
}

/// Every layout out of CUDA memory to a peer in system memory, and the other way round.
#[test]
fn one_side_may_be_system_memory() {
    let Some((_driver, _turn)) = driver() else { return };
    for output in ["A420", "AYUV", "GRAY8", "GRAY16_LE", "RGBA"] {
        let source = even_source(3, "format=NV12");
        let rest =
            format!("mgdsam2matte name=matte ! video/x-raw,format={output} ! appsink name=out");
        let want = run(&pipeline(&format!("{source} ! {rest}"))).unwrap();
        let got = run(&pipeline(&format!("{source} ! cudaupload ! {CUDA} ! {rest}"))).unwrap();
        assert!(got == want && got.len() == 3, "{output} differs");
    }
    for input in ["GRAY8", "NV12", "RGBA"] {
        let source = even_source(3, &format!("format={input}"));
        let sink = "video/x-raw,format=BGRA ! appsink name=out";
        let want = run(&pipeline(&format!("{source} ! mgdsam2matte name=matte ! {sink}"))).unwrap();
        let there = format!("mgdsam2matte name=matte ! {CUDA},format=BGRA ! cudadownload");
        let got = run(&pipeline(&format!("{source} ! {there} ! {sink}"))).unwrap();
        assert!(got == want && got.len() == 3, "{input} differs");
    }
}

/// An engine that runs where its tensors are, and leaves the logits as they are.
struct OnDevice(Signature);

impl Engine for OnDevice {
    fn signature(&self) -> &Signature {
        &self.0
    }

    fn run(&mut self, _: &[&Tensor], _: &mut [Tensor]) -> Result<(), BackendError> {
        panic!("the frame is on the device")
    }

    unsafe fn run_on_device(&mut self, run: DeviceRun) -> Result<(), BackendError> {
        assert!(run.stream != 0 && run.inputs.len() == 1 && run.outputs.len() == 1, "{run:?}");
        Ok(())
    }
}

/// What `frames` frames cost, with an engine that runs on the device.
fn counts(driver: &Driver, frames: usize, description: &str) -> Counts {
    let pipeline =
        pipeline(&description.replace("num-buffers=0", &format!("num-buffers={frames}")));
    let matte = pipeline.by_name("matte").unwrap().downcast::<MgdSam2Matte>().unwrap();
    matte.set_opener(|_, _| {
        let engine = OnDevice(signature::image(SIDE / 2));
        Ok(opened(Session::new(Box::new(engine)).unwrap()))
    });
    let before = driver.counts();
    assert_eq!(run(&pipeline).unwrap().len(), frames);
    let after = driver.counts();
    Counts {
        uploads: after.uploads - before.uploads,
        downloads: after.downloads - before.downloads,
        launches: after.launches - before.launches,
        allocations: after.allocations - before.allocations,
    }
}

/// Copies of `cudaupload` and `cudadownload`: two planes in, one out.
#[test]
fn no_frame_is_copied_over_the_host_between_cuda_peers() {
    let Some((driver, _turn)) = driver() else { return };
    let (source, sink) = (source(0, "format=NV12"), "appsink name=out max-buffers=1");
    let theirs = format!("{source} ! cudaupload ! {CUDA} ! mgdsam2matte name=matte");
    for (rest, uploads, downloads) in [
        (format!("{theirs} ! {CUDA},format=RGBA ! cudadownload ! {sink}"), 2, 1),
        // Our own: one plane, four planes.
        (format!("{theirs} ! video/x-raw,format=RGBA ! {sink}"), 2, 1),
        (format!("{theirs} ! video/x-raw,format=A420 ! {sink}"), 2, 4),
    ] {
        let (few, many) = (counts(driver, 4, &rest), counts(driver, 14, &rest));
        assert_eq!(many.uploads - few.uploads, 10 * uploads, "{rest}");
        assert_eq!(many.downloads - few.downloads, 10 * downloads, "{rest}");
        // Squash, three of the fit and one for its offset, composite.
        assert_eq!(many.launches - few.launches, 10 * 6, "{rest}");
    }
}

/// The `GstCudaContext` that an element would give its neighbours.
fn context_of(pad: &gst::Pad) -> Option<gst::glib::Object> {
    let mut query = gst::query::Context::new("gst.cuda.context");
    pad.query(&mut query).then_some(())?;
    query.context_owned()?.structure().get("gst.cuda.context").ok()
}

#[test]
fn neighbours_share_one_context_which_is_the_primary_one() {
    let Some((_driver, _turn)) = driver() else { return };
    let description = format!(
        "{} ! cudaupload name=up ! {CUDA} ! mgdsam2matte name=matte ! {CUDA} ! cudadownload name=down \
         ! appsink name=out",
        source(2, "format=NV12")
    );
    let pipeline = pipeline(&description);
    pipeline.set_state(gst::State::Playing).unwrap();
    sink(&pipeline, "out").try_pull_sample(PATIENCE).unwrap();
    let of = |name: &str, pad: &str| {
        context_of(&pipeline.by_name(name).unwrap().static_pad(pad).unwrap()).unwrap()
    };
    let ours = of("matte", "sink");
    assert_eq!(of("up", "sink"), ours);
    assert_eq!(of("down", "src"), ours);
    assert_eq!(ours.property_value("cuda-device-id").get::<u32>().unwrap(), 0);
    pipeline.set_state(gst::State::Null).unwrap();
}

/// The address of the `GstCudaContext` that a buffer's memory says it is of.
fn context_in(buffer: &gst::BufferRef) -> usize {
    let memory = buffer.peek_memory(0);
    let start = memory.as_ptr().cast::<usize>();
    // SAFETY: a `GstCudaMemory` has it behind its `GstMemory`.
    unsafe { *start.byte_add(size_of::<gst::ffi::GstMemory>()) }
}

/// Frames whose context is not the pipeline's: those of another pipeline.
#[test]
fn frames_of_a_foreign_context_are_followed_there() {
    let Some((driver, _turn)) = driver() else { return };
    let source = source(3, "format=NV12");
    let foreign = gst::parse::launch(&format!("{source} ! cudaupload ! {CUDA} ! appsink name=out"));
    let foreign = foreign.unwrap().downcast::<gst::Pipeline>().unwrap();
    let description = format!(
        "appsrc name=in format=time ! mgdsam2matte name=matte ! {CUDA},format=RGBA ! appsink name=out"
    );
    let pipeline = pipeline(&description);
    let input = pipeline.by_name("in").unwrap().downcast::<gst_app::AppSrc>().unwrap();
    let (from, out) = (sink(&foreign, "out"), sink(&pipeline, "out"));
    foreign.set_state(gst::State::Playing).unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let ours = context_of(&pipeline.by_name("matte").unwrap().static_pad("sink").unwrap()).unwrap();
    let info =
        gst_video::VideoInfo::builder(gst_video::VideoFormat::Rgba, 161, 91).build().unwrap();
    let mut got = Vec::new();
    for _ in 0..3 {
        let sample = from.try_pull_sample(PATIENCE).unwrap();
        input.push_sample(&sample).unwrap();
        let matte = out.try_pull_sample(PATIENCE).unwrap();
        let (theirs, matte) = (sample.buffer().unwrap(), matte.buffer().unwrap());
        assert_eq!(context_in(matte), context_in(theirs));
        assert_ne!(context_in(matte), ours.as_ptr() as usize);
        let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(matte, &info).unwrap();
        let rows = frame.plane_data(0).unwrap().chunks(frame.plane_stride()[0] as usize);
        got.push(rows.flat_map(|row| row[..4 * 161].to_vec()).collect::<Vec<u8>>());
    }
    input.end_of_stream().unwrap();
    pipeline.set_state(gst::State::Null).unwrap();
    foreign.set_state(gst::State::Null).unwrap();
    driver.delay_us(0);
    let cpu = "mgdsam2matte name=matte ! video/x-raw,format=RGBA ! appsink name=out";
    let want = run(&self::pipeline(&format!("{source} ! {cpu}"))).unwrap();
    assert!(got == want, "the matte differs");
}

#[test]
fn a_flushing_seek_goes_on_with_new_frames() {
    let Some((_driver, _turn)) = driver() else { return };
    let description = format!(
        "{},framerate=10/1 ! cudaupload ! {CUDA} ! mgdsam2matte name=matte ! {CUDA} ! cudadownload \
         ! appsink name=out max-buffers=2",
        source(1000, "format=NV12")
    );
    let pipeline = pipeline(&description);
    let out = sink(&pipeline, "out");
    pipeline.set_state(gst::State::Playing).unwrap();
    for second in [7, 3, 12] {
        out.try_pull_sample(PATIENCE).unwrap();
        let to = gst::ClockTime::from_seconds(second);
        pipeline.seek_simple(gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE, to).unwrap();
        let sample = out.try_pull_sample(PATIENCE).unwrap();
        assert_eq!(sample.buffer().unwrap().pts(), Some(to));
    }
    pipeline.set_state(gst::State::Null).unwrap();
}

#[test]
fn a_lost_context_is_an_error_and_not_the_end() {
    let Some((driver, _turn)) = driver() else { return };
    let description = format!(
        "{} ! cudaupload ! {CUDA} ! mgdsam2matte name=matte ! {CUDA} ! fakesink name=slow sync=false \
         appsink name=out",
        source(100_000, "format=NV12")
    );
    let pipeline = pipeline(&description);
    pipeline.set_state(gst::State::Playing).unwrap();
    let matte = pipeline.by_name("matte").unwrap();
    fake::wait_until("a matte is out", || {
        matte.property::<gst::Structure>("stats").get::<u64>("frames-out").unwrap() > 0
    });
    driver.lose(true);
    let bus = pipeline.bus().unwrap();
    bus.timed_pop_filtered(PATIENCE, &[gst::MessageType::Error]).expect("an error");
    driver.lose(false);
    pipeline.set_state(gst::State::Null).unwrap();
    let again = format!(
        "{} ! cudaupload ! {CUDA} ! mgdsam2matte name=matte ! video/x-raw,format=RGBA ! appsink name=out",
        source(2, "format=NV12")
    );
    assert_eq!(run(&self::pipeline(&again)).unwrap().len(), 2);
}

/// Wherever memory ends: an error or a matte, never a crash or a standstill.
#[test]
fn no_memory_left_is_an_error() {
    let Some((driver, _turn)) = driver() else { return };
    driver.delay_us(0);
    let description = format!(
        "{} ! mgdsam2matte name=matte ! {CUDA},format=RGBA ! cudadownload \
         ! video/x-raw,format=RGBA ! appsink name=out",
        source(3, "format=NV12")
    );
    let mut failed = 0;
    for left in 0..40 {
        let pipeline = pipeline(&description);
        driver.allocations_left(Some(left));
        let ran = run(&pipeline);
        driver.allocations_left(None);
        match ran {
            Ok(frames) => assert_eq!(frames.len(), 3, "{left}"),
            Err(_) => failed += 1,
        }
    }
    assert!((10..40).contains(&failed), "{failed} of 40 failed");
}
