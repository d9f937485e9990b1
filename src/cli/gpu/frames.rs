//! Whole frames in CUDA memory: stages by the device's clock, host copies, and many streams at a time.
use super::probe::Probe;
use super::rates::Rates;
use crate::cli::args::BenchArgs;
use crate::cli::batch::SharedEngine;
use crate::cli::bench::{SIZES, idle, quantile};
use crate::cli::drive::Running;
use crate::cli::progress::Bars;
use crate::cli::stats;
use anyhow::ensure;
use gst::prelude::*;
use gstmgdsam2::element::MgdSam2Matte;
use gstmgdsam2::engines::{Busy, EngineError, Opened, Request};
use serde_json::Value;
use std::iter;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// In the order of a frame's life.
const STAGES_AND_INFER: [&str; 4] = ["prepare", "infer", "refine", "composite"];

/// Gives every element a session.
type Opener = Arc<dyn Fn() -> Result<Opened, EngineError> + Send + Sync>;

/// Streams of one size that ran at the same time.
struct Run {
    /// Frames a second, of all together.
    rate: f64,
    /// How long frames were inside, sorted.
    inside: Vec<Duration>,
    /// The first element's `stats`.
    told: Value,
}

/// One stream of each size with peers in CUDA memory and in system memory; then more streams.
pub fn tables(
    typed: &BenchArgs,
    request: &Request,
    rates: &Rates,
    bars: &Bars,
) -> anyhow::Result<()> {
    ensure!(
        gst::ElementFactory::find("cudaupload").is_some(),
        "frames in CUDA memory need GStreamer's plugin nvcodec, and NVIDIA's driver"
    );
    let (side, opener, engine) = opener(typed, request, bars)?;
    println!("\nuploaded NV12 to RGBA, {engine}; stages by the device's clock, medians in ms:");
    stages(&opener, typed.frames, &|width, height| {
        rates.least_ms(pixel_bytes(side, width, height))
    })?;
    println!("\nstreams of 1080p at a time, in CUDA memory, {engine}:");
    streams(&opener, typed.frames, usize::from(typed.streams))
}

/// One stream of each size, with a peer behind it in CUDA memory and in system memory.
fn stages(opener: &Opener, frames: u32, least_ms: &dyn Fn(u32, u32) -> f64) -> anyhow::Result<()> {
    println!(
        "| frames | downstream | prepare | infer | refine | composite | at least | host copies a \
         frame | fps | p50 ms | p99 ms |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    for (name, width, height) in SIZES {
        for (downstream, features) in [("CUDA", "(memory:CUDAMemory)"), ("system", "")] {
            let run = run(opener, 1, (width, height), features, frames)?;
            let median = |stage: &str| run.told["stages"][stage]["median_ms"].as_f64();
            let medians = STAGES_AND_INFER.map(|s| format!("{:.3}", median(s).unwrap_or(0.0)));
            let copies = run.told["host_copies"].as_f64().unwrap_or(0.0) / f64::from(frames);
            let (least, rate) = (least_ms(width, height), run.rate_and_latency());
            let medians = medians.join(" | ");
            println!("| {name} | {downstream} | {medians} | {least:.3} | {copies} | {rate}");
        }
    }
    Ok(())
}

/// 1, 2, 4 streams and so on, to the `most`.
fn streams(opener: &Opener, frames: u32, most: usize) -> anyhow::Result<()> {
    println!("| streams | fps | p50 ms | p99 ms |");
    println!("|---|---|---|---|");
    for streams in iter::successors(Some(1), |n| Some(2 * n)).take_while(|n| *n <= most) {
        let run = run(opener, streams, (1920, 1080), "(memory:CUDAMemory)", frames)?;
        println!("| {streams} | {}", run.rate_and_latency());
    }
    Ok(())
}

/// The model's side, what opens it, and what it is.
fn opener(
    typed: &BenchArgs,
    request: &Request,
    bars: &Bars,
) -> anyhow::Result<(usize, Opener, String)> {
    if let Some(side) = typed.side.map(usize::from) {
        return Ok((side, Arc::new(move || Ok(idle(side))), "no engine".into()));
    }
    let engine = SharedEngine::open(request, bars)?;
    let side = engine.share(&Busy::default())?.session.side();
    let what = format!("{} on {}", engine.model.model, engine.model.backend);
    Ok((side, Arc::new(move || engine.share(&Busy::default())), what))
}

/// What a frame's pixel work reads and writes at least: the frame twice, the matte, the model's
/// picture twice, logits and coefficients.
fn pixel_bytes(side: usize, width: u32, height: u32) -> f64 {
    let (frame, model) = (f64::from(width) * f64::from(height), (side * side) as f64);
    2.0 * 1.5 * frame + 4.0 * frame + model * (2.0 * 3.0 + 4.0 + 4.0)
}

/// `streams` still pictures, uploaded frame by frame, each through an element of its own.
fn run(
    opener: &Opener,
    streams: usize,
    (width, height): (u32, u32),
    features: &str,
    frames: u32,
) -> anyhow::Result<Run> {
    let stream = |i: usize| {
        format!(
            "videotestsrc num-buffers=1 ! video/x-raw,format=NV12,width={width},height={height} \
             ! imagefreeze num-buffers={frames} ! cudaupload ! video/x-raw(memory:CUDAMemory) \
             ! mgdsam2matte name=matte{i} ! video/x-raw{features},format=RGBA ! fakesink"
        )
    };
    let running = Running::parse(&(0..streams).map(stream).collect::<Vec<_>>().join(" "))?;
    let mattes: Vec<MgdSam2Matte> =
        (0..streams).map(|i| running.element(&format!("matte{i}"))).collect();
    for matte in &mattes {
        let opener = opener.clone();
        matte.set_opener(move |_, _| opener());
    }
    let probes: Vec<Probe> = mattes.iter().map(Probe::new).collect();
    running.to_end(|_| ())?;
    let told = stats::report(&mattes[0].property::<gst::Structure>("stats"), 1.0, None);
    let (out, mut inside): (Vec<Instant>, Vec<Duration>) =
        probes.iter().flat_map(Probe::after_warm_up).unzip();
    inside.sort_unstable();
    let (first, last) = (out.iter().min(), out.iter().max());
    let seconds = first.zip(last).map_or(0.0, |(first, last)| (*last - *first).as_secs_f64());
    let rate = out.len().saturating_sub(streams) as f64 / seconds.max(1e-9);
    Ok(Run { rate, inside, told })
}

impl Run {
    fn rate_and_latency(&self) -> String {
        let [p50, p99] = [0.5, 0.99].map(|q| quantile(&self.inside, q));
        format!("{:.1} | {p50:.2} | {p99:.2} |", self.rate)
    }
}
