//! From a request to its engines, one graph after the other.
use super::build::{GraphBuild, source};
use super::cache::Cache;
use super::compiler::{Compiler, choose, instead_of_tensorrt};
use super::graphs::{GraphPlan, Sources, graphs};
use super::proof::Proof;
use super::{BuiltGraph, EngineError, Progress, Recipe, Request};
use crate::backend::{BackendError, Engine};
use crate::checkpoint::Checkpoint;
use std::io;
use std::rc::Rc;

/// Of the time until engines are open, what building them takes.
const BUILDING: f32 = 0.9;

/// Everything that decides what the engines are.
pub(super) struct Plan {
    pub(super) recipe: Recipe,
    pub(super) compiler: Box<dyn Compiler>,
    pub(super) warnings: Vec<String>,
    pub(super) sources: Sources,
    graphs: Vec<GraphPlan>,
}

impl Plan {
    /// Resolves names; reads no weights and builds nothing.
    pub(super) fn new(request: &Request) -> Result<Self, EngineError> {
        Self::with(request, choose)
    }

    /// The same with OpenVINO, for this reason.
    pub(super) fn instead_of_tensorrt(
        request: &Request,
        why: &EngineError,
    ) -> Result<Self, EngineError> {
        Self::with(request, |request, recipe, warnings| {
            instead_of_tensorrt(request, recipe, why, warnings)
        })
    }

    fn with(
        request: &Request,
        choose: impl FnOnce(
            &Request,
            &Recipe,
            &mut Vec<String>,
        ) -> Result<Box<dyn Compiler>, EngineError>,
    ) -> Result<Self, EngineError> {
        let recipe = Recipe::find(&request.model)?;
        let mut warnings = Vec::new();
        let weights = request.weights.open(&recipe, &mut warnings)?;
        let compiler = choose(request, &recipe, &mut warnings)?;
        let mut with_precision = |weights: Option<Rc<Checkpoint>>, of_recipe| {
            let choose = |w| (w, compiler.precision(request.precision, of_recipe, &mut warnings));
            weights.map(choose)
        };
        let of_detail = recipe.openvino.precision;
        let of_tracker = recipe.tracker.as_ref().and_then(|tracker| tracker.precision);
        let sources = Sources {
            detail: with_precision(weights.mgd, of_detail),
            tracker: with_precision(weights.sam2, of_tracker.unwrap_or(of_detail)),
        };
        let graphs = graphs(&recipe, &sources);
        warnings.dedup();
        Ok(Self { recipe, compiler, warnings, sources, graphs })
    }

    /// Whether it was TensorRT that failed, and not a user who stopped it.
    pub(super) fn may_fall_back(&self, why: &EngineError) -> bool {
        let is_interrupted = matches!(why, EngineError::Backend(BackendError::Interrupted));
        self.compiler.trial().is_some() && !is_interrupted
    }

    /// The engines from `request`'s cache, built first if need be, in the order of [`graphs`].
    ///
    /// All are built before the first is opened: no engine waits in memory while the next is
    /// compiled.
    pub(super) fn open(
        &mut self,
        request: &Request,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Vec<Box<dyn Engine>>, EngineError> {
        let building = &mut |of_building: Progress| {
            progress(Progress { fraction: BUILDING * of_building.fraction, ..of_building });
        };
        let stored = self.each(request, building, |build, progress| build.stored(progress))?;
        let opening = &mut |of_opening: Progress| {
            let fraction = BUILDING + (1.0 - BUILDING) * of_opening.fraction;
            progress(Progress { fraction, ..of_opening });
        };
        let mut stored = stored.into_iter();
        self.each(request, opening, |build, progress| {
            let stored = stored.next().expect("there is one for each graph");
            let (engine, stored) = build.open(stored, progress)?;
            match build.compiler.trial() {
                Some(recipe) if !build.is_proved(&stored) => {
                    let tolerance = recipe.tolerance;
                    Proof::new(build, request.threads, progress, engine, stored)?.settle(tolerance)
                }
                _ => Ok(engine),
            }
        })
    }

    /// The same, and none is opened.
    pub(super) fn build(
        &mut self,
        request: &Request,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Vec<BuiltGraph>, EngineError> {
        self.each(request, progress, |build, progress| {
            let stored = build.stored(progress)?;
            Ok(BuiltGraph {
                graph: build.graph.signature.graph.clone(),
                entry: stored.entry,
                reused: stored.reused,
                precision: build.graph.precision,
            })
        })
    }

    /// What the backend says of each.
    pub(super) fn inspect(
        &mut self,
        request: &Request,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Vec<String>, EngineError> {
        self.each(request, progress, |build, progress| {
            let stored = build.stored(progress)?;
            Ok(build.compiler.inspect(&stored.file, &build.graph.signature)?)
        })
    }

    /// What makes the graphs what they are, before they are opened.
    pub(super) fn source(&self) -> Result<String, EngineError> {
        let sources = self.graphs.iter().map(|graph| source(graph, &*self.compiler));
        Ok(sources.collect::<Result<Vec<_>, _>>()?.join("\n"))
    }

    fn each<T>(
        &mut self,
        request: &Request,
        progress: &mut dyn FnMut(Progress),
        mut work: impl FnMut(&mut GraphBuild, &mut dyn FnMut(Progress)) -> Result<T, EngineError>,
    ) -> Result<Vec<T>, EngineError> {
        let folder = request.cache.clone().or_else(Cache::default_folder);
        let missing = || io::Error::other("there is no folder for caches");
        let cache = folder.ok_or_else(missing).and_then(|folder| Cache::open(&folder));
        let model = self.recipe.label();
        let whole: f32 = self.graphs.iter().map(share).sum();
        let (mut all, mut done) = (Vec::new(), 0.0);
        for graph in &self.graphs {
            let share = share(graph) / whole;
            let mut progress = |of_graph: Progress| {
                progress(Progress { fraction: done + share * of_graph.fraction, ..of_graph });
            };
            let compiler = &*self.compiler;
            let mut build =
                GraphBuild::new(graph, compiler, &model, cache.as_ref(), &mut self.warnings);
            all.push(work(&mut build, &mut progress)?);
            done += share;
        }
        Ok(all)
    }
}

/// How long a graph takes to build, by what people see of others: encoders are most of a model.
fn share(graph: &GraphPlan) -> f32 {
    match graph.signature.graph.as_str() {
        "image" | "detail_encoder" => 8.0,
        "tracker_encoder" | "detail_decoder" => 3.0,
        _ => 1.0,
    }
}
