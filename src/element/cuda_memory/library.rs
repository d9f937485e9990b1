//! libgstcuda, opened when somebody asks for CUDA memory. It is never closed, for it registers types.
//!
//! Its functions abort the process where the driver is missing, so none but its loader is called
//! unless that has found the driver. What only newer versions have is used where it is; left out is
//! `gst_cuda_allocator_alloc`, which has another signature under the same name from 1.24 on.
use super::CudaMemoryError;
use gst::ffi::{
    GstBufferPool, GstContext, GstElement, GstMemory, GstMiniObject, GstObject, GstQuery,
    GstStructure,
};
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
    /// From 1.24 on: memory knows the stream that writes it, and whoever reads it waits for that.
    pub streams: Option<Streams>,
}

/// What is known of streams from 1.24 on. A `GstCudaStream` is a `GstMiniObject`.
pub struct Streams {
    pub new: unsafe extern "C" fn(*mut RawContext) -> *mut GstMiniObject,
    pub get_handle: unsafe extern "C" fn(*mut GstMiniObject) -> *mut c_void,
    pub of_memory: unsafe extern "C" fn(*mut GstMemory) -> *mut GstMiniObject,
    pub set_of_pool: unsafe extern "C" fn(*mut GstStructure, *mut GstMiniObject),
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
            streams: streams(&library),
        }
    };
    mem::forget(library);
    Ok(functions)
}

/// All of them, or none.
fn streams(library: &Library) -> Option<Streams> {
    // SAFETY: the types are those of the headers of 1.24 and newer.
    unsafe {
        Some(Streams {
            new: *library.get(b"gst_cuda_stream_new").ok()?,
            get_handle: *library.get(b"gst_cuda_stream_get_handle").ok()?,
            of_memory: *library.get(b"gst_cuda_memory_get_stream").ok()?,
            set_of_pool: *library.get(b"gst_buffer_pool_config_set_cuda_stream").ok()?,
        })
    }
}
