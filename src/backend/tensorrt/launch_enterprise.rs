//! How full TensorRT runs: kernels are in the engine, and the driver captures CUDA graphs.
use super::Place;
use super::log::Log;
use crate::backend::BackendError;
use cudarc::driver::sys::CUgraphInstantiate_flags;
use cudarc::driver::sys::CUstreamCaptureMode_enum::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
use cudarc::driver::{CudaGraph, CudaStream, DriverError};
use std::sync::Arc;
use trtx::{CudaEngine, ExecutionContext, Runtime};

/// The frame as a CUDA graph, once one has been run.
#[derive(Default)]
pub(super) struct Launch {
    graph: Option<CudaGraph>,
    has_run: bool,
}

/// Deserialising says all there is to say.
pub(super) fn check_plan(_: &Runtime, _: &[u8], _: &Log) -> Result<(), BackendError> {
    Ok(())
}

impl Launch {
    /// A context of static memory.
    pub(super) fn context<'log>(
        engine: &mut CudaEngine<'log>,
        _: &Place,
        log: &Log,
    ) -> Result<(Self, ExecutionContext<'log>), BackendError> {
        let context = log.check("making a context", engine.create_execution_context())?;
        Ok((Self::default(), context))
    }

    /// Enqueues one inference: the first as it is, for TensorRT prepares itself; the second is
    /// captured; then that is replayed.
    ///
    /// # Safety
    /// Every tensor's address must be the same each time, and stay valid until `stream` has come
    /// past.
    pub(super) unsafe fn enqueue(
        &mut self,
        context: &mut ExecutionContext,
        stream: &Arc<CudaStream>,
    ) -> trtx::Result<()> {
        let of_driver = |e: DriverError| trtx::Error::Cuda(e.to_string());
        if self.has_run && self.graph.is_none() {
            stream.begin_capture(CU_STREAM_CAPTURE_MODE_THREAD_LOCAL).map_err(of_driver)?;
            // SAFETY: the stream is alive, and the caller vouches for the addresses.
            let captured = unsafe { context.enqueue_v3(stream.cu_stream().cast()) };
            self.graph = stream.end_capture(CUgraphInstantiate_flags(0)).map_err(of_driver)?;
            captured?;
        }
        self.has_run = true;
        match &self.graph {
            Some(graph) => graph.launch().map_err(of_driver),
            // SAFETY: as above.
            None => unsafe { context.enqueue_v3(stream.cu_stream().cast()) },
        }
    }

    /// Nothing is kept.
    pub(super) fn finished(&mut self) {}
}
