//! `mgdsam2 bench`: the engine alone, and everything that is not the engine.
use super::Outcome;
use super::args::BenchArgs;
use super::drive::Running;
use super::engine;
use super::gpu;
use super::interrupt;
use super::job;
use super::progress::Bars;
use super::stats;
use gst::prelude::*;
use gstmgdsam2::backend::{BackendError, DeviceRun, Engine, Tensor};
use gstmgdsam2::element::MgdSam2Matte;
use gstmgdsam2::engines::Opened;
use gstmgdsam2::session::{Exchange, Frame, Prompt, Propagation, Session};
use gstmgdsam2::signature::{self, Precision, Signature};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Picture sizes and what people call them; 1080p is what the others are compared with.
pub const SIZES: [(&str, u32, u32); 3] =
    [("720p", 1280, 720), ("1080p", 1920, 1080), ("4K", 3840, 2160)];
const STAGES: [&str; 3] = ["prepare", "refine", "composite"];

/// Times both, prints a table or JSON.
pub fn run(typed: &BenchArgs, bars: &Bars) -> anyhow::Result<Outcome> {
    let request = job::engine_request(&typed.model.model, &typed.model.weights, None)?;
    if typed.gpu {
        return gpu::run(typed, &request, bars);
    }
    let mut opened = engine::open(&request, bars)?;
    let side = opened.session.side();
    let engine = engine_alone(&mut opened.session, typed.runs, bars)?;
    let report = json!({
        "model": opened.model, "side": side, "backend": opened.backend,
        "precision": opened.precision, "engine": engine,
        "rest": rest(typed.side.map_or(side, usize::from), typed.frames)?,
        "peak_rss_mb": stats::peak_rss("self").map(|bytes| bytes / 1_000_000),
    });
    if typed.json {
        println!("{report:#}")
    } else {
        print_table(&report)
    }
    Ok(Outcome::Complete)
}

/// Median, 95th percentile and mean processor time of `runs` runs on grey, after one that warms up:
/// of the detail path, or of a prompted frame where there is none.
pub fn engine_alone(session: &mut Session, runs: u32, bars: &Bars) -> anyhow::Result<Value> {
    let mut exchange = Exchange::new(session.side());
    exchange.image_mut().fill(127);
    let bar = bars.frames(Some(u64::from(runs)));
    let (mut times, mut before) = (Vec::new(), None);
    let prompts = [Prompt::from_corners([0.25, 0.25], [0.75, 0.75])];
    let propagation = Propagation { is_on: false, ..Propagation::default() };
    let frame = Frame { prompts: &prompts, propagation, ..Frame::default() };
    for run in 0..=runs {
        interrupt::check()?;
        if run == 1 {
            before = stats::cpu_time();
        }
        let started = Instant::now();
        session.step(&frame, &mut exchange)?;
        if run > 0 {
            times.push(started.elapsed());
            bar.inc(1);
        }
    }
    let cpu = stats::cpu_time().zip(before).map(|(after, before)| after - before);
    bar.finish_and_clear();
    times.sort_unstable();
    Ok(json!({
        "median_ms": quantile(&times, 0.5), "p95_ms": quantile(&times, 0.95),
        "cpu_ms": cpu.map(|cpu| cpu.as_secs_f64() * 1e3 / f64::from(runs)),
    }))
}

/// The time that a share `q` is not above, in milliseconds.
pub fn quantile(sorted: &[Duration], q: f64) -> f64 {
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).map_or(0.0, |time| time.as_secs_f64() * 1e3)
}

/// A real pipeline, one picture again and again, with an engine that does nothing.
fn rest(side: usize, frames: u32) -> anyhow::Result<Value> {
    let mut rows = Vec::new();
    for (name, width, height) in SIZES {
        let running = Running::parse(&format!(
            "videotestsrc num-buffers=1 ! video/x-raw,format=NV12,width={width},height={height} \
             ! imagefreeze num-buffers={frames} ! mgdsam2matte name=matte ! video/x-raw,format=RGBA \
             ! fakesink"
        ))?;
        let element = running.element::<MgdSam2Matte>("matte");
        element.set_opener(move |_, _| Ok(idle(side)));
        let warm = element.static_pad("src").map(|src| cpu_time_after(&src, frames / 4));
        running.to_end(|_| ())?;
        let cpu = stats::cpu_time().zip(warm.and_then(|warm| warm.get().copied()));
        let cpu = cpu.map(|(after, before)| after - before);
        let told = stats::report(&element.property::<gst::Structure>("stats"), 1.0, None);
        rows.push(json!({
            "size": name, "width": width, "height": height, "stages": told["stages"],
            "cpu_ms_per_frame": cpu.map(|cpu| {
                cpu.as_secs_f64() * 1e3 / f64::from(frames - frames / 4)
            }),
        }));
    }
    Ok(Value::Array(rows))
}

/// The processor time that was used when `frames` frames had passed: what came before is a
/// pipeline's start.
fn cpu_time_after(pad: &gst::Pad, frames: u32) -> Arc<OnceLock<Duration>> {
    let (warm, passed) = (Arc::new(OnceLock::new()), AtomicU32::new(0));
    let found = warm.clone();
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        if passed.fetch_add(1, Relaxed) == frames {
            stats::cpu_time().map(|time| warm.set(time));
        }
        gst::PadProbeReturn::Ok
    });
    found
}

/// An engine whose logits are all zero, at once.
struct Idle(Signature);

impl Engine for Idle {
    fn signature(&self) -> &Signature {
        &self.0
    }

    fn run(&mut self, _: &[&Tensor], _: &mut [Tensor]) -> Result<(), BackendError> {
        Ok(())
    }

    fn device(&self) -> Option<u32> {
        Some(0)
    }

    unsafe fn run_on_device(&mut self, _: DeviceRun) -> Result<(), BackendError> {
        Ok(())
    }
}

/// What runs [`Idle`] on pictures of this side.
pub fn idle(side: usize) -> Opened {
    let session = Session::new(Box::new(Idle(signature::image(side / 2))))
        .expect("the signature is that of the image path");
    let [model, weights, backend] = ["idle", "none", "none"].map(String::from);
    let (precision, tracker, warnings) = (Precision::F32, None, Vec::new());
    Opened { session, model, weights, tracker, backend, precision, warnings }
}

fn print_table(report: &Value) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let number = |value: &Value| value.as_f64().unwrap_or_default();
    let engine = &report["engine"];
    println!(
        "engine alone: {} at {side}x{side}, {}, {}: {:.1} ms median, {:.1} ms p95, {:.1} ms of \
         processors",
        text(&report["model"]),
        text(&report["backend"]),
        text(&report["precision"]),
        number(&engine["median_ms"]),
        number(&engine["p95_ms"]),
        number(&engine["cpu_ms"]),
        side = report["side"],
    );
    println!(
        "\nall but the engine, NV12 to RGBA, ms a frame: medians of stages, and all processor time:"
    );
    println!(
        "{:>6} {:>9} {:>9} {:>9} {:>9} {:>10} {:>9}",
        "", "prepare", "refine", "composite", "sum", "cpu", "to 1080p"
    );
    let sum =
        |row: &Value| STAGES.iter().map(|s| number(&row["stages"][s]["median_ms"])).sum::<f64>();
    let rows = report["rest"].as_array().map(Vec::as_slice).unwrap_or_default();
    let cpu = |row: &Value| number(&row["cpu_ms_per_frame"]);
    let base = rows.iter().find(|row| row["size"] == "1080p").map_or(1.0, cpu);
    for row in rows {
        print!("{:>6}", text(&row["size"]));
        STAGES.iter().for_each(|s| print!(" {:>9.2}", number(&row["stages"][s]["median_ms"])));
        println!(" {:>9.2} {:>10.2} {:>8.2}x", sum(row), cpu(row), cpu(row) / base);
    }
    println!("\npeak RSS: {} MB", report["peak_rss_mb"]);
}
