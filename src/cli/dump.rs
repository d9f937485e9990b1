//! `--dump`: each frame's raw logits, as .npy.
//!
//! The element gives mattes at the frame's size and keeps logits to itself, so this opens the
//! engines a second time and runs them on squashed frames without GStreamer behind them.
use super::args::ModelArgs;
use super::engine;
use super::frames;
use super::interrupt;
use super::job::{self, Source};
use super::progress::Bars;
use super::unfinished::UnfinishedFolder;
use std::path::Path;

/// Writes `folder/00000.npy`, ...: (1, 1, 2S, 2S), f32, before the sigmoid.
pub fn run(source: &Source, typed: &ModelArgs, folder: &Path, bars: &Bars) -> anyhow::Result<()> {
    let mut opened = engine::open(&job::engine_request(typed, None)?, bars)?;
    todo!()
}
