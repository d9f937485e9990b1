//! The element in pipelines of frames in CUDA memory, on whatever driver: the emulated one here, a
//! real one in `tests/gpu`.
use crate::fake::{Control, SIDE};
use gst::prelude::*;
use gst_video::prelude::*;
use gstmgdsam2::backend::{BackendError, DeviceRun, Engine, Tensor};
use gstmgdsam2::element::MgdSam2Matte;
use gstmgdsam2::engines::{Opened, Precision};
use gstmgdsam2::session::Session;
use gstmgdsam2::signature::{self, Signature};

pub const CUDA: &str = "video/x-raw(memory:CUDAMemory)";
pub const PATIENCE: gst::ClockTime = gst::ClockTime::from_seconds(60);

/// A pipeline around `mgdsam2matte name=matte` with an appsink `out`, on an engine whose logits are
/// its picture.
pub fn pipeline(description: &str) -> gst::Pipeline {
    let pipeline = parse(description);
    let control = Control::new();
    matte(&pipeline).set_opener(move |_, _| Ok(opened(control.session())));
    pipeline
}

pub fn parse(description: &str) -> gst::Pipeline {
    gst::parse::launch(description).unwrap().downcast().unwrap()
}

pub fn opened(session: Session) -> Opened {
    let [model, weights, backend] = ["fake", "none", "fake"].map(String::from);
    let (precision, tracker, warnings) = (Precision::F32, None, Vec::new());
    Opened { session, model, weights, tracker, backend, precision, warnings }
}

pub fn sink(pipeline: &gst::Pipeline, name: &str) -> gst_app::AppSink {
    let sink = pipeline.by_name(name).unwrap().downcast::<gst_app::AppSink>().unwrap();
    sink.set_property("sync", false);
    sink
}

/// Everything that comes out, or the error on the bus.
pub fn run(pipeline: &gst::Pipeline) -> Result<Vec<Vec<u8>>, String> {
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

pub fn source(frames: usize, caps: &str) -> String {
    format!(
        "videotestsrc pattern=snow num-buffers={frames} ! video/x-raw,width=161,height=91,{caps}"
    )
}

/// Of a size that no layout pads: what lies in padding is nobody's.
pub fn even_source(frames: usize, caps: &str) -> String {
    source(frames, caps).replace("161", "168").replace("91", "90")
}

/// The `GstCudaContext` that an element would give its neighbours.
pub fn context_of(pad: &gst::Pad) -> Option<gst::glib::Object> {
    let mut query = gst::query::Context::new("gst.cuda.context");
    pad.query(&mut query).then_some(())?;
    query.context_owned()?.structure().get("gst.cuda.context").ok()
}

/// The address of the `GstCudaContext` that a buffer's memory says it is of.
pub fn context_in(buffer: &gst::BufferRef) -> usize {
    let memory = buffer.peek_memory(0);
    let start = memory.as_ptr().cast::<usize>();
    // SAFETY: a `GstCudaMemory` has it behind its `GstMemory`.
    unsafe { *start.byte_add(size_of::<gst::ffi::GstMemory>()) }
}

/// An engine that runs where its tensors are, and leaves the logits as they are.
pub struct OnDevice(Signature);

impl Engine for OnDevice {
    fn signature(&self) -> &Signature {
        &self.0
    }

    fn run(&mut self, _: &[&Tensor], _: &mut [Tensor]) -> Result<(), BackendError> {
        panic!("the frame is on the device")
    }

    fn device(&self) -> Option<u32> {
        Some(0)
    }

    unsafe fn run_on_device(&mut self, run: DeviceRun) -> Result<(), BackendError> {
        assert!(run.stream != 0 && run.inputs.len() == 1 && run.outputs.len() == 1, "{run:?}");
        Ok(())
    }
}

/// A pipeline on an engine that runs on the device.
pub fn on_device(description: &str) -> gst::Pipeline {
    let pipeline = pipeline(description);
    matte(&pipeline).set_opener(|_, _| {
        let engine = OnDevice(signature::image(SIDE / 2));
        Ok(opened(Session::new(Box::new(engine)).unwrap()))
    });
    pipeline
}

pub fn matte(pipeline: &gst::Pipeline) -> MgdSam2Matte {
    pipeline.by_name("matte").unwrap().downcast().unwrap()
}

pub fn frames_in_cuda_memory_come_out_as_on_the_cpu() {
    for (input, output, options) in [
        ("NV12", "RGBA", ""),
        ("NV12", "BGRA", "premultiplied=true"),
        ("P010_10LE", "ARGB", "background=green"),
        ("I420", "ABGR", "refine=off"),
        ("YV12", "RGBA", "interval=3"),
        ("BGRx", "BGRA", "steady=true"),
        ("RGB", "RGBA", ""),
        ("NV12", "RGBA", "foreground=estimated"),
    ] {
        let source = source(5, &format!("format={input}"));
        let matte = format!("mgdsam2matte name=matte {options}");
        let sink = format!("video/x-raw,format={output} ! appsink name=out");
        let want = run(&pipeline(&format!("{source} ! {matte} ! {sink}"))).unwrap();
        let there =
            format!("cudaupload ! {CUDA} ! {matte} ! {CUDA},format={output} ! cudadownload");
        let got = run(&pipeline(&format!("{source} ! {there} ! {sink}"))).unwrap();
        assert_eq!((got.len(), want.len()), (5, 5), "{input} to {output}");
        // The CPU sums the weights of estimated colours in another order.
        let most = u8::from(options.contains("estimated"));
        let differs = |(got, want): (&u8, &u8)| got.abs_diff(*want) > most;
        let same_size = got.iter().map(Vec::len).eq(want.iter().map(Vec::len));
        let mut samples = got.iter().flatten().zip(want.iter().flatten());
        assert!(same_size && !samples.any(differs), "{input} to {output} {options} differs");
    }
}

/// Every layout out of CUDA memory to a peer in system memory, and the other way round.
pub fn one_side_may_be_system_memory() {
    for output in ["A420", "AYUV", "GRAY8", "GRAY16_LE", "RGBA"] {
        let source = even_source(3, "format=NV12");
        let rest = format!(
            "mgdsam2matte name=matte foreground=estimated ! video/x-raw,format={output} \
             ! appsink name=out"
        );
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

/// What `stats` counts, a frame: none between peers in CUDA memory, one where one of them is not,
/// and with an engine on the CPU its picture and its logits.
pub fn host_copies_are_counted() {
    let there = format!("cudaupload ! {CUDA} ! mgdsam2matte name=matte");
    let download = format!("{CUDA},format=RGBA ! cudadownload");
    let none: fn(&str) -> gst::Pipeline = on_device;
    for (make, rest, a_frame) in [
        (none, format!("{there} ! {download}"), 0),
        (none, format!("{there} ! video/x-raw,format=RGBA"), 1),
        (none, format!("{there} ! video/x-raw,format=A420"), 1),
        (none, format!("mgdsam2matte name=matte ! {download}"), 1),
        (pipeline, format!("{there} ! {download}"), 2),
    ] {
        let pipeline = make(&format!("{} ! {rest} ! appsink name=out", source(4, "format=NV12")));
        assert_eq!(run(&pipeline).unwrap().len(), 4);
        let stats = matte(&pipeline).property::<gst::Structure>("stats");
        assert_eq!(stats.get::<u64>("host-copies").unwrap(), 4 * a_frame, "{rest}");
        for stage in ["prepare", "refine", "composite"] {
            let ms: f64 = stats.get(format!("{stage}-ms-median")).unwrap();
            assert!(ms > 0.0, "{stage} took no time: {stats}");
        }
    }
}

/// Frames whose context is not the pipeline's: those of another pipeline.
pub fn frames_of_a_foreign_context_are_followed_there() {
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
    let cpu = "mgdsam2matte name=matte ! video/x-raw,format=RGBA ! appsink name=out";
    let want = run(&self::pipeline(&format!("{source} ! {cpu}"))).unwrap();
    assert!(got == want, "the matte differs");
}
