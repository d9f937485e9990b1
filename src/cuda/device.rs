//! A device's context, its kernels, and the one stream that all work goes to.
use super::kernels::Kernels;
use super::{CudaError, nvrtc};
use cudarc::driver::sys::CUdevice_attribute::{
    CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR as MAJOR,
    CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR as MINOR,
};
use cudarc::driver::sys::{CUcontext, is_culib_present};
use cudarc::driver::{CudaContext, CudaSlice, CudaStream, DeviceRepr, ValidAsZeroBits, result};
use std::ffi::c_void;
use std::mem;
use std::sync::Arc;

/// Device memory of one context. Freed when the work that was queued before is done.
pub type Buffer<T> = CudaSlice<T>;

/// A CUDA context, the project's kernels in it, and a stream.
///
/// All work is queued on the stream and done in that order, whichever threads queue it; so what
/// one call writes, the next may read, and nothing waits until [`synchronize`](Self::synchronize).
/// Clones share all three.
#[derive(Clone)]
pub struct Device {
    context: Arc<CudaContext>,
    pub(super) stream: Arc<CudaStream>,
    pub(super) kernels: Arc<Kernels>,
}

impl Device {
    /// The primary context of the device of this number, which CUDA's runtime and most libraries
    /// use too. Compiles the kernels for the device, or finds them in the user's cache folder.
    pub fn primary(ordinal: usize) -> Result<Self, CudaError> {
        check_driver()?;
        let context = CudaContext::new(ordinal)
            .map_err(CudaError::driver("opening the device's primary context"))?;
        Self::new(context)
    }

    /// Somebody else's context on the device of this number.
    ///
    /// # Safety
    /// `handle` is a `CUcontext` of that device and outlives all clones of the result, and all
    /// buffers made of them.
    pub unsafe fn adopt(handle: *mut c_void, ordinal: usize) -> Result<Self, CudaError> {
        check_driver()?;
        let doing = CudaError::driver("adopting a context");
        let device = result::device::get(ordinal as i32).map_err(&doing)?;
        // SAFETY: the caller vouches for the handle; what takes it over never drops it, see below.
        let context = unsafe {
            CudaContext::from_raw_context(ordinal, device, handle as CUcontext).map_err(doing)?
        };
        // The last of its references would destroy the context, which is not ours.
        mem::forget(context.clone());
        Self::new(context)
    }

    fn new(context: Arc<CudaContext>) -> Result<Self, CudaError> {
        // SAFETY: there is one stream, whose order is all the order that is needed.
        unsafe { context.disable_event_tracking() };
        let stream = context.new_stream().map_err(CudaError::driver("making a stream"))?;
        let attribute = |which| {
            context.attribute(which).map_err(CudaError::driver("asking for the compute capability"))
        };
        let arch = (10 * attribute(MAJOR)? + attribute(MINOR)?) as u32;
        let cubin = nvrtc::cached_cubin(arch)?;
        let kernels = Arc::new(Kernels::load(&context, cubin)?);
        Ok(Self { context, stream, kernels })
    }

    /// The `CUcontext`.
    pub fn handle(&self) -> *mut c_void {
        self.context.cu_ctx().cast()
    }

    /// The `CUdevice`.
    pub fn ordinal(&self) -> i32 {
        self.context.ordinal() as i32
    }

    /// The `CUstream`, for libraries that queue their own work.
    pub fn stream_handle(&self) -> *mut c_void {
        self.stream.cu_stream().cast()
    }

    /// Waits until everything that was queued is done; an error if any of it failed.
    pub fn synchronize(&self) -> Result<(), CudaError> {
        let doing = CudaError::driver("waiting for the device");
        self.context.bind_to_thread().map_err(&doing)?;
        self.stream.synchronize().map_err(doing)
    }

    /// Zeros.
    pub fn zeros<T: DeviceRepr + ValidAsZeroBits>(
        &self,
        len: usize,
    ) -> Result<Buffer<T>, CudaError> {
        self.stream.alloc_zeros(len).map_err(CudaError::driver("allocating device memory"))
    }

    /// A copy of `values`.
    pub fn copied<T: DeviceRepr>(&self, values: &[T]) -> Result<Buffer<T>, CudaError> {
        self.stream.clone_htod(values).map_err(CudaError::driver("copying tables to the device"))
    }

    /// Queues a copy from the host.
    pub fn upload<T: DeviceRepr>(&self, from: &[T], to: &mut Buffer<T>) -> Result<(), CudaError> {
        check_len("upload", from.len(), to.len())?;
        self.stream.memcpy_htod(from, to).map_err(CudaError::driver("copying to the device"))
    }

    /// Copies to the host, and waits until it is there.
    pub fn download<T: DeviceRepr>(&self, from: &Buffer<T>, to: &mut [T]) -> Result<(), CudaError> {
        check_len("download", from.len(), to.len())?;
        self.stream.memcpy_dtoh(from, to).map_err(CudaError::driver("copying to the host"))?;
        self.synchronize()
    }
}

/// cudarc panics without a driver.
fn check_driver() -> Result<(), CudaError> {
    // SAFETY: opens libraries by name, whose initialisers are NVIDIA's.
    match unsafe { is_culib_present() } {
        true => Ok(()),
        false => Err(CudaError::NoDriver),
    }
}

pub(super) fn check_len(
    name: &'static str,
    expected: usize,
    found: usize,
) -> Result<(), CudaError> {
    match found >= expected {
        true => Ok(()),
        false => Err(CudaError::Size { name, expected, found }),
    }
}
