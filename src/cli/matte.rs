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
use std::time::Instant;

/// Mattes.
pub fn run(typed: &MatteArgs, bars: &Bars) -> anyhow::Result<Outcome> {
    let job = MatteJob::new(typed)?;
    let running = Running::parse(&description(&job))?;
    let element = running.element::<MgdSam2Matte>("matte");
    configure(&element, &job);
    let dump = job.dump.as_deref().map(|folder| Dump::of(&element, folder)).transpose()?;
    let output = Output::open(&running, &job)?;
    let feeding = feed::start(&running, &job);
    let bar = count_frames(&element, &job.source, bars);
    let started = Instant::now();
    running
        .to_end(|message| follow(message, &running, &bar))
        .with_context(|| format!("cannot matte {}", typed.input.display()))?;
    let seconds = started.elapsed().as_secs_f64();
    bar.finish_and_clear();
    let stats = element.property::<gst::Structure>("stats");
    drop(running);
    let left_out = feeding.finish();
    let frames = bar.position();
    ensure!(frames > 0, "{}: expected frames, found none", typed.input.display());
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

/// The pipeline in `gst-launch-1.0`'s language; file names are set on the elements.
fn description(job: &MatteJob) -> String {
    let source = match job.source {
        Source::Clip(_) => "filesrc name=in ! decodebin",
        Source::Pictures(_) => "appsrc name=in format=time max-buffers=2 block=true",
    };
    let format = match (job.content, &job.sink) {
        (Content::Alpha, _) => "GRAY8",
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

/// A bar that counts the frames that leave `element`.
fn count_frames(element: &MgdSam2Matte, source: &Source, bars: &Bars) -> ProgressBar {
    let bar = bars.frames(match source {
        Source::Pictures(pictures) => Some(pictures.len() as u64),
        Source::Clip(_) => None,
    });
    let counter = bar.clone();
    let src = element.static_pad("src").expect("a filter has a src pad");
    src.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        counter.inc(1);
        gst::PadProbeReturn::Ok
    });
    bar
}

/// Shows what the pipeline says of how far it is.
fn follow(message: &gst::MessageRef, running: &Running, bar: &ProgressBar) {
    match message.view() {
        gst::MessageView::Progress(progress) => bar.set_message(progress.get().2.to_string()),
        gst::MessageView::AsyncDone(_) if bar.length().is_none() => {
            bar.set_message("");
            progress::set_frames(bar, expected_frames(running));
        }
        _ => {}
    }
}

/// Duration by frame rate, where the file says both.
fn expected_frames(running: &Running) -> Option<u64> {
    let duration = running.pipeline.query_duration::<gst::ClockTime>()?;
    let src = running.element::<MgdSam2Matte>("matte").static_pad("src")?;
    let caps = src.current_caps()?;
    let rate = caps.structure(0)?.get::<gst::Fraction>("framerate").ok()?;
    let (n, d) = (u64::try_from(rate.numer()).ok()?, u64::try_from(rate.denom()).ok()?);
    duration.nseconds().mul_div_round(n, d * 1_000_000_000).filter(|frames| *frames > 0)
}
