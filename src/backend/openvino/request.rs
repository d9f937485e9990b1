//! One inference: its memory and its run.
use crate::backend::openvino::call::{c_string, check, owned, refused};
use crate::backend::openvino::core::CompiledModel;
use crate::backend::{BackendError, Tensor};
use crate::signature::TensorSpec;
use openvino_sys as ov;
use std::ffi::c_void;
use std::ptr::{self, NonNull};

owned!(
    /// The memory of one inference at a time.
    InferRequest,
    ov_infer_request_t,
    ov_infer_request_free
);
owned!(
    /// An input or output of an [`InferRequest`], in the request's memory.
    HostTensor,
    ov_tensor_t,
    ov_tensor_free
);

impl InferRequest {
    /// A request of `model`.
    pub(super) fn new(model: &CompiledModel) -> Result<Self, BackendError> {
        // SAFETY: the model is alive; OpenVINO keeps what the request needs of it.
        Self::make("making a request", |request| unsafe {
            ov::ov_compiled_model_create_infer_request(model.as_ptr(), request)
        })
    }

    /// The tensors that the request reads or writes, by the names in `specs`.
    pub(super) fn tensors(&self, specs: &[TensorSpec]) -> Result<Vec<HostTensor>, BackendError> {
        specs.iter().map(|spec| self.tensor(&spec.name)).collect()
    }

    fn tensor(&self, name: &str) -> Result<HostTensor, BackendError> {
        let doing = "reaching a tensor";
        let (request, name) = (self.0.as_ptr(), c_string(doing, name)?);
        // SAFETY: the request is alive and `name` ends in NUL; the tensor shares its memory's
        // ownership with the request.
        HostTensor::make(doing, |tensor| unsafe {
            ov::ov_infer_request_get_tensor(request, name.as_ptr(), tensor)
        })
    }

    /// Runs, and returns when the outputs are written.
    pub(super) fn infer(&mut self) -> Result<(), BackendError> {
        // SAFETY: the request is alive and `&mut self` keeps others from running it.
        check("running", unsafe { ov::ov_infer_request_infer(self.0.as_ptr()) })
    }
}

impl HostTensor {
    /// Overwrites the tensor with `values`, which must be as many bytes.
    pub(super) fn write(&mut self, values: &Tensor) -> Result<(), BackendError> {
        let (source, len) = match values {
            Tensor::U8(values) => (values.as_ptr(), values.len()),
            Tensor::F32(values) => (values.as_ptr().cast(), size_of_val(&values[..])),
        };
        let target = self.memory(len)?;
        // SAFETY: both are `len` bytes of plain numbers, apart from each other: one is ours, one
        // is OpenVINO's. No inference runs meanwhile, since this thread waits for each.
        unsafe { ptr::copy_nonoverlapping(source, target.as_ptr(), len) };
        Ok(())
    }

    /// Overwrites `values`, which must be as many bytes, with the tensor.
    pub(super) fn read(&self, values: &mut Tensor) -> Result<(), BackendError> {
        let (target, len) = match values {
            Tensor::U8(values) => (values.as_mut_ptr(), values.len()),
            Tensor::F32(values) => (values.as_mut_ptr().cast(), size_of_val(&values[..])),
        };
        let source = self.memory(len)?;
        // SAFETY: as in `write`; every bit pattern is a valid number.
        unsafe { ptr::copy_nonoverlapping(source.as_ptr(), target, len) };
        Ok(())
    }

    /// The tensor's memory, if it is `len` bytes.
    fn memory(&self, len: usize) -> Result<NonNull<u8>, BackendError> {
        let (mut data, mut found) = (ptr::null_mut::<c_void>(), 0);
        // SAFETY: the tensor is alive; its size is written to `found`.
        let status = unsafe { ov::ov_tensor_get_byte_size(self.0.as_ptr(), &raw mut found) };
        check("measuring a tensor", status)?;
        if found != len {
            return Err(refused("measuring a tensor", &format!("{found} bytes, not {len}")));
        }
        // SAFETY: the tensor is alive; the address of its memory is written to `data`.
        let status = unsafe { ov::ov_tensor_data(self.0.as_ptr(), &raw mut data) };
        check("reaching a tensor", status)?;
        NonNull::new(data.cast()).ok_or_else(|| refused("reaching a tensor", "it has no memory"))
    }
}
