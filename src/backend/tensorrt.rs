//! Engines on NVIDIA GPUs, by TensorRT: the edition for RTX, or with `tensorrt-enterprise` the full one.
//!
//! Engines are [`compile()`]d anywhere and run where the GPU is. TensorRT's objects are tied to
//! the thread that made them and die in a certain order, so each engine lives on a thread of its
//! own, which [`TensorRt`] talks to.
mod compile;
mod execution;
pub mod gpu;
#[cfg_attr(feature = "tensorrt-enterprise", path = "tensorrt/launch_enterprise.rs")]
mod launch;
pub mod library;
mod log;
mod memory;
mod progress;
mod recorder;
mod target;

pub use compile::{Compile, compile};
pub use target::Target;

use self::execution::Execution;
use crate::backend::{BackendError, DeviceRun, Engine, Tensor, check_tensors};
use crate::signature::Signature;
use crossbeam::channel::{Receiver, Sender, bounded};
use std::path::PathBuf;
use std::thread::{self, JoinHandle};

/// An engine on its thread, with memory for one inference at a time.
pub struct TensorRt {
    signature: Signature,
    device: u32,
    /// Hung up to end the thread.
    jobs: Option<Sender<Job>>,
    done: Receiver<Result<Job, BackendError>>,
    thread: Option<JoinHandle<()>>,
}

/// What travels to the engine's thread and back.
enum Job {
    /// Tensors in the signature's order.
    Host { inputs: Vec<Tensor>, outputs: Vec<Tensor> },
    /// Pointers into the GPU's memory.
    Device(DeviceRun),
    /// Asks for a description, then holds it.
    Inspect(String),
}

/// Where an engine is opened.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// The GPU's number as CUDA counts.
    pub device: u32,
    /// Where the kernels that TensorRT-RTX specialises for this GPU are kept, if anywhere.
    pub runtime_cache: Option<PathBuf>,
}

impl TensorRt {
    /// Opens what [`compile()`] made. An error if it was made by another version or for other
    /// GPUs, or is not of `signature`.
    pub fn open(plan: Vec<u8>, signature: &Signature, place: Place) -> Result<Self, BackendError> {
        library::load()?;
        let (jobs, inbox) = bounded::<Job>(1);
        let (outbox, done) = bounded(1);
        let (described, device) = (signature.clone(), place.device);
        let work = move || serve(&plan, &described, &place, &inbox, &outbox);
        let thread = thread::Builder::new().name("tensorrt".into()).spawn(work).map_err(|e| {
            BackendError::TensorRt { doing: "starting its thread", reason: e.to_string() }
        })?;
        let signature = signature.clone();
        let engine = Self { signature, device, jobs: Some(jobs), done, thread: Some(thread) };
        engine.wait().map(|_| engine)
    }

    /// The engine's layers, as TensorRT's inspector describes them in JSON.
    pub fn inspect(&mut self) -> Result<String, BackendError> {
        match self.ask(Job::Inspect(String::new()))? {
            Job::Inspect(text) => Ok(text),
            _ => Err(ended()),
        }
    }

    fn ask(&self, job: Job) -> Result<Job, BackendError> {
        let jobs = self.jobs.as_ref().ok_or_else(ended)?;
        jobs.send(job).map_err(|_| ended())?;
        self.wait()
    }

    fn wait(&self) -> Result<Job, BackendError> {
        self.done.recv().map_err(|_| ended())?
    }
}

fn ended() -> BackendError {
    BackendError::TensorRt { doing: "running", reason: "its thread has ended".into() }
}

impl Engine for TensorRt {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn run(&mut self, inputs: &[&Tensor], outputs: &mut [Tensor]) -> Result<(), BackendError> {
        check_tensors(&self.signature, inputs, outputs)?;
        let inputs = inputs.iter().map(|&tensor| tensor.clone()).collect();
        let lent = outputs.iter_mut().map(|tensor| std::mem::replace(tensor, Tensor::F32(vec![])));
        match self.ask(Job::Host { inputs, outputs: lent.collect() })? {
            Job::Host { outputs: written, .. } => {
                outputs.iter_mut().zip(written).for_each(|(to, tensor)| *to = tensor);
                Ok(())
            }
            _ => Err(ended()),
        }
    }

    fn device(&self) -> Option<u32> {
        Some(self.device)
    }

    unsafe fn run_on_device(&mut self, run: DeviceRun) -> Result<(), BackendError> {
        run.check(&self.signature)?;
        self.ask(Job::Device(run)).map(drop)
    }
}

impl Drop for TensorRt {
    fn drop(&mut self) {
        self.jobs = None;
        // A panic of the thread was reported by the call that met it.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// The engine's thread: opens, says so, and works until nobody can ask any more.
fn serve(
    plan: &[u8],
    signature: &Signature,
    place: &Place,
    inbox: &Receiver<Job>,
    outbox: &Sender<Result<Job, BackendError>>,
) {
    let log = log::Log::default();
    let work = || {
        let logger = log.logger()?;
        let mut execution = Execution::open(plan, signature, place, &logger, &log)?;
        // Whoever opens waits for this.
        let _ = outbox.send(Ok(Job::Inspect(String::new())));
        for job in inbox {
            let _ = outbox.send(execution.perform(job));
        }
        Ok(())
    };
    if let Err(error) = work() {
        let _ = outbox.send(Err(error));
    }
}
