//! Compiles a graph into an engine's bytes. No GPU is needed: the targets are named.
use super::log::Log;
use super::progress::Monitor;
use super::recorder::Recorder;
use super::{Target, library};
use crate::backend::BackendError;
use crate::backend::memory::give_back_freed_memory;
use std::io::Write;
use std::thread;
use trtx::{Builder, BuilderConfig, OnnxParser, ProfilingVerbosity};

/// What to compile for, and how to follow or stop it.
pub struct Compile<'a> {
    /// The GPUs that the engine will run on.
    pub targets: &'a [Target],
    /// Told how far it is, 0..=1.
    pub progress: &'a mut dyn FnMut(f32),
    /// Asked again and again; `true` ends it with [`BackendError::Interrupted`].
    pub interrupted: fn() -> bool,
}

/// Writes the engine of `onnx`, a ModelProto with its weights inside, to `plan`.
///
/// Strongly typed: it computes in the types that the graph is written in. The same graph,
/// targets and TensorRT make the same bytes, but for the order in which tensors are listed.
pub fn compile(
    onnx: Vec<u8>,
    plan: &mut (impl Write + Send),
    options: &mut Compile,
) -> Result<(), BackendError> {
    library::load()?;
    library::load_parser()?;
    let (monitor, follower) = Monitor::new();
    let targets = options.targets;
    thread::scope(|scope| {
        let build = scope.spawn(move || build(onnx, plan, targets, monitor));
        let interrupted = follower.follow(options.progress, options.interrupted);
        let built = build.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        if interrupted { Err(BackendError::Interrupted) } else { built }
    })
}

fn build(
    onnx: Vec<u8>,
    plan: &mut impl Write,
    targets: &[Target],
    monitor: Monitor,
) -> Result<(), BackendError> {
    let log = Log::default();
    let logger = log.logger()?;
    let mut builder = log.check("making a builder", Builder::new(&logger))?;
    log.check("making a builder", builder.set_error_recorder(Box::new(Recorder::new(&log))))?;
    // All networks are strongly typed and of explicit batch: there are no flags left.
    let network = log.check("making a network", builder.create_network(0))?;
    // The parser owns the network, which must not outlive the builder: declared after it.
    let mut parser = log.check("making a parser", OnnxParser::new(network, &logger))?;
    log.check("reading the graph", parser.parse(&onnx))?;
    // The parser has a copy of its own.
    drop(onnx);
    give_back_freed_memory();
    let mut config = log.check("configuring", builder.create_config())?;
    log.check("configuring", configure(&mut config, targets, monitor))?;
    let engine = builder.build_serialized_network(parser.network_mut(), &mut config);
    plan.write_all(&log.check("building", engine)?).map_err(BackendError::Write)
}

fn configure(config: &mut BuilderConfig, targets: &[Target], monitor: Monitor) -> trtx::Result<()> {
    // Names and types of layers, for the inspector.
    config.set_profiling_verbosity(ProfilingVerbosity::kDETAILED);
    config.set_progress_monitor(Box::new(monitor))?;
    target(config, targets)
}

#[cfg(not(feature = "tensorrt-enterprise"))]
fn target(config: &mut BuilderConfig, targets: &[Target]) -> trtx::Result<()> {
    config.set_nb_compute_capabilities(targets.len() as i32)?;
    for (i, target) in targets.iter().enumerate() {
        config.set_compute_capability(target.compute_capability(), i as i32)?;
    }
    Ok(())
}

/// Full TensorRT compiles for the GPU that is there.
#[cfg(feature = "tensorrt-enterprise")]
fn target(_: &mut BuilderConfig, _: &[Target]) -> trtx::Result<()> {
    Ok(())
}
