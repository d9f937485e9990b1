//! `mgdsam2 matte`: one clip through one pipeline.
use super::Outcome;
use super::args::MatteArgs;
use super::drive::Running;
use super::dump::Dump;
use super::feed;
use super::job::{Container, Content, MatteJob, Sink, Source};
use super::output::Output;
use super::progress::{self, Bars};
use super::stats;
use anyhow::{Context, ensure};
use gst::prelude::*;
use gstmgdsam2::element::MgdSam2Matte;
use indicatif::ProgressBar;
use std::path::PathBuf;
use std::time::Instant;

/// Mattes.
pub fn run(typed: &MatteArgs, bars: &Bars) -> anyhow::Result<Outcome> {
    let job = MatteJob::new(typed)?;
    let bar = bars.frames(match &job.source {
        Source::Pictures(pictures) => Some(pictures.len() as u64),
        Source::Clip(_) => None,
    });
    let mut dump = None;
    let prepare = |element: &MgdSam2Matte| {
        dump = job.dump.as_deref().map(|folder| Dump::of(element, folder)).transpose()?;
        Ok(())
    };
    let matted = matte(&job, &bar, prepare, |message, running| follow(message, running, &bar))
        .with_context(|| format!("cannot matte {}", typed.input.display()))?;
    bar.finish_and_clear();
    let Matted { output, frames, seconds, stats, left_out } = matted;
    output.finish()?;
    dump.map_or(Ok(()), Dump::finish)?;
    if let Some(path) = &typed.stats {
        stats::write(path, &stats::report(&stats, seconds, stats::peak_rss("self")))?;
    }
    bars.say(&format!(
        "{frames} frames in {seconds:.1} s, {:.1} per second",
        frames as f64 / seconds
    ));
    Ok(if left_out.is_empty() { Outcome::Complete } else { Outcome::Partial })
}

/// A clip whose matte is written and has not got its name yet.
pub struct Matted {
    /// The matte.
    pub output: Output,
    /// How many frames it has, at least one.
    pub frames: u64,
    /// How long it took.
    pub seconds: f64,
    /// What the element says of it.
    pub stats: gst::Structure,
    /// Pictures that could not be read.
    pub left_out: Vec<PathBuf>,
}

/// Runs `job`'s pipeline to its end. `prepare` sees the element before it starts, `bar` counts
/// frames, `on_message` sees what the pipeline says.
pub fn matte(
    job: &MatteJob,
    bar: &ProgressBar,
    prepare: impl FnOnce(&MgdSam2Matte) -> anyhow::Result<()>,
    mut on_message: impl FnMut(&gst::MessageRef, &Running),
) -> anyhow::Result<Matted> {
    let running = Running::parse(&description(job))?;
    let element = running.element::<MgdSam2Matte>("matte");
    configure(&element, job);
    prepare(&element)?;
    let output = Output::open(&running, job)?;
    let feeding = feed::start(&running, job);
    count_frames(&element, bar);
    let started = Instant::now();
    running.to_end(|message| on_message(message, &running))?;
    let seconds = started.elapsed().as_secs_f64();
    let stats = element.property::<gst::Structure>("stats");
    drop(running);
    let left_out = feeding.finish();
    let frames = stats.get::<u64>("frames-out")?;
    ensure!(frames > 0, "expected frames, found none");
    Ok(Matted { output, frames, seconds, stats, left_out })
}

/// The pipeline in `gst-launch-1.0`'s language; file names are set on the elements.
fn description(job: &MatteJob) -> String {
    let source = match job.source {
        Source::Clip(_) => "filesrc name=in ! decodebin",
        Source::Pictures(_) => "appsrc name=in format=time max-buffers=2 block=true",
    };
    let format = match (job.content, &job.sink) {
        (Content::Alpha, _) => "GRAY8",
        (Content::Alpha16, _) => "GRAY16_LE",
        (_, Sink::Clip(..) | Sink::Nowhere) => "BGRA",
        (_, Sink::Folder(_) | Sink::Picture(_)) => "RGBA",
    };
    // Without these formats the encoders would drop the alpha and not say so.
    let sink = match job.sink {
        Sink::Clip(Container::Mov, _) => {
            "videoconvert ! video/x-raw,format=A444_10LE ! avenc_prores_ks ! qtmux ! filesink name=out"
        }
        Sink::Clip(Container::Mkv, _) => "avenc_ffv1 ! matroskamux ! filesink name=out",
        // H.264 in 4:2:0 needs even sides.
        Sink::Clip(Container::Mp4, _) => {
            "videoconvert ! videoscale ! video/x-raw,format=I420,width=[2,8192,2],height=[2,8192,2] \
             ! openh264enc bitrate=8000000 ! h264parse ! mp4mux ! filesink name=out"
        }
        Sink::Nowhere => "fakesink",
        // PNG's 16 bits are big endian.
        Sink::Folder(_) | Sink::Picture(_) if job.content == Content::Alpha16 => {
            "videoconvert ! video/x-raw,format=GRAY16_BE ! pngenc ! appsink name=out sync=false max-buffers=2"
        }
        Sink::Folder(_) | Sink::Picture(_) => "pngenc ! appsink name=out sync=false max-buffers=2",
    };
    format!(
        "{source} ! videoconvert ! mgdsam2matte name=matte ! video/x-raw,format={format} ! queue max-size-buffers=2 ! {sink}"
    )
}

fn configure(element: &MgdSam2Matte, job: &MatteJob) {
    for (name, value) in &job.properties {
        element.set_property_from_str(name, value);
    }
    job.object.configure(element);
    element.set_property("interval", job.interval);
    if let Content::Over(colour) = job.content {
        element.set_property("background", format!("0x{colour:06x}"));
    }
}

/// `bar` counts the frames that leave `element`.
fn count_frames(element: &MgdSam2Matte, bar: &ProgressBar) {
    let counter = bar.clone();
    let src = element.static_pad("src").expect("a filter has a src pad");
    src.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        counter.inc(1);
        gst::PadProbeReturn::Ok
    });
}

/// Shows what the pipeline says of how far it is.
fn follow(message: &gst::MessageRef, running: &Running, bar: &ProgressBar) {
    match message.view() {
        gst::MessageView::Progress(progress) => bar.set_message(progress.get().2.to_string()),
        gst::MessageView::AsyncDone(_) if bar.length().is_none() => {
            bar.set_message("");
            progress::set_frames(bar, expected_frames(running, "matte"));
        }
        _ => {}
    }
}

/// Duration by the frame rate of what leaves `element`, where the file says both.
pub fn expected_frames(running: &Running, element: &str) -> Option<u64> {
    let duration = running.pipeline.query_duration::<gst::ClockTime>()?;
    let src = running.element::<gst::Element>(element).static_pad("src")?;
    let caps = src.current_caps()?;
    let rate = caps.structure(0)?.get::<gst::Fraction>("framerate").ok()?;
    let (n, d) = (u64::try_from(rate.numer()).ok()?, u64::try_from(rate.denom()).ok()?);
    duration.nseconds().mul_div_round(n, d * 1_000_000_000).filter(|frames| *frames > 0)
}
