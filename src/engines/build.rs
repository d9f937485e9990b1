//! One graph to its compiled engine: out of the cache, or through it.
use super::cache::{Cache, Lock, StoreError};
use super::compiler::Compiler;
use super::entry::{Entry, Identity, Labels, sha256};
use super::graphs::GraphPlan;
use super::{EngineError, Progress};
use crate::backend::{BackendError, Engine};
use crate::onnx::Graph;
use crate::signature::Precision;
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

/// One graph, what compiles it, and where it is kept.
pub(super) struct GraphBuild<'a> {
    pub(super) graph: &'a GraphPlan,
    pub(super) compiler: &'a dyn Compiler,
    pub(super) warnings: &'a mut Vec<String>,
    /// The blocks that were found to need it.
    pub(super) f32_blocks: BTreeSet<usize>,
    model: &'a str,
    cache: Result<&'a Cache, &'a io::Error>,
}

impl<'a> GraphBuild<'a> {
    /// Nothing is built yet.
    pub(super) fn new(
        graph: &'a GraphPlan,
        compiler: &'a dyn Compiler,
        model: &'a str,
        cache: Result<&'a Cache, &'a io::Error>,
        warnings: &'a mut Vec<String>,
    ) -> Self {
        Self { graph, compiler, warnings, f32_blocks: BTreeSet::new(), model, cache }
    }

    /// The engine of [`stored`](Self::stored), running, and where it came from in the end.
    pub(super) fn open(
        &mut self,
        stored: Stored,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(Box<dyn Engine>, Stored), EngineError> {
        progress(Progress { stage: "loading the engine", fraction: 0.0 });
        match self.load(&stored) {
            // Whole and of the right key, and yet refused: what is built here and now may not be.
            Err(refused) if stored.reused => {
                self.warnings.push(format!("a kept engine is built anew: {refused}"));
                let stored = self.stored_anew(progress)?;
                Ok((self.load(&stored)?, stored))
            }
            loaded => Ok((loaded?, stored)),
        }
    }

    /// Opens what was stored.
    pub(super) fn load(&self, stored: &Stored) -> Result<Box<dyn Engine>, BackendError> {
        let folder = stored.entry.as_ref().map(|entry| entry.path.as_path());
        let GraphPlan { signature, precision, .. } = self.graph;
        self.compiler.open(&stored.file, folder, signature, *precision)
    }

    /// Whether the engine was found good on this machine before.
    pub(super) fn is_proved(&self, stored: &Stored) -> bool {
        let manifest = stored.entry.as_ref().and_then(|entry| entry.manifest.as_ref().ok());
        manifest.is_some_and(|m| m.validations.contains_key(&self.compiler.describe()))
    }

    /// The compiled engine in the cache, compiled first if need be.
    pub(super) fn stored(
        &mut self,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Stored, EngineError> {
        let cache = match self.cache {
            Ok(cache) => cache,
            Err(e) => return self.without_cache(e, progress),
        };
        progress(Progress { stage: "looking into the cache", fraction: 0.0 });
        let source = source(self.graph, self.compiler)?;
        if let Some(stored) = self.known(cache, &source) {
            return Ok(stored);
        }
        progress(Progress { stage: "waiting for other builds", fraction: 0.05 });
        let lock = match cache.lock() {
            Ok(lock) => lock,
            Err(e) => return self.without_cache(&e, progress),
        };
        // Another process may have built it meanwhile.
        match self.known(cache, &source) {
            Some(stored) => Ok(stored),
            None => {
                self.explain(cache, &source);
                self.compile_into(cache, &lock, &source, progress)
            }
        }
    }

    /// The same whatever the cache holds.
    pub(super) fn stored_anew(
        &mut self,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Stored, EngineError> {
        let cache = match self.cache {
            Ok(cache) => cache,
            Err(e) => return self.without_cache(e, progress),
        };
        match cache.lock() {
            Ok(lock) => {
                self.compile_into(cache, &lock, &source(self.graph, self.compiler)?, progress)
            }
            Err(e) => self.without_cache(&e, progress),
        }
    }

    /// The engine, if the cache holds it whole.
    fn known(&self, cache: &Cache, source: &str) -> Option<Stored> {
        let identity = self.identity(cache.graph_of(source)?);
        let entry = cache.find(&identity, |device| self.compiler.serves(device))?;
        let damaged = |reason: &String| {
            tracing::warn!(path = %entry.path.display(), reason, "damaged engine");
        };
        let file = entry.verify().inspect_err(damaged).ok()?;
        Some(Stored { file, entry: Some(entry), reused: true })
    }

    /// Says of engines of the same model, graph and weights why they do not serve.
    fn explain(&mut self, cache: &Cache, source: &str) {
        let wanted = self.identity(cache.graph_of(source).unwrap_or_default());
        let labels = self.labels();
        for entry in cache.entries().unwrap_or_default() {
            let Ok(manifest) = entry.manifest else { continue };
            let difference = wanted.difference(&manifest.identity);
            if let Some(difference) = difference.filter(|_| manifest.labels == labels) {
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
        let onnx = self.onnx(progress)?;
        let graph_sha256 = sha256(&onnx);
        let kept = cache.remember_graph(source, &graph_sha256).map_err(StoreError::from);
        let kept = kept.and_then(|()| {
            let identity = self.identity(graph_sha256);
            cache.store(lock, identity, self.labels(), |path| self.compile(onnx, path, progress))
        });
        match kept.and_then(|entry| Ok((File::open(entry.payload())?, entry))) {
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
        let warning = format!("engines are built anew each time: no cache: {reason}");
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
        let onnx = self.onnx(progress)?;
        let file = tempfile::NamedTempFile::new().map_err(BackendError::Write)?;
        self.compile(onnx, file.path(), progress)?;
        let file = File::open(file.path()).map_err(BackendError::Read)?;
        Ok(Stored { file, entry: None, reused: false })
    }

    fn onnx(&self, progress: &mut dyn FnMut(Progress)) -> Result<Vec<u8>, EngineError> {
        progress(Progress { stage: "building the graph", fraction: 0.1 });
        let precision = self.compiler.graph_precision(self.graph.precision);
        Ok((self.graph.make)(self.empty_graph(precision))?.to_bytes()?)
    }

    /// A graph of the right name and weights, whose arithmetic is decided and nothing else.
    pub(super) fn empty_graph(&self, precision: Precision) -> Graph<'a> {
        let graph = Graph::new(&self.graph.signature.graph, &self.graph.weights, precision);
        graph.compute_in_f32(&self.f32_blocks);
        graph
    }

    fn compile(
        &self,
        onnx: Vec<u8>,
        file: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), BackendError> {
        let mut report =
            |done| progress(Progress { stage: "compiling", fraction: 0.4 + 0.4 * done });
        report(0.0);
        let GraphPlan { signature, precision, .. } = self.graph;
        self.compiler.compile(onnx, file, signature, *precision, &mut report)
    }

    fn identity(&self, graph_sha256: String) -> Identity {
        Identity {
            graph_sha256,
            precision: self.graph.precision,
            backend: self.compiler.backend(),
            device: self.compiler.device(),
        }
    }

    fn labels(&self) -> Labels {
        Labels {
            model: self.model.into(),
            graph: self.graph.signature.graph.clone(),
            weights: self.graph.weights.source(),
        }
    }
}

/// What makes the graph what it is: our code, which graph of which dimensions it is, the
/// arithmetic that it is written in and shall be computed in, the weights.
pub(super) fn source(graph: &GraphPlan, compiler: &dyn Compiler) -> Result<String, EngineError> {
    let GraphPlan { signature, weights, precision, sizes, .. } = graph;
    let written_in = compiler.graph_precision(*precision);
    let (code, weights) = (env!("MGDSAM2_GRAPH_SOURCES"), weights.fingerprint()?);
    Ok(format!("{code} {} {sizes} {written_in:?} {precision:?} {weights}", signature.graph))
}
