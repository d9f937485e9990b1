//! A device's context, its kernels, and a stream that work goes to.
use super::kernels::Kernels;
use super::{CudaError, nvrtc};
use cudarc::driver::sys::CUdevice_attribute::{
    CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR as MAJOR,
    CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR as MINOR,
};
use cudarc::driver::sys::{CUcontext, is_culib_present};
use cudarc::driver::{CudaContext, CudaSlice, CudaStream, DeviceRepr, ValidAsZeroBits, result};
use std::ffi::c_void;
use std::fmt;
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

/// Device memory of one context. Freed when the work that was queued before is done.
pub type Buffer<T> = CudaSlice<T>;

/// A CUDA context, the project's kernels in it, and a stream.
///
/// Work is queued on the stream and done in that order, whichever threads queue it; so what one
/// call writes, the next may read, and nothing waits until [`synchronize`](Self::synchronize).
/// Clones share all three; streams [`beside`](Self::beside) it work at the same time, and are put
/// in order by [`Event`](super::Event)s.
#[derive(Clone)]
pub struct Device {
    pub(super) kernels: Arc<Kernels>,
    pub(super) stream: Arc<CudaStream>,
    context: Arc<CudaContext>,
    host_copies: Arc<AtomicU64>,
    /// What kernels count into.
    counts: Arc<Mutex<Option<Buffer<u32>>>>,
    /// Keeps the stream of somebody else.
    _stream_owner: Option<Arc<dyn Send + Sync>>,
    /// Keeps the context of somebody else; the last to go.
    owner: Option<Arc<dyn Send + Sync>>,
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Device({}, context {:?})", self.ordinal(), self.handle())
    }
}

impl Device {
    /// The primary context of the device of this number, which CUDA's runtime and most libraries
    /// use too. Compiles the kernels for the device, or finds them in the user's cache folder.
    pub fn primary(ordinal: usize) -> Result<Self, CudaError> {
        check_driver()?;
        let context = CudaContext::new(ordinal)
            .map_err(CudaError::driver("opening the device's primary context"))?;
        Self::new(context, None)
    }

    /// Somebody else's context on the device of this number.
    ///
    /// # Safety
    /// `handle` is a `CUcontext` of that device and lives as long as `owner`, which is dropped with
    /// the last clone of the result; no buffer made of it may be dropped after that.
    pub unsafe fn adopt(
        handle: *mut c_void,
        ordinal: usize,
        owner: Arc<dyn Send + Sync>,
    ) -> Result<Self, CudaError> {
        check_driver()?;
        let doing = CudaError::driver("adopting a context");
        let device = result::device::get(ordinal as i32).map_err(&doing)?;
        // SAFETY: the caller vouches for the handle; what takes it over never drops it, see below.
        let context = unsafe {
            CudaContext::from_raw_context(ordinal, device, handle as CUcontext).map_err(doing)?
        };
        // The last of its references would destroy the context, which is not ours.
        mem::forget(context.clone());
        Self::new(context, Some(owner))
    }

    fn new(
        context: Arc<CudaContext>,
        owner: Option<Arc<dyn Send + Sync>>,
    ) -> Result<Self, CudaError> {
        // SAFETY: whoever uses a buffer on several streams puts them in order by events.
        unsafe { context.disable_event_tracking() };
        let stream = context.new_stream().map_err(CudaError::driver("making a stream"))?;
        let attribute = |which| {
            context.attribute(which).map_err(CudaError::driver("asking for the compute capability"))
        };
        let arch = (10 * attribute(MAJOR)? + attribute(MINOR)?) as u32;
        let cubin = nvrtc::cached_cubin(arch)?;
        let kernels = Arc::new(Kernels::load(&context, cubin)?);
        let (host_copies, counts) = (Arc::default(), Arc::default());
        Ok(Self { kernels, stream, context, host_copies, counts, _stream_owner: None, owner })
    }

    /// The same context with another stream.
    pub fn beside(&self) -> Result<Self, CudaError> {
        let stream = self.context.new_stream().map_err(CudaError::driver("making a stream"))?;
        Ok(Self { stream, counts: Arc::default(), _stream_owner: None, ..self.clone() })
    }

    /// The same context with somebody else's stream.
    ///
    /// # Safety
    /// `stream` is a `CUstream` of the context and lives as long as `owner`.
    pub unsafe fn with_stream(&self, stream: *mut c_void, owner: Arc<dyn Send + Sync>) -> Self {
        // SAFETY: the caller vouches for it.
        let stream = unsafe { self.context.wrap_borrowed_stream(stream.cast()) };
        Self { stream, counts: Arc::default(), _stream_owner: Some(owner), ..self.clone() }
    }

    /// The same, counting its copies to and from the host in `host_copies`.
    pub fn counting(self, host_copies: Arc<AtomicU64>) -> Self {
        Self { host_copies, ..self }
    }

    /// Whether it is in the device's primary context, as libraries' engines are.
    pub fn is_primary(&self) -> bool {
        self.owner.is_none()
    }

    /// Whether both are in one context, whatever their streams.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.kernels, &other.kernels)
    }

    pub(super) fn context(&self) -> &Arc<CudaContext> {
        &self.context
    }

    /// Lets go of errors that were met while memory was freed, which else the next call returns.
    pub fn forget_errors(&self) {
        let _ = self.context.check_err();
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

    /// Waits until everything that was queued before this call is done, and for nothing that is
    /// queued meanwhile; an error if any of it failed.
    pub fn synchronize(&self) -> Result<(), CudaError> {
        let doing = CudaError::driver("waiting for the device");
        let event = self.stream.record_event(None).map_err(&doing)?;
        event.synchronize().map_err(doing)
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

    /// Queues a copy from the host, plane by plane into the first elements of buffers; the planes
    /// have been read when this returns. All are one picture or tensor, and count as one copy.
    pub fn upload<'a, T: DeviceRepr + 'a>(
        &self,
        planes: impl IntoIterator<Item = (&'a [T], &'a mut Buffer<T>)>,
    ) -> Result<(), CudaError> {
        self.host_copies.fetch_add(1, Relaxed);
        for (from, to) in planes {
            self.write(from, to)?;
        }
        Ok(())
    }

    /// Queues a copy of a whole buffer into another, from element `at` on.
    pub fn copy<T: DeviceRepr>(
        &self,
        from: &Buffer<T>,
        to: &mut Buffer<T>,
        at: usize,
    ) -> Result<(), CudaError> {
        check_len("copy", at + from.len(), to.len())?;
        let mut to = to.slice_mut(at..at + from.len());
        self.stream.memcpy_dtod(from, &mut to).map_err(CudaError::driver("copying on the device"))
    }

    /// Queues a copy of `values` into the first elements of a buffer; they have been read when this
    /// returns. For what the host says to the device: no picture, and not counted.
    pub fn write<T: DeviceRepr>(&self, values: &[T], to: &mut Buffer<T>) -> Result<(), CudaError> {
        check_len("values", values.len(), to.len())?;
        self.stream.memcpy_htod(values, to).map_err(CudaError::driver("copying to the device"))
    }

    /// Copies the first elements of a buffer to `values` and waits until they are there. For what
    /// the host decides by: no picture, and not counted.
    pub fn read<T: DeviceRepr>(&self, from: &Buffer<T>, values: &mut [T]) -> Result<(), CudaError> {
        check_len("values", values.len(), from.len())?;
        let queued = self.stream.memcpy_dtoh(&from.slice(..values.len()), values);
        let queued = queued.map_err(CudaError::driver("copying to the host"));
        self.synchronize().and(queued)
    }

    /// What the kernel that `launch` starts on zeros at an address counts into `counts`; waits for it.
    pub(super) fn count(
        &self,
        counts: &mut [u32],
        launch: impl FnOnce(u64) -> Result<(), CudaError>,
    ) -> Result<(), CudaError> {
        let mut kept = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut buffer = match kept.take().filter(|buffer| buffer.len() >= counts.len()) {
            Some(buffer) => buffer,
            None => self.zeros(counts.len())?,
        };
        let zeroed = self.stream.memset_zeros(&mut buffer);
        zeroed.map_err(CudaError::driver("clearing device memory"))?;
        launch(self.address(&buffer))?;
        self.read(kept.insert(buffer), counts)
    }

    /// Copies the first elements of buffers to the host, as [`upload`](Self::upload) does from it,
    /// and waits until they are there.
    pub fn download<'a, T: DeviceRepr + 'a>(
        &self,
        planes: impl IntoIterator<Item = (&'a Buffer<T>, &'a mut [T])>,
    ) -> Result<(), CudaError> {
        self.host_copies.fetch_add(1, Relaxed);
        let queued = planes.into_iter().try_for_each(|(from, to)| {
            check_len("download", to.len(), from.len())?;
            let queued = self.stream.memcpy_dtoh(&from.slice(..to.len()), to);
            queued.map_err(CudaError::driver("copying to the host"))
        });
        // Whatever failed, what was queued before it still writes.
        self.synchronize().and(queued)
    }
}

/// What is current on this thread, which becomes so again when this is dropped: for threads that
/// are not ours.
pub struct Current(Option<CUcontext>);

impl Current {
    /// Keeps it; nothing where there is no driver.
    pub fn keep() -> Self {
        let current = check_driver().is_ok().then(result::ctx::get_current);
        Self(current.and_then(Result::ok).flatten())
    }
}

impl Drop for Current {
    fn drop(&mut self) {
        if let Some(context) = self.0 {
            // SAFETY: it was current on this thread, so it is for others to keep. If the driver
            // refuses, their next call tells them.
            let _ = unsafe { result::ctx::set_current(context) };
        }
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
