//! Memory bound to a session's tensors, on the CPU or a GPU.
//!
//! The C functions are called directly: the safe binding above them copies every borrowed input.
use super::refused;
use crate::backend::BackendError;
use crate::signature::{ElementType, TensorSpec};
use ort::AsPointer;
use ort::memory::MemoryInfo;
use ort::session::{IoBinding, Session};
use ort::sys::OrtStatusPtr;
use ort::value::{DynValueRefMut, Shape, TensorRefMut};
use std::ffi::{CString, c_void};
use std::ptr;

/// One inference's memory; fields are in the order of dropping.
pub(super) struct Binding {
    binding: IoBinding,
    /// What the binding points to.
    values: Vec<DynValueRefMut<'static>>,
}

impl Binding {
    /// Nothing is bound yet.
    pub(super) fn new(session: &Session) -> Result<Self, BackendError> {
        let binding = session.create_binding().map_err(|e| refused("binding memory", &e))?;
        Ok(Self { binding, values: Vec::new() })
    }

    /// Binds an input.
    ///
    /// # Safety
    /// `address` must be of memory of the kind `memory` says, hold what `spec` says, and stay
    /// valid and unchanged as long as the binding.
    pub(super) unsafe fn input(
        &mut self,
        spec: &TensorSpec,
        memory: &MemoryInfo,
        address: *mut c_void,
    ) -> Result<(), BackendError> {
        // SAFETY: the caller's promise.
        let (name, value) = unsafe { self.value(spec, memory, address)? };
        // SAFETY: the binding and the value are alive, the value as long as the binding.
        check("binding an input", unsafe {
            (ort::api().BindInput)(self.binding.ptr().cast_mut(), name.as_ptr(), value)
        })
    }

    /// Binds an output.
    ///
    /// # Safety
    /// As for [`input`](Self::input), and nothing else may look at the memory meanwhile.
    pub(super) unsafe fn output(
        &mut self,
        spec: &TensorSpec,
        memory: &MemoryInfo,
        address: *mut c_void,
    ) -> Result<(), BackendError> {
        // SAFETY: the caller's promise.
        let (name, value) = unsafe { self.value(spec, memory, address)? };
        // SAFETY: as for inputs.
        check("binding an output", unsafe {
            (ort::api().BindOutput)(self.binding.ptr().cast_mut(), name.as_ptr(), value)
        })
    }

    /// Runs `session`, which this was made for, to the end.
    pub(super) fn run(&mut self, session: &mut Session) -> Result<(), BackendError> {
        let (session, binding) = (session.ptr().cast_mut(), self.binding.ptr());
        // SAFETY: both are alive, `&mut` keeps others from running the session, and what is bound
        // is valid as promised.
        check("running", unsafe { (ort::api().RunWithBinding)(session, ptr::null(), binding) })?;
        self.binding.synchronize_outputs().map_err(|e| refused("running", &e))
    }

    /// # Safety
    /// As for [`input`](Self::input).
    unsafe fn value(
        &mut self,
        spec: &TensorSpec,
        memory: &MemoryInfo,
        address: *mut c_void,
    ) -> Result<(CString, *const ort::sys::OrtValue), BackendError> {
        let doing = "naming a tensor's place";
        let name = CString::new(spec.name.as_str()).map_err(|e| refused(doing, &e))?;
        let shape = Shape::new(spec.shape.iter().map(|&size| size as i64));
        let memory = memory.to_owned();
        // SAFETY: the caller's promise.
        let value = unsafe {
            match spec.element_type {
                ElementType::U8 => {
                    TensorRefMut::<u8>::from_raw(memory, address, shape).map(TensorRefMut::into_dyn)
                }
                ElementType::F32 => TensorRefMut::<f32>::from_raw(memory, address, shape)
                    .map(TensorRefMut::into_dyn),
            }
        };
        self.values.push(value.map_err(|e| refused(doing, &e))?);
        let value = self.values.last().map_or(ptr::null(), |value| value.ptr());
        Ok((name, value))
    }
}

fn check(doing: &'static str, status: OrtStatusPtr) -> Result<(), BackendError> {
    // SAFETY: the status came from ONNX Runtime just now, and is freed by this.
    let result = unsafe { ort::Error::<()>::result_from_status(status) };
    result.map_err(|e| refused(doing, &e))
}
