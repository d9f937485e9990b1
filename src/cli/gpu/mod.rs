//! `mgdsam2 bench --gpu`: engines, whole frames in CUDA memory, many streams, and the copy rate that
//! pixel work is held against.
mod engines;
#[cfg(feature = "cuda")]
mod frames;
#[cfg(feature = "cuda")]
mod probe;
#[cfg(feature = "cuda")]
mod rates;

use super::Outcome;
use super::args::BenchArgs;
use super::progress::Bars;
use gstmgdsam2::engines::Request;

/// Prints one table after the other. With `--side` no engine runs: all else is timed.
pub fn run(typed: &BenchArgs, request: &Request, bars: &Bars) -> anyhow::Result<Outcome> {
    if typed.side.is_none() {
        println!("engines, from host memory to host memory:");
        engines::table(request, typed.runs, typed.peak, bars)?;
    }
    pixels(typed, request, bars)?;
    Ok(Outcome::Complete)
}

#[cfg(feature = "cuda")]
fn pixels(typed: &BenchArgs, request: &Request, bars: &Bars) -> anyhow::Result<()> {
    let rates = rates::Rates::measure(request.cuda_device as usize)?;
    println!("\ncopies, GB/s: {rates}");
    frames::tables(typed, request, &rates, bars)
}

#[cfg(not(feature = "cuda"))]
fn pixels(_: &BenchArgs, _: &Request, _: &Bars) -> anyhow::Result<()> {
    anyhow::bail!("this build has no frames in CUDA memory, which need `--features cuda`")
}
