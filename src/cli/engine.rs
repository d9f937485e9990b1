//! `mgdsam2 engine`: what is built from recipes and weights, before any frame.
use super::Outcome;
use super::args::EngineCommand;
use super::job;
use super::progress::Bars;
use anyhow::Context;
use gstmgdsam2::engines::{self, Opened, Request};

/// Builds, lists or shows.
pub fn run(typed: &EngineCommand, bars: &Bars) -> anyhow::Result<Outcome> {
    match typed {
        EngineCommand::Build { recipe, weights, output } => {
            let request = job::engine_request(recipe, weights, output.clone())?;
            let Opened { model, backend, precision, .. } = open(&request, bars)?;
            bars.say(&format!("{model}: ready on {backend} in {precision:?}"));
        }
        EngineCommand::List => todo!(),
        EngineCommand::Show { .. } => todo!(),
    }
    Ok(Outcome::Complete)
}

/// Builds into the cache, or finds there, what `request` asks for.
pub fn open(request: &Request, bars: &Bars) -> anyhow::Result<Opened> {
    let bar = bars.share();
    let opened = engines::open(request, &mut |progress| {
        bar.set_message(progress.stage);
        bar.set_position((100.0 * progress.fraction) as u64);
    });
    bar.finish_and_clear();
    let opened = opened.with_context(|| format!("cannot open `{}`", request.model))?;
    for warning in &opened.warnings {
        tracing::warn!("{warning}");
    }
    Ok(opened)
}
