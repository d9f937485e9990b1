//! `mgdsam2 engine`: what is built from recipes and weights, before any frame.
use super::Outcome;
use super::args::EngineCommand;
use super::job;
use super::progress::Bars;
use anyhow::Context;
use gstmgdsam2::engines::entry::Labels;
use gstmgdsam2::engines::weights;
use gstmgdsam2::engines::{
    self, BuiltGraph, EngineError, Opened, Progress, Recipe, Request, SharedEngines,
};
use gstmgdsam2::signature::Precision;
use indicatif::ProgressBar;

/// Builds, lists or shows.
pub fn run(typed: &EngineCommand, bars: &Bars) -> anyhow::Result<Outcome> {
    match typed {
        EngineCommand::Build { recipe, weights, sm, output } => {
            let request = job::engine_request(recipe, weights, output.clone())?;
            build(&Request { targets: sm.clone(), ..request }, bars)?
        }
        EngineCommand::List => list()?,
        EngineCommand::Show { recipe, layers: false, .. } => show(&Recipe::find(recipe)?),
        EngineCommand::Show { recipe, layers: true, weights } => {
            layers(&job::engine_request(recipe, weights, None)?, bars)?
        }
    }
    Ok(Outcome::Complete)
}

fn build(request: &Request, bars: &Bars) -> anyhow::Result<()> {
    let bar = bars.share();
    let built = engines::build(request, &mut |progress| follow(&bar, &progress));
    bar.finish_and_clear();
    let built = built.with_context(|| format!("cannot build `{}`", request.model))?;
    warn(&built.warnings);
    for BuiltGraph { graph, entry, reused, precision } in built.graphs {
        let how = if reused { "was there already" } else { "built" };
        let place = entry.map_or("nowhere".into(), |entry| entry.path.display().to_string());
        bars.say(&format!("{}: {graph} in {}: {how}, in {place}", request.model, name(precision)));
    }
    Ok(())
}

fn list() -> anyhow::Result<()> {
    let entries = engines::list_cache(None)?;
    for model in Recipe::list() {
        println!("{model:16} {}", Recipe::find(model)?.title);
        if let Some(fetched) = fetched(model) {
            println!("{:16}   fetched: {fetched}", "");
        }
        let manifests = entries.iter().filter_map(|entry| entry.manifest.as_ref().ok());
        for built in manifests.filter(|m| m.labels.model.split('~').next() == Some(model)) {
            let (precision, megabytes) = (name(built.identity.precision), built.size / 1_000_000);
            let Labels { model, graph, weights } = &built.labels;
            println!("{:16}   built: {model}, {graph}, {precision}, {megabytes} MB, {weights}", "");
        }
    }
    let damaged = entries.iter().filter_map(|entry| Some((entry, entry.manifest.as_ref().err()?)));
    damaged.for_each(|(entry, why)| println!("damaged    {}: {why}", entry.path.display()));
    Ok(())
}

fn show(recipe: &Recipe) {
    println!("{}: {}\n\n{}", recipe.name, recipe.title, recipe.description);
    println!("weights    {} ({})", recipe.weights.source, recipe.weights.licence);
    match fetched(&recipe.name) {
        Some(fetched) => println!("fetched    {fetched}"),
        None if recipe.weights.url.is_some() => {
            println!("fetched    no: `mgdsam2 fetch {}`", recipe.name);
        }
        None => {}
    }
    println!("precision  {} where the processor has it, else f32", name(recipe.openvino.precision));
    for graph in engines::signatures(recipe) {
        println!("graph      {}", graph.graph);
        for (arrow, specs) in [("in", &graph.inputs), ("out", &graph.outputs)] {
            for spec in specs {
                println!("  {arrow:8} {} {:?} {:?}", spec.name, spec.shape, spec.element_type);
            }
        }
    }
}

/// Where the published weights of `model` lie, and how large they are, if they have been fetched.
fn fetched(model: &str) -> Option<String> {
    let path = weights::fetched(model)?;
    let size = path.metadata().map_or(0, |file| file.len());
    Some(format!("{}, {} MB", path.display(), size.div_ceil(1_000_000)))
}

fn layers(request: &Request, bars: &Bars) -> anyhow::Result<()> {
    let bar = bars.share();
    let layers = engines::inspect(request, &mut |progress| follow(&bar, &progress));
    bar.finish_and_clear();
    let layers = layers.with_context(|| format!("cannot inspect `{}`", request.model))?;
    layers.iter().for_each(|graph| println!("{graph}"));
    Ok(())
}

/// Builds into the cache, or finds there, what `request` asks for.
pub fn open(request: &Request, bars: &Bars) -> anyhow::Result<Opened> {
    let opened = shown(request, bars, |progress| engines::open(request, progress))?;
    warn(&opened.warnings);
    Ok(opened)
}

/// As [`open`], for several sessions at a time.
pub fn open_shared(request: &Request, bars: &Bars) -> anyhow::Result<(SharedEngines, Opened)> {
    let (engines, opened) =
        shown(request, bars, |progress| SharedEngines::open(request, progress))?;
    warn(&opened.warnings);
    Ok((engines, opened))
}

/// Opens something of `request` behind a progress bar.
fn shown<T>(
    request: &Request,
    bars: &Bars,
    open: impl FnOnce(&mut dyn FnMut(Progress)) -> Result<T, EngineError>,
) -> anyhow::Result<T> {
    let bar = bars.share();
    let opened = open(&mut |progress| follow(&bar, &progress));
    bar.finish_and_clear();
    opened.with_context(|| format!("cannot open `{}`", request.model))
}

fn follow(bar: &ProgressBar, progress: &Progress) {
    bar.set_message(progress.stage);
    bar.set_position((100.0 * progress.fraction) as u64);
}

fn warn(warnings: &[String]) {
    warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
}

/// What `--precision` calls it.
pub fn name(precision: Precision) -> String {
    format!("{precision:?}").to_lowercase()
}
