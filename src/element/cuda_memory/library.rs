//! libgstcuda, opened when somebody asks for CUDA memory. It is never closed, for it registers types.
//!
//! Its functions abort the process where the driver is missing, so none but its loader is called
//! unless that has found the driver. What only newer versions have is left out:
//! `gst_cuda_allocator_alloc` has another signature under the same name from 1.24 on.
use super::CudaMemoryError;
use gst::ffi::{GstBufferPool, GstContext, GstElement, GstMemory, GstObject, GstQuery};
use gst::glib::ffi::gboolean;
use libloading::Library;
use std::ffi::{c_int, c_void};
use std::mem;
use std::sync::LazyLock;

const NAME: &str = "libgstcuda-1.0.so.0";

/// `GST_MAP_CUDA`: the map's data is a device pointer.
pub const MAP_CUDA: gst::ffi::GstMapFlags = gst::ffi::GST_MAP_FLAG_LAST << 1;

/// A `GstCudaContext`, which is a `GstObject`.
pub type RawContext = GstObject;

/// The beginning of `GstCudaMemory`, the same from 1.22 on.
#[repr(C)]
pub struct RawMemory {
    memory: GstMemory,
    /// Whose memory it is.
    pub context: *mut RawContext,
}

/// The functions, as `gst/cuda/gstcuda.h` declares them.
pub struct Functions {
    pub context_new_wrapped: unsafe extern "C" fn(*mut c_void, c_int) -> *mut RawContext,
    pub context_get_handle: unsafe extern "C" fn(*mut RawContext) -> *mut c_void,
    pub new_gst_context: unsafe extern "C" fn(*mut RawContext) -> *mut GstContext,
    pub handle_set_context: unsafe extern "C" fn(
        *mut GstElement,
        *mut GstContext,
        c_int,
        *mut *mut RawContext,
    ) -> gboolean,
    pub handle_context_query:
        unsafe extern "C" fn(*mut GstElement, *mut GstQuery, *mut RawContext) -> gboolean,
    pub is_cuda_memory: unsafe extern "C" fn(*mut GstMemory) -> gboolean,
    pub buffer_pool_new: unsafe extern "C" fn(*mut RawContext) -> *mut GstBufferPool,
    /// From 1.24 on: waits for what another stream still writes.
    pub memory_sync: Option<unsafe extern "C" fn(*mut GstMemory)>,
}

/// The functions, if the library and the driver are here.
pub fn functions() -> Result<&'static Functions, CudaMemoryError> {
    static FUNCTIONS: LazyLock<Result<Functions, CudaMemoryError>> = LazyLock::new(open);
    FUNCTIONS.as_ref().map_err(Clone::clone)
}

fn open() -> Result<Functions, CudaMemoryError> {
    let missing = |e: libloading::Error| CudaMemoryError::NoLibrary(e.to_string());
    // SAFETY: GStreamer's own library, whose initialisers do nothing.
    let library = unsafe { Library::new(NAME) }.map_err(missing)?;
    // SAFETY: the types are those of the headers of 1.22 and newer.
    let functions = unsafe {
        let load = library.get::<unsafe extern "C" fn() -> gboolean>(b"gst_cuda_load_library");
        if load.map_err(missing)?() == 0 {
            return Err(CudaMemoryError::NoDriver);
        }
        let init = library.get::<unsafe extern "C" fn()>(b"gst_cuda_memory_init_once");
        init.map_err(missing)?();
        Functions {
            context_new_wrapped: *library.get(b"gst_cuda_context_new_wrapped").map_err(missing)?,
            context_get_handle: *library.get(b"gst_cuda_context_get_handle").map_err(missing)?,
            new_gst_context: *library.get(b"gst_context_new_cuda_context").map_err(missing)?,
            handle_set_context: *library.get(b"gst_cuda_handle_set_context").map_err(missing)?,
            handle_context_query: *library
                .get(b"gst_cuda_handle_context_query")
                .map_err(missing)?,
            is_cuda_memory: *library.get(b"gst_is_cuda_memory").map_err(missing)?,
            buffer_pool_new: *library.get(b"gst_cuda_buffer_pool_new").map_err(missing)?,
            memory_sync: library.get(b"gst_cuda_memory_sync").ok().map(|symbol| *symbol),
        }
    };
    mem::forget(library);
    Ok(functions)
}
