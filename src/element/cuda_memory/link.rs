//! Our device in one of GStreamer's contexts.
use super::library::{RawMemory, functions};
use super::stream::MatteStream;
use super::{CudaMemoryError, staging::Spares};
use crate::cuda::{Current, Device};
use gst::glib::translate::{FromGlibPtrFull, FromGlibPtrNone};
use gst::prelude::*;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

/// A `GstCudaContext`, and the device that works in it.
#[derive(Debug)]
pub struct Link {
    /// Staging memory, which must go before the device.
    pub(super) spares: Spares,
    pub(super) device: Device,
    /// What mattes in CUDA memory are made on, where GStreamer knows streams.
    pub(super) matte_stream: Option<MatteStream>,
    context: gst::Object,
}

impl Link {
    /// A device in `context`, a `GstCudaContext`, which counts its copies in `host_copies`.
    pub fn new(
        context: gst::Object,
        host_copies: Arc<AtomicU64>,
    ) -> Result<Arc<Self>, CudaMemoryError> {
        // This may be upstream's thread.
        let _current = Current::keep();
        // SAFETY: the context is alive, and is one.
        let handle = unsafe { (functions()?.context_get_handle)(context.as_ptr()) };
        let ordinal = ordinal(&context);
        let primary = Self::primary(ordinal)?;
        let device = match primary.handle() == handle {
            true => primary,
            // SAFETY: the handle is of this device, and the object keeps it alive.
            false => unsafe { Device::adopt(handle, ordinal, Arc::new(context.clone()))? },
        };
        // What an earlier stream met is not this one's.
        device.forget_errors();
        let device = device.counting(host_copies);
        let matte_stream = MatteStream::new(context.as_ptr(), &device)?;
        Ok(Arc::new(Self { spares: Spares::default(), device, matte_stream, context }))
    }

    /// The device in its primary context. It is opened once and stays until the process ends, for
    /// whoever got it from us.
    pub(super) fn primary(ordinal: usize) -> Result<Device, CudaMemoryError> {
        static OPENED: Mutex<BTreeMap<usize, Device>> = Mutex::new(BTreeMap::new());
        let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(device) = opened.get(&ordinal) {
            return Ok(device.clone());
        }
        let _current = Current::keep();
        let device = Device::primary(ordinal)?;
        opened.insert(ordinal, device.clone());
        Ok(device)
    }

    /// Another context than this, if `buffer` lies in one.
    pub fn foreign(&self, buffer: &gst::BufferRef) -> Option<gst::Object> {
        let functions = functions().ok()?;
        let memory = buffer.peek_memory(0).as_mut_ptr();
        // SAFETY: the buffer keeps its memory alive, which is CUDA memory where it says so, and
        // that keeps its context.
        unsafe {
            if (functions.is_cuda_memory)(memory) == 0 {
                return None;
            }
            let context = (*memory.cast::<RawMemory>()).context;
            (context != self.context.as_ptr()).then(|| gst::Object::from_glib_none(context))
        }
    }

    /// Makes `config` that of a pool for mattes.
    pub fn configure(&self, config: &mut gst::BufferPoolConfig) {
        if let Some(stream) = &self.matte_stream {
            stream.configure(config);
        }
    }

    /// A pool of buffers in this context.
    pub fn pool(&self) -> Result<gst::BufferPool, CudaMemoryError> {
        // SAFETY: the context is alive; the pool is new, and ours.
        Ok(unsafe {
            gst::BufferPool::from_glib_full((functions()?.buffer_pool_new)(self.context.as_ptr()))
        })
    }
}

fn ordinal(context: &gst::Object) -> usize {
    let id = context.property_value("cuda-device-id");
    let id = id.transform::<i64>().ok().and_then(|id| id.get::<i64>().ok());
    id.and_then(|id| usize::try_from(id).ok()).unwrap_or(0)
}
