//! The command line: from what was typed to what ran.
//!
//! [`args`] is what was typed, [`job`] what will run; then one file a subcommand.
//! GStreamer decodes and encodes; [`drive`] runs a pipeline to its end.
pub mod args;
mod batch;
mod bench;
mod download;
mod drive;
mod dump;
mod engine;
mod feed;
mod fetch;
mod frames;
mod gpu;
mod interrupt;
mod job;
mod log;
mod matte;
mod object;
mod output;
mod part;
mod picture;
mod progress;
mod report;
mod score;
mod sheet;
mod stats;
mod study;
mod synth;
mod unfinished;
mod watch;

use args::{Args, Command};
use clap::CommandFactory;

/// How much of what was asked for was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All of it.
    Complete,
    /// Some of it; what was left out has been reported.
    Partial,
}

/// Runs one command line.
pub fn run(args: Args) -> anyhow::Result<Outcome> {
    log::start(args.verbose);
    interrupt::listen()?;
    gst::init()?;
    gstmgdsam2::plugin_register_static()?;
    let bars = progress::Bars::new(args.quiet);
    match args.command {
        Command::Matte(typed) => matte::run(&typed, &bars),
        Command::Batch(typed) => batch::run(&typed, &bars),
        Command::Engine(typed) => engine::run(&typed, &bars),
        Command::Fetch(typed) => fetch::run(&typed, &bars),
        Command::Synth(typed) => synth::run(&typed, &bars),
        Command::Bench(typed) => bench::run(&typed, &bars),
        Command::Sheet(typed) => sheet::run(&typed),
        Command::Watch(typed) => watch::run(&typed, &bars),
        Command::Score(typed) => score::run(&typed, &bars),
        Command::Report(typed) => report::run(&typed, &bars),
        Command::Study(typed) => study::run(&typed, &bars),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Args::command(), "mgdsam2", &mut std::io::stdout());
            Ok(Outcome::Complete)
        }
    }
}
