//! GStreamer's streams: memory whose work is queued needs nobody to wait with it, from 1.24 on.
use super::CudaMemoryError;
use super::library::{RawContext, Streams, functions};
use crate::cuda::{CudaError, Device, Event};
use gst::ffi::{GstMemory, GstMiniObject, gst_mini_object_unref};
use std::sync::Arc;

/// A `GstCudaStream`.
#[derive(Debug)]
struct Stream(*mut GstMiniObject);

// SAFETY: it is counted by atomics, and never changes.
unsafe impl Send for Stream {}
// SAFETY: as above.
unsafe impl Sync for Stream {}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: the reference is ours.
        unsafe { gst_mini_object_unref(self.0) }
    }
}

/// The stream that our mattes are made on.
#[derive(Debug)]
pub struct MatteStream {
    stream: Arc<Stream>,
    /// The device on it.
    pub device: Device,
}

impl MatteStream {
    /// A new one in `context`, which `device` is in; none where GStreamer knows no streams.
    pub fn new(context: *mut RawContext, device: &Device) -> Result<Option<Self>, CudaMemoryError> {
        let Some(Streams { new, get_handle, .. }) = &functions()?.streams else { return Ok(None) };
        // SAFETY: the context is alive; the stream is new, and ours.
        let raw = unsafe { new(context) };
        if raw.is_null() {
            return Ok(None);
        }
        let stream = Arc::new(Stream(raw));
        // SAFETY: the stream is of the context, and the device keeps it.
        let device = unsafe { device.with_stream(get_handle(raw), stream.clone()) };
        Ok(Some(Self { stream, device }))
    }

    /// Buffers of a pool with `config` say that they are written on this stream.
    pub fn configure(&self, config: &mut gst::BufferPoolConfig) {
        if let Ok(Some(streams)) = functions().map(|functions| &functions.streams) {
            // SAFETY: both are alive; the configuration keeps a reference of its own.
            unsafe { (streams.set_of_pool)(config.as_mut_ptr(), self.stream.0) }
        }
    }
}

/// The end of what was queued on CUDA memory by whoever wrote it; none where that was waited for.
///
/// # Safety
/// `memory` is CUDA memory of the context that `device` is in, and alive.
pub unsafe fn written(device: &Device, memory: *mut GstMemory) -> Result<Option<Event>, CudaError> {
    let Ok(Some(streams)) = functions().map(|functions| &functions.streams) else {
        return Ok(None);
    };
    // SAFETY: the memory keeps its stream, for longer than it is used here.
    let theirs = unsafe {
        let stream = (streams.of_memory)(memory);
        if stream.is_null() {
            return Ok(None);
        }
        device.with_stream((streams.get_handle)(stream), Arc::new(()))
    };
    let event = theirs.event()?;
    theirs.record(&event)?;
    Ok(Some(event))
}
