//! From a request to a running engine: out of the cache, or through it.
use super::cache::{Cache, Lock, StoreError};
use super::compiler::{Compiler, choose, instead_of_tensorrt};
use super::entry::{Entry, Identity, sha256};
use super::proof::Proof;
use super::{EngineError, Progress, Recipe, Request};
use crate::backend::{BackendError, Engine};
use crate::checkpoint::Checkpoint;
use crate::model::image_graph;
use crate::onnx::Graph;
use crate::signature::{Precision, Signature, image};
use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::Path;

/// A compiled engine, whole, and where it is kept.
pub(super) struct Stored {
    pub(super) file: File,
    /// None for a file that goes when it is closed.
    pub(super) entry: Option<Entry>,
    pub(super) reused: bool,
}

/// Everything that decides what the engine is.
pub(super) struct Plan {
    pub(super) recipe: Recipe,
    pub(super) compiler: Box<dyn Compiler>,
    pub(super) warnings: Vec<String>,
    pub(super) checkpoint: Checkpoint,
    pub(super) signature: Signature,
    /// The blocks that were found to need it.
    pub(super) f32_blocks: BTreeSet<usize>,
}

impl Plan {
    /// Resolves names; reads no weights and builds nothing.
    pub(super) fn new(request: &Request) -> Result<Self, EngineError> {
        let recipe = Recipe::find(&request.model)?;
        let mut warnings = Vec::new();
        let checkpoint = request.weights.open(&recipe, &mut warnings)?;
        let compiler = choose(request, &recipe, &mut warnings)?;
        let signature = image(recipe.model.inp_size);
        let f32_blocks = BTreeSet::new();
        Ok(Self { recipe, compiler, warnings, checkpoint, signature, f32_blocks })
    }

    /// Whether it was TensorRT that failed, and not a user who stopped it.
    pub(super) fn may_fall_back(&self, why: &EngineError) -> bool {
        let is_interrupted = matches!(why, EngineError::Backend(BackendError::Interrupted));
        self.compiler.tolerance().is_some() && !is_interrupted
    }

    /// From now on OpenVINO, which says why.
    pub(super) fn fall_back(
        &mut self,
        request: &Request,
        why: &EngineError,
    ) -> Result<(), EngineError> {
        self.compiler = instead_of_tensorrt(request, &self.recipe, why, &mut self.warnings)?;
        self.f32_blocks.clear();
        Ok(())
    }

    /// The engine, running.
    pub(super) fn open(
        &mut self,
        request: &Request,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Box<dyn Engine>, EngineError> {
        let mut stored = self.stored(request, progress)?;
        progress(Progress { stage: "loading the engine", fraction: 0.9 });
        let engine = match self.load(&stored) {
            // Whole and of the right key, and yet refused: what is built here and now may not be.
            Err(refused) if stored.reused => {
                self.warnings.push(format!("a kept engine is built anew: {refused}"));
                stored = self.store_anew(request, progress)?;
                self.load(&stored)?
            }
            loaded => loaded?,
        };
        match self.compiler.tolerance() {
            Some(tolerance) if !self.is_proved(&stored) => {
                Proof::new(self, request, progress, engine, stored)?.settle(tolerance)
            }
            _ => Ok(engine),
        }
    }

    /// Whether the engine was found good on this machine before.
    fn is_proved(&self, stored: &Stored) -> bool {
        let manifest = stored.entry.as_ref().and_then(|entry| entry.manifest.as_ref().ok());
        manifest.is_some_and(|m| m.validations.contains_key(&self.compiler.describe()))
    }

    pub(super) fn load(&self, stored: &Stored) -> Result<Box<dyn Engine>, BackendError> {
        let at = stored.entry.as_ref().map(|entry| entry.path.as_path());
        self.compiler.open(&stored.file, at, &self.signature)
    }

    /// The compiled engine in `request`'s cache, compiled first if need be.
    pub(super) fn stored(
        &mut self,
        request: &Request,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Stored, EngineError> {
        let cache = match folder(request) {
            Ok(cache) => cache,
            Err(e) => return self.without_cache(&e, progress),
        };
        progress(Progress { stage: "looking into the cache", fraction: 0.0 });
        let source = self.source()?;
        if let Some(stored) = self.known(&cache, &source) {
            return Ok(stored);
        }
        progress(Progress { stage: "waiting for other builds", fraction: 0.05 });
        let lock = match cache.lock() {
            Ok(lock) => lock,
            Err(e) => return self.without_cache(&e, progress),
        };
        // Another process may have built it meanwhile.
        match self.known(&cache, &source) {
            Some(stored) => Ok(stored),
            None => self.compile_into(&cache, &lock, &source, progress),
        }
    }

    /// The same whatever the cache holds.
    pub(super) fn store_anew(
        &mut self,
        request: &Request,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Stored, EngineError> {
        let locked = folder(request).and_then(|cache| Ok((cache.lock()?, cache)));
        match locked {
            Ok((lock, cache)) => self.compile_into(&cache, &lock, &self.source()?, progress),
            Err(e) => self.without_cache(&e, progress),
        }
    }

    /// The engine, if the cache holds it whole.
    fn known(&mut self, cache: &Cache, source: &str) -> Option<Stored> {
        let identity = self.identity(cache.graph_of(source)?);
        let serves = |device: &str| self.compiler.serves(device);
        let entry = cache.find(&identity, serves).or_else(|| {
            self.explain(cache, &identity);
            None
        })?;
        let damaged = |reason: &String| {
            tracing::warn!(path = %entry.path.display(), reason, "damaged engine");
        };
        let file = entry.verify().inspect_err(damaged).ok()?;
        Some(Stored { file, entry: Some(entry), reused: true })
    }

    /// Says of engines of the same model and weights why they do not serve.
    fn explain(&mut self, cache: &Cache, wanted: &Identity) {
        let weights = self.checkpoint.source();
        for entry in cache.entries().unwrap_or_default() {
            let Ok(manifest) = entry.manifest else { continue };
            if (&manifest.model, &manifest.weights) != (&self.recipe.name, &weights) {
                continue;
            }
            if let Some(difference) = wanted.difference(&manifest.identity) {
                let path = entry.path.display();
                self.warnings.push(format!("engine {path} is not used: {difference}"));
            }
        }
    }

    fn compile_into(
        &mut self,
        cache: &Cache,
        lock: &Lock,
        source: &str,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Stored, EngineError> {
        let onnx = self.graph(progress)?;
        let graph_sha256 = sha256(&onnx);
        let identity = self.identity(graph_sha256.clone());
        let weights = self.checkpoint.source();
        let kept = cache.remember_graph(source, &graph_sha256).map_err(StoreError::from);
        let kept = kept.and_then(|()| {
            cache.store(lock, identity, &self.recipe.name, &weights, |path| {
                compile(&*self.compiler, &onnx, &self.signature, path, progress)
            })
        });
        let opened = kept.and_then(|entry| Ok((File::open(entry.payload())?, entry)));
        match opened {
            Ok((file, entry)) => Ok(Stored { file, entry: Some(entry), reused: false }),
            Err(StoreError::Backend(e)) => Err(e.into()),
            Err(StoreError::Io(e)) => self.without_cache(&e, progress),
        }
    }

    fn without_cache(
        &mut self,
        reason: &io::Error,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Stored, EngineError> {
        self.warnings.push(format!("engines are built anew each time: no cache: {reason}"));
        let onnx = self.graph(progress)?;
        let file = tempfile::NamedTempFile::new().map_err(BackendError::Write)?;
        compile(&*self.compiler, &onnx, &self.signature, file.path(), progress)?;
        // Written by name, perhaps by replacing it.
        let file = File::open(file.path()).map_err(BackendError::Read)?;
        Ok(Stored { file, entry: None, reused: false })
    }

    fn graph(&self, progress: &mut dyn FnMut(Progress)) -> Result<Vec<u8>, EngineError> {
        progress(Progress { stage: "building the graph", fraction: 0.1 });
        let graph = self.empty_graph(self.compiler.graph_precision());
        Ok(image_graph(graph, &self.recipe.model, &self.signature)?.to_bytes()?)
    }

    /// A graph of the right name and weights, whose arithmetic is decided and nothing else.
    pub(super) fn empty_graph(&self, precision: Precision) -> Graph<'_> {
        let graph = Graph::new(&self.signature.graph, &self.checkpoint, precision);
        graph.compute_in_f32(&self.f32_blocks);
        graph
    }

    /// What makes the graph what it is: our code, the model's dimensions, the arithmetic that
    /// it is written in, the weights.
    fn source(&self) -> Result<String, EngineError> {
        let (code, weights) = (env!("MGDSAM2_GRAPH_SOURCES"), self.checkpoint.fingerprint()?);
        let precision = (self.compiler.graph_precision(), self.compiler.precision());
        Ok(format!("{code} {:?} {precision:?} {weights}", self.recipe.model))
    }

    fn identity(&self, graph_sha256: String) -> Identity {
        Identity {
            graph_sha256,
            precision: self.compiler.precision(),
            backend: self.compiler.backend(),
            device: self.compiler.device(),
        }
    }
}

fn folder(request: &Request) -> io::Result<Cache> {
    let folder = request.cache.clone().or_else(Cache::default_folder);
    Cache::open(&folder.ok_or_else(|| io::Error::other("there is no folder for caches"))?)
}

fn compile(
    compiler: &dyn Compiler,
    onnx: &[u8],
    signature: &Signature,
    file: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), BackendError> {
    let mut report = |done| progress(Progress { stage: "compiling", fraction: 0.4 + 0.4 * done });
    report(0.0);
    compiler.compile(onnx, signature, file, &mut report)
}
