//! Host tensors to the GPU's memory and back, on one stream.
use crate::backend::{BackendError, Tensor};
use crate::signature::{ElementType, TensorSpec};
use cudarc::driver::{CudaSlice, CudaStream, DevicePtr, DriverError};
use std::ffi::c_void;
use std::sync::Arc;

/// A tensor's place on the GPU.
pub(super) struct DeviceTensor {
    bytes: CudaSlice<u8>,
}

impl DeviceTensor {
    /// Zeros of the shape and type that `spec` asks for.
    pub(super) fn new(stream: &Arc<CudaStream>, spec: &TensorSpec) -> Result<Self, BackendError> {
        let size = match spec.element_type {
            ElementType::U8 => 1,
            ElementType::F32 => 4,
        };
        let len = size * spec.shape.iter().product::<usize>();
        let bytes = stream.alloc_zeros(len).map_err(|e| failed("taking memory", &e))?;
        Ok(Self { bytes })
    }

    /// What TensorRT is given. It stays valid as long as this tensor.
    pub(super) fn address(&self, stream: &CudaStream) -> *mut c_void {
        let (address, _recorded) = self.bytes.device_ptr(stream);
        address as *mut c_void
    }

    /// Overwrites the tensor, which is as long; enqueued.
    pub(super) fn write(
        &mut self,
        stream: &Arc<CudaStream>,
        from: &Tensor,
    ) -> Result<(), BackendError> {
        let bytes = match from {
            Tensor::U8(values) => values.as_slice(),
            // SAFETY: as many bytes of plain numbers, borrowed as long.
            Tensor::F32(values) => unsafe {
                std::slice::from_raw_parts(values.as_ptr().cast(), size_of_val(&values[..]))
            },
        };
        stream.memcpy_htod(bytes, &mut self.bytes).map_err(|e| failed("copying to the GPU", &e))
    }

    /// Overwrites `to`, which is as long; enqueued.
    pub(super) fn read(
        &self,
        stream: &Arc<CudaStream>,
        to: &mut Tensor,
    ) -> Result<(), BackendError> {
        let bytes = match to {
            Tensor::U8(values) => values.as_mut_slice(),
            // SAFETY: as in `write`, borrowed alone; every bit pattern is a valid number.
            Tensor::F32(values) => unsafe {
                std::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), size_of_val(&values[..]))
            },
        };
        stream.memcpy_dtoh(&self.bytes, bytes).map_err(|e| failed("copying from the GPU", &e))
    }
}

/// A driver's error in ours.
pub(super) fn failed(doing: &'static str, reason: &DriverError) -> BackendError {
    BackendError::TensorRt { doing, reason: reason.to_string() }
}
