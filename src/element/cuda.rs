//! What the element does for frames in CUDA memory.
use super::CAT;
use super::cuda_memory::{CudaMemoryError, Link};
use super::formats::Memory;
use super::imp::MgdSam2Matte;
use super::lock;
use gst::prelude::*;
use gst::subclass::prelude::*;
use std::sync::Arc;

impl MgdSam2Matte {
    fn cuda_device(&self) -> i32 {
        lock(&self.settings).cuda_device_id
    }

    /// Answers `query` if it asks for a CUDA context.
    pub(super) fn answers(&self, query: &mut gst::QueryRef) -> bool {
        let gst::QueryViewMut::Context(query) = query.view_mut() else { return false };
        self.contexts.answer(self.obj().upcast_ref(), query, self.cuda_device())
    }

    /// Takes `context` if it is a CUDA context and there is none yet.
    pub(super) fn take_context(&self, context: &gst::Context) {
        self.contexts.set(self.obj().upcast_ref(), context, self.cuda_device());
    }

    /// Upstream's frames come best in our context from the start.
    pub(super) fn propose_pool(&self, query: &mut gst::query::Allocation) {
        let (Some(caps), _) = query.get_owned() else { return };
        let Ok(info) = gst_video::VideoInfo::from_caps(&caps) else { return };
        if !Memory::of_caps(&caps).is_cuda() {
            return;
        }
        match self.device().and_then(|link| link.pool()) {
            Ok(pool) => {
                let mut config = pool.config();
                let size = u32::try_from(info.size()).unwrap_or(0);
                config.set_params(Some(&caps), size, 0, 0);
                config.add_option(gst_video::BUFFER_POOL_OPTION_VIDEO_META);
                if pool.set_config(config).is_ok() {
                    query.add_allocation_pool(Some(&pool), size, 0, 0);
                }
            }
            Err(error) => gst::warning!(CAT, imp = self, "no pool for upstream: {error}"),
        }
    }

    /// A device in the context that the pipeline shares.
    pub(super) fn device(&self) -> Result<Arc<Link>, CudaMemoryError> {
        self.contexts.link(self.obj().upcast_ref(), self.cuda_device())
    }

    /// A frame that lies in another CUDA context than the last ones: everything moves there.
    pub(super) fn follow(&self, buffer: &gst::BufferRef) -> Result<(), gst::FlowError> {
        let video = lock(&self.state).as_ref().and_then(|state| state.video.clone());
        let Some(video) = video else { return Ok(()) };
        let Some(context) = video.link.as_ref().and_then(|link| link.foreign(buffer)) else {
            return Ok(());
        };
        self.stream()?.drain()?;
        gst::info!(CAT, imp = self, "frames come from another CUDA context: {context:?}");
        let link = self.contexts.link_in(context).map_err(|e| gst::loggable_error!(CAT, "{e}"));
        let frames = lock(&self.state).as_ref().map_or(1, |state| state.frames);
        let moved = link.and_then(|link| video.moved_to(link, frames)).map_err(|error| {
            gst::element_imp_error!(self, gst::ResourceError::Failed, ("{error}"));
            gst::FlowError::Error
        })?;
        let mut state = lock(&self.state);
        let state = state.as_mut().ok_or(gst::FlowError::Flushing)?;
        (state.video, state.is_first) = (Some(moved), true);
        Ok(())
    }
}
