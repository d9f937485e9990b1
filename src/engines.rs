//! Recipe and checkpoints in, running engines out: the only place where the two columns meet.
use crate::session::Session;
pub use crate::signature::Precision;
use std::path::PathBuf;

/// Where a model's weights come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Weights {
    /// What the recipe names: shipped weights, fetched ones, or (loudly) random ones.
    Recipe,
    /// Every tensor drawn from this seed: the right speed and shape, a meaningless matte.
    Random(u64),
    /// An official MGD-SAM2 checkpoint, or one with its keys.
    Checkpoint(PathBuf),
}

/// What runs the engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BackendChoice {
    /// The best that is here; which, and why not a better one, is in [`Opened`].
    #[default]
    Auto,
    /// OpenVINO on the CPU.
    OpenVino,
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
    /// The graph's arithmetic; `None` is the fastest that the recipe and this machine allow.
    pub precision: Option<Precision>,
    /// Inference threads; 0 is one per core.
    pub threads: usize,
    /// Where built engines are kept; `None` is the user's cache folder.
    pub cache: Option<PathBuf>,
}

/// How far building has come: a stage and its share done, 0..=1.
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
    /// `openvino 2026.4.1 (CPU)`, for statistics and logs.
    pub backend: String,
    /// What the engine computes in.
    pub precision: Precision,
    /// What a user must be told: random weights, a backend that was not taken and why.
    pub warnings: Vec<String>,
}

/// Builds or finds in the cache the engines of `request`, and opens them.
pub fn open(request: &Request, progress: &mut dyn FnMut(Progress)) -> Result<Opened, EngineError> {
    let _ = (request, progress);
    todo!()
}

/// Why engines could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {}
