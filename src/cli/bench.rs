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
use gstmgdsam2::backend::{BackendError, Engine, Tensor};
use gstmgdsam2::element::MgdSam2Matte;
use gstmgdsam2::engines::Opened;
use gstmgdsam2::session::{Exchange, Frame, Session};
use gstmgdsam2::signature::{self, Precision, Signature};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Picture sizes and what people call them; 1080p is what the others are compared with.
const SIZES: [(&str, u32, u32); 3] =
    [("720p", 1280, 720), ("1080p", 1920, 1080), ("4K", 3840, 2160)];
const STAGES: [&str; 3] = ["prepare", "refine", "composite"];

/// Times both, prints a table or JSON.
pub fn run(typed: &BenchArgs, bars: &Bars) -> anyhow::Result<Outcome> {
    let request = job::engine_request(&typed.model.model, &typed.model.weights, None)?;
    if typed.gpu {
        return gpu::run(&request, typed.runs, bars);
    }
    let mut opened = engine::open(&request, bars)?;
    let side = opened.session.side();
    let engine = engine_alone(&mut opened.session, typed.runs, bars)?;
    let report = json!({
        "model": opened.model, "side": side, "backend": opened.backend,
        "precision": opened.precision, "engine": engine,
        "rest": rest(side, typed.frames)?,
        "peak_rss_mb": stats::peak_rss("self").map(|bytes| bytes / 1_000_000),
    });
    if typed.json {
        println!("{report:#}")
    } else {
        print_table(&report)
    }
    Ok(Outcome::Complete)
}

/// Median and 95th percentile of `runs` runs on grey, after one that warms up.
pub fn engine_alone(session: &mut Session, runs: u32, bars: &Bars) -> anyhow::Result<Value> {
    let mut exchange = Exchange::new(session.side());
    exchange.image_mut().fill(127);
    let bar = bars.frames(Some(u64::from(runs)));
    let mut times = Vec::new();
    for run in 0..=runs {
        interrupt::check()?;
        let started = Instant::now();
        session.step(&Frame::default(), &mut exchange)?;
        if run > 0 {
            times.push(started.elapsed());
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    times.sort_unstable();
    Ok(json!({ "median_ms": quantile(&times, 0.5), "p95_ms": quantile(&times, 0.95) }))
}

/// The time that a share `q` is not above, in milliseconds.
fn quantile(sorted: &[Duration], q: f64) -> f64 {
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
        let before = stats::cpu_time();
        running.to_end(|_| ())?;
        let cpu = stats::cpu_time().zip(before).map(|(after, before)| after - before);
        let told = stats::report(&element.property::<gst::Structure>("stats"), 1.0, None);
        rows.push(json!({
            "size": name, "width": width, "height": height, "stages": told["stages"],
            "cpu_ms_per_frame": cpu.map(|cpu| cpu.as_secs_f64() * 1e3 / f64::from(frames)),
        }));
    }
    Ok(Value::Array(rows))
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
}

fn idle(side: usize) -> Opened {
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
        "engine alone: {} at {side}x{side}, {}, {}: {:.1} ms median, {:.1} ms p95",
        text(&report["model"]),
        text(&report["backend"]),
        text(&report["precision"]),
        number(&engine["median_ms"]),
        number(&engine["p95_ms"]),
        side = report["side"],
    );
    println!("\nall but the engine, NV12 to RGBA, median ms a frame:");
    println!(
        "{:>6} {:>9} {:>9} {:>9} {:>9} {:>10} {:>9}",
        "", "prepare", "refine", "composite", "sum", "cpu, all", "to 1080p"
    );
    let sum =
        |row: &Value| STAGES.iter().map(|s| number(&row["stages"][s]["median_ms"])).sum::<f64>();
    let rows = report["rest"].as_array().map(Vec::as_slice).unwrap_or_default();
    let base = rows.iter().find(|row| row["size"] == "1080p").map_or(1.0, sum);
    for row in rows {
        print!("{:>6}", text(&row["size"]));
        STAGES.iter().for_each(|s| print!(" {:>9.2}", number(&row["stages"][s]["median_ms"])));
        println!(
            " {:>9.2} {:>10.2} {:>8.2}x",
            sum(row),
            number(&row["cpu_ms_per_frame"]),
            sum(row) / base
        );
    }
    println!("\npeak RSS: {} MB", report["peak_rss_mb"]);
}
