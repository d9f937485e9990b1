//! From a request to a running engine: out of the cache, or through it.
use super::cache::{Cache, Lock, StoreError};
use super::entry::{Entry, Identity, sha256};
use super::{EngineError, Progress, Recipe, Request};
use crate::backend::openvino::cpu::Cpu;
use crate::backend::openvino::{OpenVino, Options};
use crate::checkpoint::Checkpoint;
use crate::model::image_graph;
use crate::onnx::Graph;
use crate::signature::{Precision, Signature, image};
use std::io;

/// What was found or built, and what a user must know of it.
pub(super) struct Found {
    pub(super) engine: OpenVino,
    pub(super) entry: Option<Entry>,
    pub(super) reused: bool,
}

/// Everything that decides what the engine is.
pub(super) struct Plan {
    pub(super) recipe: Recipe,
    pub(super) cpu: Cpu,
    pub(super) warnings: Vec<String>,
    pub(super) checkpoint: Checkpoint,
    signature: Signature,
    options: Options,
}

impl Plan {
    /// Resolves names; reads no weights and builds nothing.
    pub(super) fn new(request: &Request) -> Result<Self, EngineError> {
        let recipe = Recipe::find(&request.model)?;
        let mut warnings = Vec::new();
        let checkpoint = request.weights.open(&recipe, &mut warnings)?;
        let cpu = Cpu::detect()?;
        let precision = choose_precision(request.precision, &recipe, &cpu, &mut warnings);
        let signature = image(recipe.model.inp_size);
        let options = Options { precision, threads: request.threads };
        Ok(Self { recipe, cpu, warnings, checkpoint, signature, options })
    }

    /// The engine from `request`'s cache, built first if need be.
    pub(super) fn open(
        &mut self,
        request: &Request,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Found, EngineError> {
        let folder = request.cache.clone().or_else(Cache::default_folder);
        let missing = || io::Error::other("there is no folder for caches");
        match folder.ok_or_else(missing).and_then(|folder| Cache::open(&folder)) {
            Ok(cache) => self.through(&cache, progress),
            Err(e) => self.without_cache(&e, progress),
        }
    }

    fn through(
        &mut self,
        cache: &Cache,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Found, EngineError> {
        progress(Progress { stage: "looking into the cache", fraction: 0.0 });
        let source = self.source()?;
        if let Some(found) = self.known(cache, &source, progress)? {
            return Ok(found);
        }
        progress(Progress { stage: "waiting for other builds", fraction: 0.05 });
        let lock = match cache.lock() {
            Ok(lock) => lock,
            Err(e) => return self.without_cache(&e, progress),
        };
        // Another process may have built it meanwhile.
        match self.known(cache, &source, progress)? {
            Some(found) => Ok(found),
            None => self.build_into(cache, &lock, &source, progress),
        }
    }

    /// The engine, if the cache holds it whole.
    fn known(
        &self,
        cache: &Cache,
        source: &str,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Option<Found>, EngineError> {
        let Some(graph_sha256) = cache.graph_of(source) else { return Ok(None) };
        let Some(entry) = cache.find(&self.identity(graph_sha256)) else { return Ok(None) };
        progress(Progress { stage: "loading the engine", fraction: 0.9 });
        let engine = self.load(&entry);
        Ok(engine.map(|engine| Found { engine, entry: Some(entry), reused: true }))
    }

    /// Nothing if the entry is damaged, or whole and yet refused by OpenVINO.
    fn load(&self, entry: &Entry) -> Option<OpenVino> {
        let loaded = entry.verify().and_then(|file| {
            OpenVino::import(&file, &self.signature, &self.options).map_err(|e| e.to_string())
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
        source: &str,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Found, EngineError> {
        let (engine, graph_sha256) = self.build(progress)?;
        progress(Progress { stage: "saving the engine", fraction: 0.8 });
        match self.store(cache, lock, source, &engine, graph_sha256) {
            Ok(entry) => {
                progress(Progress { stage: "loading the engine", fraction: 0.9 });
                // What was built holds the graph's weights twice; what is loaded does not.
                drop(engine);
                let engine = self.load(&entry);
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
        cache: &Cache,
        lock: &Lock,
        source: &str,
        engine: &OpenVino,
        graph_sha256: String,
    ) -> Result<Entry, StoreError> {
        cache.remember_graph(source, &graph_sha256)?;
        let identity = self.identity(graph_sha256);
        let weights = self.checkpoint.source();
        cache.store(lock, identity, &self.recipe.name, &weights, |path| engine.export(path))
    }

    fn without_cache(
        &mut self,
        reason: &io::Error,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Found, EngineError> {
        self.warnings.push(format!("engines are built anew each time: no cache: {reason}"));
        let (engine, _) = self.build(progress)?;
        Ok(Found { engine, entry: None, reused: false })
    }

    /// The engine and its graph's hash.
    fn build(&self, progress: &mut dyn FnMut(Progress)) -> Result<(OpenVino, String), EngineError> {
        progress(Progress { stage: "building the graph", fraction: 0.1 });
        // OpenVINO lowers an f32 graph itself, and then fuses attention, which casts would prevent.
        let graph = Graph::new(&self.signature.graph, &self.checkpoint, Precision::F32);
        let onnx = image_graph(graph, &self.recipe.model, &self.signature)?.to_bytes()?;
        let graph_sha256 = sha256(&onnx);
        progress(Progress { stage: "compiling", fraction: 0.4 });
        let engine = OpenVino::build(onnx, &self.signature, &self.options)?;
        Ok((engine, graph_sha256))
    }

    /// What makes the graph what it is: our code, the model's dimensions, the arithmetic that
    /// weights are written in, the weights.
    fn source(&self) -> Result<String, EngineError> {
        let weights = self.checkpoint.fingerprint()?;
        let (code, precision) = (env!("MGDSAM2_GRAPH_SOURCES"), self.options.precision);
        Ok(format!("{code} {:?} {precision:?} {weights}", self.recipe.model))
    }

    fn identity(&self, graph_sha256: String) -> Identity {
        Identity {
            graph_sha256,
            precision: self.options.precision,
            backend: format!("openvino {}", self.cpu.version),
            device: format!("{}: {}", self.cpu.name, self.cpu.capabilities.join(" ")),
        }
    }
}

/// What is asked for, else the recipe's; f32 where the CPU cannot do it, which is only worth a
/// warning if it was asked for.
fn choose_precision(
    asked: Option<Precision>,
    recipe: &Recipe,
    cpu: &Cpu,
    warnings: &mut Vec<String>,
) -> Precision {
    let wanted = asked.unwrap_or(recipe.openvino.precision);
    if cpu.computes_in(wanted) {
        return wanted;
    }
    if asked.is_some() {
        warnings.push(format!("{} has no {wanted:?} instructions: computing in F32", cpu.name));
    }
    Precision::F32
}
