//! The GPU that engines would run on, if there is one.
use super::Target;
use crate::backend::BackendError;
use cudarc::driver::{CudaContext, DriverError};
use std::sync::Arc;

/// A GPU, with its primary context.
#[derive(Debug, Clone)]
pub struct Gpu {
    /// What its maker calls it.
    pub name: String,
    /// Its architecture.
    pub target: Target,
    pub(super) context: Arc<CudaContext>,
}

impl Gpu {
    /// Opens the driver if need be, and asks it for GPU number `device`.
    pub fn detect(device: u32) -> Result<Self, BackendError> {
        // SAFETY: opens and closes libcuda, which allows it.
        if !unsafe { cudarc::driver::sys::is_culib_present() } {
            let reason = "libcuda.so.1, NVIDIA's driver, was not found";
            return Err(BackendError::NoGpu(reason.into()));
        }
        let refused = |doing: &str, e: DriverError| {
            BackendError::NoGpu(format!("CUDA device {device}: {doing}: {e}"))
        };
        let context = CudaContext::new(device as usize).map_err(|e| refused("opening it", e))?;
        let (major, minor) =
            context.compute_capability().map_err(|e| refused("asking what it is", e))?;
        let name = context.name().map_err(|e| refused("asking what it is", e))?;
        let target = Target::new(major.unsigned_abs(), minor.unsigned_abs())?;
        Ok(Self { name, target, context })
    }
}
