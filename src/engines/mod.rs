//! Recipe and checkpoints in, running engines out: the only place where the two columns meet.
//!
//! [`open()`] finds the engine in the cache or builds it there. Built engines are kept in the user's
//! cache folder under a key of the graph's hash, the arithmetic, the backend's version and the
//! processor; see [`cache`] for what happens when builds are cut short or meet.
mod build;
pub mod cache;
mod compiler;
pub mod entry;
mod error;
mod graphs;
mod open;
mod proof;
pub mod recipe;
mod shared;
pub mod tracker_recipe;
pub mod validation;
pub mod weights;

pub use error::EngineError;
pub use recipe::Recipe;
pub use shared::{Busy, SharedEngines};
pub use weights::{WeightSource, Weights};

use self::cache::Cache;
use self::entry::Entry;
use self::graphs::{Sources, detail_shape, graphs};
use self::open::Plan;
use crate::backend::Engine;
use crate::checkpoint::Checkpoint;
use crate::session::{
    BankOptions, Encoders, MaskSelection, Session, Tracker, TrackerEngines, TrackerOptions,
};
pub use crate::signature::Precision;
use crate::signature::Signature;
use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;

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
    /// Threads of each engine on the CPU; 0 is one per core, or half as many where the recipe looks
    /// ahead: [`recipe::OpenVinoRecipe::look_ahead`].
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
            weights: Weights::default(),
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
    /// What the weights are: a file's path, or `random weights, seed 0`; the detail path's if
    /// there is one, else the tracker's.
    pub weights: String,
    /// The tracker; `None` where the recipe has none or its checkpoint was not given: then
    /// propagation and prompts do nothing.
    pub tracker: Option<TrackerFacts>,
    /// `openvino 2026.4.1 (CPU)`, for statistics and logs.
    pub backend: String,
    /// What the engine computes in.
    pub precision: Precision,
    /// What a user must be told: random weights, an arithmetic that is not here, no cache.
    pub warnings: Vec<String>,
}

/// What a tracker turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackerFacts {
    /// As [`Opened::weights`].
    pub weights: String,
    /// What its engines compute in.
    pub precision: Precision,
    /// The most frames that a frame can look at.
    pub memory_frames: u32,
}

/// A recipe's engines in the cache.
#[derive(Debug)]
pub struct Built {
    /// In the order of building.
    pub graphs: Vec<BuiltGraph>,
    /// As in [`Opened`].
    pub warnings: Vec<String>,
}

/// One engine in the cache.
#[derive(Debug)]
pub struct BuiltGraph {
    /// The graph's name: `image`, `memory_attention`, ...
    pub graph: String,
    /// Where it is; none if it could not be kept, which `warnings` then says why.
    pub entry: Option<Entry>,
    /// It was there before.
    pub reused: bool,
    /// What the engine computes in.
    pub precision: Precision,
}

/// Builds or finds in the cache the engines of `request`, and opens them.
///
/// A cache that cannot be used is a warning, never an error.
pub fn open(request: &Request, progress: &mut dyn FnMut(Progress)) -> Result<Opened, EngineError> {
    let (plan, engines) = open_plan(request, progress)?;
    let session = assemble(&plan.recipe, engines)?;
    progress(Progress { stage: "ready", fraction: 1.0 });
    Ok(describe(plan, session))
}

/// What the engines of `session` turned out to be.
fn describe(plan: Plan, session: Session) -> Opened {
    let Sources { detail, tracker } = plan.sources;
    let facts = tracker.as_ref().zip(session.tracker());
    let tracker_facts = facts.map(|((weights, precision), tracker)| TrackerFacts {
        weights: weights.source(),
        precision: *precision,
        memory_frames: tracker.shape().num_maskmem as u32,
    });
    let of_matte = detail.or(tracker);
    let (weights, precision) = of_matte.expect("a recipe has a detail path or a tracker");
    Opened {
        session,
        model: plan.recipe.label(),
        weights: weights.source(),
        tracker: tracker_facts,
        backend: plan.compiler.describe(),
        precision,
        warnings: plan.warnings,
    }
}

/// The plan that worked, and its engines.
fn open_plan(
    request: &Request,
    progress: &mut dyn FnMut(Progress),
) -> Result<(Plan, Vec<Box<dyn Engine>>), EngineError> {
    let mut plan = Plan::new(request)?;
    let engines = match plan.open(request, progress) {
        Err(why) if request.backend == BackendChoice::Auto && plan.may_fall_back(&why) => {
            plan = Plan::instead_of_tensorrt(request, &why)?;
            plan.open(request, progress)?
        }
        opened => opened?,
    };
    Ok((plan, engines))
}

/// Builds the engines of `request` into its cache, unless they are there, whole.
pub fn build(request: &Request, progress: &mut dyn FnMut(Progress)) -> Result<Built, EngineError> {
    let mut plan = Plan::new(request)?;
    let graphs = plan.build(request, progress)?;
    progress(Progress { stage: "ready", fraction: 1.0 });
    Ok(Built { graphs, warnings: plan.warnings })
}

/// The layers of the engines of `request`, built first if need be, in the backend's own words.
pub fn inspect(
    request: &Request,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<String>, EngineError> {
    Plan::new(request)?.inspect(request, progress)
}

/// What every graph of `recipe` takes and gives, where there are weights for all of them.
pub fn signatures(recipe: &Recipe) -> Vec<Signature> {
    let source = || Some((Rc::new(Checkpoint::random(0)), recipe.openvino.precision));
    let sources = Sources { detail: source(), tracker: source() };
    graphs(recipe, &sources).into_iter().map(|graph| graph.signature).collect()
}

/// The session of `recipe`'s engines, which are those of its tracker too or of its detail path
/// alone.
fn assemble(
    recipe: &Recipe,
    engines: impl IntoIterator<Item = Box<dyn Engine>>,
) -> Result<Session, EngineError> {
    let mut session = join(recipe, engines)?;
    session.set_refine(recipe.refine);
    session.set_look_ahead(recipe.openvino.look_ahead);
    Ok(session)
}

fn join(
    recipe: &Recipe,
    engines: impl IntoIterator<Item = Box<dyn Engine>>,
) -> Result<Session, EngineError> {
    let named = |engine: Box<dyn Engine>| (engine.signature().graph.clone(), engine);
    let mut engines: HashMap<String, Box<dyn Engine>> = engines.into_iter().map(named).collect();
    let mut take = |graph: &str| engines.remove(graph);
    let detail = take("image").or_else(|| take("detail_decoder"));
    let encoders = match (take("detail_encoder"), take("tracker_encoder")) {
        (Some(detail), Some(tracker)) => Some(Encoders::Both { detail, tracker }),
        (Some(shared), None) => Some(Encoders::Shared(shared)),
        (None, tracker) => tracker.map(Encoders::Tracker),
    };
    let (Some(encoders), Some(tracker)) = (encoders, &recipe.tracker) else {
        return Ok(Session::new(detail.expect("without a tracker there is a detail path"))?);
    };
    let shape = recipe.model.as_ref().map(|model| detail_shape(model, tracker));
    let mut take = |graph| take(graph).expect("every tracker has this graph");
    let engines = TrackerEngines {
        memory_attention: take("memory_attention"),
        decoder: take("tracker_decoder"),
        prompt_decoder: take("prompt_decoder"),
        memory_encoder: take("memory_encoder"),
    };
    // As SAM2's video predictor is built for SAM2.1.
    let bank = BankOptions { selection: tracker.memory_selection, ..BankOptions::default() };
    let dynamic_multimask = Some(MaskSelection::default());
    let options = TrackerOptions { bank, dynamic_multimask, binarize_prompted: true };
    let tracker = Tracker::new(engines, tracker.model.shape(), options)?;
    Ok(Session::with_tracker(detail.zip(shape), encoders, tracker)?)
}

/// SHA-256 of all that makes the graph of `request`: our code, the model's dimensions, the
/// precision, the weights. Two machines that print the same run the same model.
pub fn fingerprint(request: &Request) -> Result<String, EngineError> {
    Ok(entry::sha256(Plan::new(request)?.source()?.as_bytes()))
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
