//! The element on frames in CUDA memory: GStreamer's own libgstcuda, uploader and downloader on an
//! emulated driver.
#![cfg(feature = "cuda")]
#![allow(clippy::unwrap_used)]
#[path = "../fakecuda/emulated.rs"]
mod emulated;
#[path = "../fake/mod.rs"]
mod fake;
#[path = "../fakecuda/mod.rs"]
mod fakecuda;
mod pipelines;
#[path = "../toy/mod.rs"]
mod toy;

use fakecuda::{Counts, Driver};
use gst::prelude::*;
use gst_video::prelude::*;
use gstmgdsam2::backend::{BackendError, DeviceRun, Engine, Tensor};
use gstmgdsam2::checkpoint::Checkpoint;
use gstmgdsam2::cuda::Device;
use gstmgdsam2::engines::{Opened, TrackerFacts};
use gstmgdsam2::signature::{ElementType, Precision, Signature};
use libloading::Library;
use pipelines::{CUDA, PATIENCE, context_of, matte, on_device, pipeline, run, sink, source};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

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

#[test]
fn frames_in_cuda_memory_come_out_as_on_the_cpu() {
    let Some(_driver) = driver() else { return };
    pipelines::frames_in_cuda_memory_come_out_as_on_the_cpu();
}

#[test]
fn one_side_may_be_system_memory() {
    let Some(_driver) = driver() else { return };
    pipelines::one_side_may_be_system_memory();
}

#[test]
fn host_copies_are_counted() {
    let Some(_driver) = driver() else { return };
    pipelines::host_copies_are_counted();
}

#[test]
fn frames_of_a_foreign_context_are_followed_there() {
    let Some(_driver) = driver() else { return };
    pipelines::frames_of_a_foreign_context_are_followed_there();
}

/// Frames of a pipeline that follows an object by toy engines, which are wrapped, and how often
/// one was copied between host and device.
fn followed(
    wrap: fn(Box<dyn Engine>) -> Box<dyn Engine>,
    description: &str,
) -> (Vec<Vec<u8>>, u64) {
    let pipeline = pipelines::parse(description);
    let weights = Checkpoint::random(7);
    matte(&pipeline).set_opener(move |_, _| {
        let session = toy::wrapped(&weights, &toy::config(), ElementType::U8, wrap);
        let (weights, precision) = ("random:7".into(), Precision::F32);
        let tracker = Some(TrackerFacts { weights, precision, memory_frames: 3 });
        Ok(Opened { tracker, ..pipelines::opened(session) })
    });
    let frames = run(&pipeline).unwrap();
    let stats = matte(&pipeline).property::<gst::Structure>("stats");
    (frames, stats.get::<u64>("host-copies").unwrap())
}

/// Of six frames with one object: in system memory, and in CUDA memory.
fn following() -> [String; 2] {
    let source = pipelines::even_source(6, "format=NV12");
    let element = "mgdsam2matte name=matte model=sam2.1-tiny prompt=point=0.5,0.5 scene-cut=0";
    let sink = "video/x-raw,format=RGBA ! appsink name=out";
    let there = format!("{CUDA} ! {element} ! {CUDA},format=RGBA ! cudadownload");
    [format!("{source} ! {element} ! {sink}"), format!("{source} ! cudaupload ! {there} ! {sink}")]
}

/// Frames, features, memory and matte: what goes to the host is what it decides by.
#[test]
fn an_object_is_followed_in_cuda_memory_without_host_copies() {
    let Some(_driver) = driver() else { return };
    let [here, there] = following();
    let (want, _) = followed(|engine| engine, &here);
    let (got, copies) = followed(emulated::emulated, &there);
    let furthest = |got: &Vec<u8>, want: &Vec<u8>| {
        got.iter().zip(want).map(|(got, want)| got.abs_diff(*want)).max()
    };
    let differences: Vec<_> = got.iter().zip(&want).map(|(g, w)| furthest(g, w)).collect();
    assert_eq!(differences, [Some(0); 6]);
    assert_eq!(copies, 0);
}

/// An engine on the device; memory attention waits for the picture after its own to be looked at.
struct Waiting(Box<dyn Engine>);

/// Pictures that were looked at, and frames in which the object was looked for.
static LOOKED: AtomicUsize = AtomicUsize::new(0);
static FOLLOWED: AtomicUsize = AtomicUsize::new(0);

impl Engine for Waiting {
    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn run(&mut self, inputs: &[&Tensor], outputs: &mut [Tensor]) -> Result<(), BackendError> {
        self.0.run(inputs, outputs)
    }

    fn device(&self) -> Option<u32> {
        self.0.device()
    }

    unsafe fn run_on_device(&mut self, run: DeviceRun) -> Result<(), BackendError> {
        if self.signature().graph == "memory_attention" {
            // The first frame is prompted; behind the last there is none.
            let index = FOLLOWED.fetch_add(1, Relaxed) + 1;
            fake::wait_until("the next picture is looked at", || {
                LOOKED.load(Relaxed) >= (index + 2).min(6)
            });
        }
        // SAFETY: the caller vouches for it.
        unsafe { self.0.run_on_device(run)? };
        if self.signature().graph == "tracker_encoder" {
            LOOKED.fetch_add(1, Relaxed);
        }
        Ok(())
    }
}

#[test]
fn the_next_picture_is_looked_at_while_the_object_is_followed_in_this_one() {
    let Some(_driver) = driver() else { return };
    let [_, there] = following();
    let (want, _) = followed(emulated::emulated, &there);
    let (got, _) = followed(|engine| Box::new(Waiting(emulated::emulated(engine))), &there);
    assert!(got == want && got.len() == 6, "the matte differs");
    assert_eq!([&LOOKED, &FOLLOWED].map(|count| count.load(Relaxed)), [6, 5]);
}

/// What `frames` frames cost in a pipeline of `make`.
fn counts(
    driver: &Driver,
    frames: usize,
    make: fn(&str) -> gst::Pipeline,
    description: &str,
) -> Counts {
    let pipeline = make(&description.replace("num-buffers=0", &format!("num-buffers={frames}")));
    let before = driver.counts();
    assert_eq!(run(&pipeline).unwrap().len(), frames);
    driver.counts() - before
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
        let [few, many] = [4, 14].map(|frames| counts(driver, frames, on_device, &rest));
        assert_eq!(many.uploads - few.uploads, 10 * uploads, "{rest}");
        assert_eq!(many.downloads - few.downloads, 10 * downloads, "{rest}");
        // Squash, three of the fit and one for its offset, composite.
        assert_eq!(many.launches - few.launches, 10 * 6, "{rest}");
    }
}

/// For the finished matte alone, whatever our neighbours wait for.
#[test]
fn the_host_waits_once_a_frame_and_nothing_is_allocated() {
    let Some((driver, _turn)) = driver() else { return };
    let there = format!("{} ! cudaupload ! {CUDA}", source(0, "format=RGBA"));
    let rest = "cudadownload ! appsink name=out max-buffers=1";
    // How many frames meet, and so how much is allocated once and freed, differs from run to run.
    let a_frame = |make: fn(&str) -> gst::Pipeline, description: &str| {
        let [few, many] = [8, 48].map(|frames| counts(driver, frames, make, description));
        [(few.waits, many.waits), (few.allocations, many.allocations)]
            .map(|(few, many)| ((many as f64 - few as f64) / 40.0).round())
    };
    let [theirs, _] = a_frame(pipelines::parse, &format!("{there} ! {rest}"));
    let matte = "mgdsam2matte name=matte";
    let [all, allocations] = a_frame(on_device, &format!("{there} ! {matte} ! {CUDA} ! {rest}"));
    assert_eq!((all - theirs, allocations), (1.0, 0.0));
}

/// With one stream this would stand still: the second frame's picture is made, and the engine has
/// its turn, while the first frame's matte is still waited for.
#[test]
fn frames_overlap_on_the_device() {
    let Some((driver, _turn)) = driver() else { return };
    let there = format!(
        "{} ! cudaupload ! {CUDA} ! mgdsam2matte name=matte ! {CUDA},format=RGBA ! cudadownload \
         ! appsink name=out",
        source(3, "format=NV12")
    );
    let want = run(&pipeline(&there)).unwrap();
    for (kernel, until) in [(c"composite_packed", c"squash"), (c"composite_packed", c"fit_offset")]
    {
        let hold = driver.hold(kernel, until, 2);
        let got = run(&pipeline(&there)).unwrap();
        assert!(!hold.stood_still(), "{until:?} of the next frame waits for {kernel:?}");
        assert!(got == want, "the matte differs");
    }
}

/// Whether GStreamer's CUDA memory tells the stream that writes it; says so if not.
fn has_streams() -> bool {
    // SAFETY: GStreamer's own library, which is open.
    let has = unsafe {
        let library = Library::new("libgstcuda-1.0.so.0").unwrap();
        library.get::<unsafe extern "C" fn()>(b"gst_cuda_stream_new").is_ok()
    };
    if !has {
        println!("skipped: this libgstcuda is older than 1.24");
    }
    has
}

#[test]
fn a_matte_leaves_before_it_is_made_where_gstreamer_knows_streams() {
    let Some((driver, _turn)) = driver() else { return };
    if !has_streams() {
        return;
    }
    let there = format!(
        "{} ! cudaupload ! {CUDA} ! mgdsam2matte name=matte ! {CUDA},format=RGBA",
        pipelines::even_source(1, "format=NV12")
    );
    let rest = "video/x-raw,format=RGBA ! appsink name=out";
    let want = run(&pipeline(&format!("{there} ! cudadownload ! {rest}"))).unwrap();
    let hold = driver.hold(c"composite_packed", c"squash", 1000);
    let pipeline = pipeline(&format!("{there} ! appsink name=out"));
    let out = sink(&pipeline, "out");
    pipeline.set_state(gst::State::Playing).unwrap();
    let matte = out.try_pull_sample(PATIENCE).unwrap();
    assert!(!hold.stood_still(), "the matte was waited for");
    drop(hold);
    let info = gst_video::VideoInfo::from_caps(matte.caps().unwrap()).unwrap();
    let buffer = matte.buffer().unwrap();
    let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, &info).unwrap();
    let rows = frame.plane_data(0).unwrap().chunks(frame.plane_stride()[0] as usize);
    let got: Vec<u8> = rows.flat_map(|row| &row[..4 * info.width() as usize]).copied().collect();
    assert!(got == want[0], "the matte differs");
    pipeline.set_state(gst::State::Null).unwrap();
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
    assert_eq!(run(&pipelines::pipeline(&again)).unwrap().len(), 2);
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
    for left in 0..60 {
        let pipeline = pipeline(&description);
        driver.allocations_left(Some(left));
        let ran = run(&pipeline);
        driver.allocations_left(None);
        match ran {
            Ok(frames) => assert_eq!(frames.len(), 3, "{left}"),
            Err(_) => failed += 1,
        }
    }
    assert!((10..60).contains(&failed), "{failed} of 60 failed");
}

/// As a program of its own, without an engine.
#[test]
fn bench_counts_no_copies_between_cuda_peers_and_one_to_the_host() {
    let Some(_driver) = driver() else { return };
    let folder = env!("CARGO_TARGET_TMPDIR");
    let bench = Command::new(env!("CARGO_BIN_EXE_mgdsam2"))
        .args(["bench", "--gpu", "--side", "64", "--frames", "2", "--streams", "2", "--quiet"])
        .env("LD_LIBRARY_PATH", folder)
        // GStreamer remembers which elements there are, and without a driver there are fewer.
        .env("GST_REGISTRY", format!("{folder}/gstreamer-with-cuda.bin"))
        .output()
        .unwrap();
    let told = String::from_utf8(bench.stdout).unwrap();
    assert!(bench.status.success(), "{told}{}", String::from_utf8_lossy(&bench.stderr));
    println!("{told}");
    let rows: Vec<Vec<&str>> =
        told.lines().map(|line| line.split('|').map(str::trim).collect()).collect();
    let number = |text: &str| text.parse::<f64>().unwrap();
    for size in ["720p", "1080p", "4K"] {
        for (downstream, copies) in [("CUDA", 0.0), ("system", 1.0)] {
            let row = rows.iter().find(|row| row.len() > 2 && row[1..3] == [size, downstream]);
            let row = row.unwrap();
            assert_eq!(number(row[8]), copies, "{row:?}");
            // Stages by the device's clock, what memory allows, rate, latency; no engine ran.
            assert!([3, 5, 6, 7, 9, 10, 11].iter().all(|i| number(row[*i]) > 0.0), "{row:?}");
        }
    }
    let streams = rows.iter().filter(|row| row.len() == 6 && row[1].parse::<u32>().is_ok());
    assert_eq!(streams.map(|row| row[1]).collect::<Vec<_>>(), ["1", "2"]);
}
