//! Recipe and checkpoints in, running engines out: the only place where the two columns meet.
//!
//! [`open()`] finds the engine in the cache or builds it there. Built engines are kept in the user's
//! cache folder under a key of the graph's hash, the arithmetic, the backend's version and the
//! processor; see [`cache`] for what happens when builds are cut short or meet.
pub mod cache;
mod compiler;
pub mod entry;
mod open;
mod proof;
pub mod recipe;
pub mod validation;
pub mod weights;

pub use recipe::Recipe;
pub use weights::Weights;

use self::cache::Cache;
use self::entry::Entry;
use self::open::Plan;
use crate::backend::BackendError;
use crate::checkpoint::CheckpointError;
use crate::onnx::GraphError;
use crate::session::Session;
use crate::session::SessionError;
pub use crate::signature::Precision;
use std::path::PathBuf;

/// What runs the engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BackendChoice {
    /// The best that is here; which it is, is in [`Opened`].
    #[default]
    Auto,
    /// OpenVINO on the CPU.
    OpenVino,
    /// TensorRT on an NVIDIA GPU.
    TensorRt,
    /// ONNX Runtime, by one of its providers.
    OnnxRuntime(Provider),
}

/// What computes for ONNX Runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// Its own kernels, on the CPU.
    Cpu,
    /// CUDA.
    Cuda,
    /// TensorRT.
    TensorRt,
}

/// What to open.
#[derive(Debug, Clone)]
pub struct Request {
    /// A recipe's name (`nano`, `base-plus`, ...) or the path of a recipe file.
    pub model: String,
    /// Where the weights come from.
    pub weights: Weights,
    /// What runs the engines.
    pub backend: BackendChoice,
    /// The engine's arithmetic; `None` is the fastest that the recipe and this machine allow.
    pub precision: Option<Precision>,
    /// Inference threads; 0 is one per core.
    pub threads: usize,
    /// Where built engines are kept; `None` is the user's cache folder.
    pub cache: Option<PathBuf>,
    /// The GPU's number as CUDA counts.
    pub cuda_device: u32,
    /// The compute capabilities (`89` or `8.9`) that TensorRT shall compile for; none is the GPU
    /// that is here. With some, engines are built and not run.
    pub targets: Vec<String>,
    /// Asked again and again by builds that can stop half-way; `true` stops them.
    pub interrupted: fn() -> bool,
}

impl Default for Request {
    /// Nano with its own weights, by the best that is here.
    fn default() -> Self {
        Self {
            model: "nano".into(),
            weights: Weights::Recipe,
            backend: BackendChoice::Auto,
            precision: None,
            threads: 0,
            cache: None,
            cuda_device: 0,
            targets: Vec::new(),
            interrupted: || false,
        }
    }
}

/// How far opening has come.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// For people: `building the graph`, `compiling`, ...
    pub stage: &'static str,
    /// 0..=1 over the whole of opening.
    pub fraction: f32,
}

/// Engines that run, and what they turned out to be.
pub struct Opened {
    /// Ready for the first frame.
    pub session: Session,
    /// The recipe's name.
    pub model: String,
    /// What the weights are: a file's path, or `random weights, seed 0`.
    pub weights: String,
    /// `openvino 2026.4.1 (CPU)`, for statistics and logs.
    pub backend: String,
    /// What the engine computes in.
    pub precision: Precision,
    /// What a user must be told: random weights, an arithmetic that is not here, no cache.
    pub warnings: Vec<String>,
}

/// An engine in the cache.
#[derive(Debug)]
pub struct Built {
    /// Where it is; none if it could not be kept, which `warnings` then says why.
    pub entry: Option<Entry>,
    /// It was there before.
    pub reused: bool,
    /// What the engine computes in.
    pub precision: Precision,
    /// As in [`Opened`].
    pub warnings: Vec<String>,
}

/// Builds or finds in the cache the engines of `request`, and opens them.
///
/// A cache that cannot be used is a warning, never an error.
pub fn open(request: &Request, progress: &mut dyn FnMut(Progress)) -> Result<Opened, EngineError> {
    let mut plan = Plan::new(request)?;
    let engine = match plan.open(request, progress) {
        Err(why) if request.backend == BackendChoice::Auto && plan.may_fall_back(&why) => {
            plan.fall_back(request, &why)?;
            plan.open(request, progress)?
        }
        opened => opened?,
    };
    progress(Progress { stage: "ready", fraction: 1.0 });
    Ok(Opened {
        precision: plan.compiler.precision(),
        weights: plan.checkpoint.source(),
        backend: plan.compiler.describe(),
        session: Session::new(engine)?,
        model: plan.recipe.name,
        warnings: plan.warnings,
    })
}

/// Builds the engines of `request` into its cache, unless they are there, whole.
pub fn build(request: &Request, progress: &mut dyn FnMut(Progress)) -> Result<Built, EngineError> {
    let mut plan = Plan::new(request)?;
    let stored = plan.stored(request, progress)?;
    progress(Progress { stage: "ready", fraction: 1.0 });
    let precision = plan.compiler.precision();
    Ok(Built { entry: stored.entry, reused: stored.reused, precision, warnings: plan.warnings })
}

/// The layers of the engine of `request`, built first if need be, in the backend's own words.
pub fn inspect(
    request: &Request,
    progress: &mut dyn FnMut(Progress),
) -> Result<String, EngineError> {
    let mut plan = Plan::new(request)?;
    let stored = plan.stored(request, progress)?;
    Ok(plan.compiler.inspect(&stored.file, &plan.signature)?)
}

/// Every entry of the cache in `folder`, or the user's: for lists. Engines are not read, see
/// [`Entry::verify`].
pub fn list_cache(folder: Option<PathBuf>) -> Result<Vec<Entry>, EngineError> {
    match folder.or_else(Cache::default_folder).filter(|folder| folder.exists()) {
        Some(folder) => Cache::open(&folder)
            .and_then(|cache| cache.entries())
            .map_err(|source| EngineError::Cache { folder, source }),
        None => Ok(Vec::new()),
    }
}

/// Why engines could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// There is no such recipe, or it is wrong.
    #[error(transparent)]
    Recipe(#[from] recipe::RecipeError),
    /// The recipe has no weights of its own.
    #[error(
        "model `{model}` ships no weights: give a checkpoint, or ask for random weights to try \
         its speed ({from})"
    )]
    NoWeights {
        /// The recipe's name.
        model: String,
        /// Where its weights come from.
        from: String,
    },
    /// The weights inside the program are not what they should be.
    #[error("shipped weights: {0}")]
    Shipped(String),
    /// The checkpoint cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The recipe and the checkpoint make no graph.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The backend is missing, or refused.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The engine is not what a session runs.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The cache cannot be listed.
    #[error("engine cache {}: {source}", folder.display())]
    Cache {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The backend computes something else than the model, even in f32.
    #[error(
        "engine `{graph}` on {backend}: expected logits within {tolerance} (relative L2) of f32, \
         found {distance:.2e}"
    )]
    Inaccurate {
        /// The graph's name.
        graph: String,
        /// What ran it.
        backend: String,
        /// What the recipe lets through.
        tolerance: f64,
        /// What was measured.
        distance: f64,
    },
}
