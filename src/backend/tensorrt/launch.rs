//! How TensorRT-RTX runs: kernels are specialised for the GPU and kept, frames are CUDA graphs.
use super::Place;
use super::log::Log;
use crate::backend::BackendError;
use cudarc::driver::CudaStream;
use std::fs;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use trtx::{
    CudaEngine, CudaGraphStrategy, EngineValidity, ExecutionContext, Runtime, RuntimeCache,
};

/// The kernels that were specialised for this GPU.
pub(super) struct Launch {
    kernels: Arc<RuntimeCache>,
    /// Where they go after the first run; none once they are there.
    save_to: Option<PathBuf>,
}

/// An error that says why, unless `plan` is of this version and serves this GPU.
pub(super) fn check_plan(runtime: &Runtime, plan: &[u8], log: &Log) -> Result<(), BackendError> {
    let doing = "opening an engine";
    match log.check(doing, runtime.engine_validity(plan))? {
        (EngineValidity::kINVALID, why) => {
            Err(BackendError::TensorRt { doing, reason: format!("it is refused: {why:?}") })
        }
        _ => Ok(()),
    }
}

impl Launch {
    /// A context that replays the whole of a frame as one CUDA graph.
    pub(super) fn context<'log>(
        engine: &mut CudaEngine<'log>,
        place: &Place,
        log: &Log,
    ) -> Result<(Self, ExecutionContext<'log>), BackendError> {
        let doing = "making a context";
        let mut config = log.check(doing, engine.create_runtime_config())?;
        let strategy = CudaGraphStrategy::kWHOLE_GRAPH_CAPTURE;
        log.check(doing, config.set_cuda_graph_strategy(strategy))?;
        let kernels = Arc::new(log.check(doing, config.create_runtime_cache())?);
        let kept = place.runtime_cache.as_ref().and_then(|path| fs::read(path).ok());
        // Another driver's kernels are refused, and specialised anew.
        let is_kept = kept.is_some_and(|blob| kernels.deserialize(&blob).is_ok());
        log.check(doing, config.set_runtime_cache(kernels.clone()))?;
        let context = engine.create_execution_context_with_config(Rc::new(config));
        let save_to = place.runtime_cache.clone().filter(|_| !is_kept);
        Ok((Self { kernels, save_to }, log.check(doing, context)?))
    }

    /// Enqueues one inference.
    ///
    /// # Safety
    /// Every tensor's address must stay valid until `stream` has come past.
    pub(super) unsafe fn enqueue(
        &mut self,
        context: &mut ExecutionContext,
        stream: &CudaStream,
    ) -> trtx::Result<()> {
        // SAFETY: the stream is alive, and the caller vouches for the addresses.
        unsafe { context.enqueue_v3(stream.cu_stream().cast()) }
    }

    /// Keeps the kernels, once an inference has been run.
    pub(super) fn finished(&mut self) {
        let Some(path) = self.save_to.take() else { return };
        let saved = self.kernels.serialize().map_err(|e| e.to_string());
        let saved = saved.and_then(|blob| fs::write(&path, &*blob).map_err(|e| e.to_string()));
        if let Err(reason) = saved {
            tracing::debug!(path = %path.display(), reason, "specialised kernels are not kept");
        }
    }
}
