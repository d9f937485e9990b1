//! From a request to running engines: out of the cache, or through it.
use super::cache::{Cache, Lock, StoreError};
use super::entry::{Entry, Identity, Labels, sha256};
use super::graphs::{GraphPlan, Sources, graphs};
use super::{EngineError, Progress, Recipe, Request};
use crate::backend::openvino::cpu::Cpu;
use crate::backend::openvino::{OpenVino, Options};
use crate::checkpoint::Checkpoint;
use crate::onnx::Graph;
use crate::signature::Precision;
use std::io;
use std::rc::Rc;

/// What was found or built, and what a user must know of it.
pub(super) struct Found {
    pub(super) engine: OpenVino,
    pub(super) entry: Option<Entry>,
    pub(super) reused: bool,
}

/// Everything that decides what the engines are.
pub(super) struct Plan {
    pub(super) recipe: Recipe,
    pub(super) cpu: Cpu,
    pub(super) warnings: Vec<String>,
    pub(super) sources: Sources,
    graphs: Vec<GraphPlan>,
    threads: usize,
}

impl Plan {
    /// Resolves names; reads no weights and builds nothing.
    pub(super) fn new(request: &Request) -> Result<Self, EngineError> {
        let recipe = Recipe::find(&request.model)?;
        let mut warnings = Vec::new();
        let weights = request.weights.open(&recipe, &mut warnings)?;
        let cpu = Cpu::detect()?;
        let mut with_precision = |weights: Option<Rc<Checkpoint>>, of_recipe| {
            let choose =
                |w| (w, choose_precision(request.precision, of_recipe, &cpu, &mut warnings));
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
        Ok(Self { recipe, cpu, warnings, sources, graphs, threads: request.threads })
    }

    /// The engines from `request`'s cache, built first if need be, in the order of
    /// [`graphs`].
    pub(super) fn open(
        &mut self,
        request: &Request,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Vec<Found>, EngineError> {
        let folder = request.cache.clone().or_else(Cache::default_folder);
        let missing = || io::Error::other("there is no folder for caches");
        let cache = folder.ok_or_else(missing).and_then(|folder| Cache::open(&folder));
        let graphs = std::mem::take(&mut self.graphs);
        let whole: f32 = graphs.iter().map(share).sum();
        let (mut all, mut done) = (Vec::new(), 0.0);
        for graph in &graphs {
            let share = share(graph) / whole;
            let mut progress = |of_graph: Progress| {
                progress(Progress { fraction: done + share * of_graph.fraction, ..of_graph });
            };
            all.push(match &cache {
                Ok(cache) => self.through(cache, graph, &mut progress)?,
                Err(e) => self.without_cache(e, graph, &mut progress)?,
            });
            done += share;
        }
        Ok(all)
    }

    fn through(
        &mut self,
        cache: &Cache,
        graph: &GraphPlan,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Found, EngineError> {
        progress(Progress { stage: "looking into the cache", fraction: 0.0 });
        let source = source(graph)?;
        if let Some(found) = self.known(cache, graph, &source, progress)? {
            return Ok(found);
        }
        progress(Progress { stage: "waiting for other builds", fraction: 0.05 });
        let lock = match cache.lock() {
            Ok(lock) => lock,
            Err(e) => return self.without_cache(&e, graph, progress),
        };
        // Another process may have built it meanwhile.
        match self.known(cache, graph, &source, progress)? {
            Some(found) => Ok(found),
            None => self.build_into(cache, &lock, (graph, &source), progress),
        }
    }

    /// The engine, if the cache holds it whole.
    fn known(
        &self,
        cache: &Cache,
        graph: &GraphPlan,
        source: &str,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Option<Found>, EngineError> {
        let Some(graph_sha256) = cache.graph_of(source) else { return Ok(None) };
        let Some(entry) = cache.find(&self.identity(graph, graph_sha256)) else { return Ok(None) };
        progress(Progress { stage: "loading the engine", fraction: 0.9 });
        let engine = self.load(graph, &entry);
        Ok(engine.map(|engine| Found { engine, entry: Some(entry), reused: true }))
    }

    /// Nothing if the entry is damaged, or whole and yet refused by OpenVINO.
    fn load(&self, graph: &GraphPlan, entry: &Entry) -> Option<OpenVino> {
        let loaded = entry.verify().and_then(|file| {
            OpenVino::import(&file, &graph.signature, &self.options(graph))
                .map_err(|e| e.to_string())
        });
        loaded
            .inspect_err(|reason| {
                tracing::warn!(path = %entry.path.display(), reason, "damaged engine");
            })
            .ok()
    }

    fn build_into(
        &mut self,
        cache: &Cache,
        lock: &Lock,
        (graph, source): (&GraphPlan, &str),
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Found, EngineError> {
        let (engine, graph_sha256) = self.build(graph, progress)?;
        progress(Progress { stage: "saving the engine", fraction: 0.8 });
        match self.store((cache, lock), (graph, source), &engine, graph_sha256) {
            Ok(entry) => {
                progress(Progress { stage: "loading the engine", fraction: 0.9 });
                // What was built holds the graph's weights twice; what is loaded does not.
                drop(engine);
                let engine = self.load(graph, &entry);
                let engine = engine.ok_or_else(|| EngineError::Unusable(entry.path.clone()))?;
                Ok(Found { engine, entry: Some(entry), reused: false })
            }
            Err(e) => {
                self.warnings.push(format!("the engine was built and could not be kept: {e}"));
                Ok(Found { engine, entry: None, reused: false })
            }
        }
    }

    fn store(
        &self,
        (cache, lock): (&Cache, &Lock),
        (graph, source): (&GraphPlan, &str),
        engine: &OpenVino,
        graph_sha256: String,
    ) -> Result<Entry, StoreError> {
        cache.remember_graph(source, &graph_sha256)?;
        let identity = self.identity(graph, graph_sha256);
        let labels = Labels {
            model: self.recipe.label(),
            graph: graph.signature.graph.clone(),
            weights: graph.weights.source(),
        };
        cache.store(lock, identity, labels, |path| engine.export(path))
    }

    fn without_cache(
        &mut self,
        reason: &io::Error,
        graph: &GraphPlan,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Found, EngineError> {
        let warning = format!("engines are built anew each time: no cache: {reason}");
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
        let (engine, _) = self.build(graph, progress)?;
        Ok(Found { engine, entry: None, reused: false })
    }

    /// The engine and its graph's hash.
    fn build(
        &self,
        graph: &GraphPlan,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(OpenVino, String), EngineError> {
        progress(Progress { stage: "building the graph", fraction: 0.1 });
        // OpenVINO lowers an f32 graph itself, and then fuses attention, which casts would prevent.
        let empty = Graph::new(&graph.signature.graph, &graph.weights, Precision::F32);
        let onnx = (graph.make)(empty)?.to_bytes()?;
        let graph_sha256 = sha256(&onnx);
        progress(Progress { stage: "compiling", fraction: 0.4 });
        let engine = OpenVino::build(onnx, &graph.signature, &self.options(graph))?;
        Ok((engine, graph_sha256))
    }

    /// What makes the graphs what they are, before they are opened.
    pub(super) fn source(&self) -> Result<String, EngineError> {
        let sources = self.graphs.iter().map(source).collect::<Result<Vec<_>, _>>()?;
        Ok(sources.join("\n"))
    }

    fn options(&self, graph: &GraphPlan) -> Options {
        Options { precision: graph.precision, threads: self.threads }
    }

    fn identity(&self, graph: &GraphPlan, graph_sha256: String) -> Identity {
        Identity {
            graph_sha256,
            precision: graph.precision,
            backend: format!("openvino {}", self.cpu.version),
            device: format!("{}: {}", self.cpu.name, self.cpu.capabilities.join(" ")),
        }
    }
}

/// What makes the graph what it is: our code, which graph of which dimensions it is, the
/// arithmetic that weights are written in, the weights.
fn source(graph: &GraphPlan) -> Result<String, EngineError> {
    let weights = graph.weights.fingerprint()?;
    let (code, name, precision) =
        (env!("MGDSAM2_GRAPH_SOURCES"), &graph.signature.graph, graph.precision);
    Ok(format!("{code} {name} {} {precision:?} {weights}", graph.sizes))
}

/// How long a graph takes to build, by what people see of others: encoders are most of a model.
fn share(graph: &GraphPlan) -> f32 {
    match graph.signature.graph.as_str() {
        "image" | "detail_encoder" => 8.0,
        "tracker_encoder" | "detail_decoder" => 3.0,
        _ => 1.0,
    }
}

/// What is asked for, else the recipe's; f32 where the CPU cannot do it, which is only worth a
/// warning if it was asked for.
fn choose_precision(
    asked: Option<Precision>,
    of_recipe: Precision,
    cpu: &Cpu,
    warnings: &mut Vec<String>,
) -> Precision {
    let wanted = asked.unwrap_or(of_recipe);
    if cpu.computes_in(wanted) {
        return wanted;
    }
    if asked.is_some() {
        warnings.push(format!("{} has no {wanted:?} instructions: computing in F32", cpu.name));
    }
    Precision::F32
}
