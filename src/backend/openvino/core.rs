//! OpenVINO's core, and the compiled models it makes from graphs and from built engines.
use crate::backend::BackendError;
use crate::backend::openvino::call::{c_string, check, owned, refused, string};
use openvino_sys as ov;
use std::ffi::{CStr, c_char};
use std::path::Path;
use std::ptr;

/// The device that all of this is for.
const CPU: &CStr = c"CPU";

owned!(
    /// OpenVINO itself, with the properties that engines are made with.
    Core,
    ov_core_t,
    ov_core_free
);
owned!(
    /// A parsed graph.
    Model,
    ov_model_t,
    ov_model_free
);
owned!(
    /// A graph compiled for the CPU.
    CompiledModel,
    ov_compiled_model_t,
    ov_compiled_model_free
);
owned!(
    /// The description of an input or output.
    Port,
    ov_output_const_port_t,
    ov_output_const_port_free
);

/// Inputs or outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// What a graph takes.
    Inputs,
    /// What a graph gives.
    Outputs,
}

impl Core {
    /// The library must be open.
    pub(super) fn new() -> Result<Self, BackendError> {
        // SAFETY: OpenVINO writes one pointer to the place it is given.
        Self::make("starting", |core| unsafe { ov::ov_core_create(core) })
    }

    /// Sets a property of the CPU for all engines made from now on.
    pub(super) fn set(&mut self, key: &CStr, value: &str) -> Result<(), BackendError> {
        let (core, value) = (self.0.as_ptr(), c_string("setting a property", value)?);
        // SAFETY: the core is alive; the three strings end in NUL and are copied.
        check("setting a property", unsafe {
            ov::ov_core_set_property(core, CPU.as_ptr(), key.as_ptr(), value.as_ptr())
        })
    }

    /// Reads a property of the CPU.
    pub(super) fn get(&self, key: &CStr) -> Result<String, BackendError> {
        // SAFETY: the core is alive, the strings end in NUL, the value is written to `value`.
        string("reading a property", |value| unsafe {
            ov::ov_core_get_property(self.0.as_ptr(), CPU.as_ptr(), key.as_ptr(), value)
        })
    }

    /// Parses a file that holds an ONNX ModelProto with all of its weights.
    pub(super) fn read_onnx(&self, file: &Path) -> Result<Model, BackendError> {
        let doing = "reading the graph";
        let (core, path) = (self.0.as_ptr(), c_string(doing, &file.to_string_lossy())?);
        // SAFETY: the core is alive; `path` ends in NUL; ONNX has no second file.
        Model::make(doing, |model| unsafe {
            ov::ov_core_read_model(core, path.as_ptr(), ptr::null(), model)
        })
    }

    /// Compiles a graph with the properties that are set.
    pub(super) fn compile(&self, model: &Model) -> Result<CompiledModel, BackendError> {
        let (core, model) = (self.0.as_ptr(), model.0.as_ptr());
        // SAFETY: core and model are alive; no property arguments follow.
        CompiledModel::make("compiling", |compiled| unsafe {
            ov::ov_core_compile_model(core, model, CPU.as_ptr(), 0, compiled)
        })
    }

    /// Opens what [`CompiledModel::export`] wrote.
    ///
    /// # Safety
    /// The engine's constants stay in `built`: it must outlive what is returned and every
    /// request made from that, and must not change meanwhile.
    pub(super) unsafe fn import(&self, built: &[u8]) -> Result<CompiledModel, BackendError> {
        let (core, content, len) = (self.0.as_ptr(), built.as_ptr().cast::<c_char>(), built.len());
        // SAFETY: the core is alive; the caller keeps `built` for long enough.
        CompiledModel::make("loading a built engine", |compiled| unsafe {
            ov::ov_core_import_model(core, content, len, CPU.as_ptr(), compiled)
        })
    }
}

impl CompiledModel {
    /// Reads a property as it came out for this engine.
    pub(super) fn get(&self, key: &CStr) -> Result<String, BackendError> {
        // SAFETY: the model is alive, `key` ends in NUL, the value is written to `value`.
        string("reading a property", |value| unsafe {
            ov::ov_compiled_model_get_property(self.0.as_ptr(), key.as_ptr(), value)
        })
    }

    /// Writes the engine to a file that [`Core::import`] opens.
    pub(super) fn export(&self, file: &Path) -> Result<(), BackendError> {
        let doing = "saving a built engine";
        let path = file.to_str().ok_or_else(|| refused(doing, "the path is not UTF-8"))?;
        let path = c_string(doing, path)?;
        // SAFETY: the model is alive and `path` ends in NUL.
        check(doing, unsafe { ov::ov_compiled_model_export_model(self.0.as_ptr(), path.as_ptr()) })
    }

    /// How many inputs or outputs there are.
    pub(super) fn count(&self, side: Side) -> Result<usize, BackendError> {
        let (model, mut count) = (self.0.as_ptr(), 0);
        // SAFETY: the model is alive and the number is written to `count`.
        check("counting inputs and outputs", unsafe {
            match side {
                Side::Inputs => ov::ov_compiled_model_inputs_size(model, &raw mut count),
                Side::Outputs => ov::ov_compiled_model_outputs_size(model, &raw mut count),
            }
        })?;
        Ok(count)
    }

    /// The input or output called `name`; other names that OpenVINO gave it do not matter.
    pub(super) fn port(&self, side: Side, name: &str) -> Result<Port, BackendError> {
        let doing = "looking up an input or output";
        let (model, name) = (self.0.as_ptr(), c_string(doing, name)?);
        // SAFETY: the model is alive, `name` ends in NUL, the port is written to `port`.
        Port::make(doing, |port| unsafe {
            match side {
                Side::Inputs => ov::ov_compiled_model_input_by_name(model, name.as_ptr(), port),
                Side::Outputs => ov::ov_compiled_model_output_by_name(model, name.as_ptr(), port),
            }
        })
    }

    /// The address of the C object, for the request that is made from it.
    pub(super) fn as_ptr(&self) -> *const ov::ov_compiled_model_t {
        self.0.as_ptr()
    }
}

impl Port {
    /// Element type and shape, as `F32 [1, 2, 3]`.
    pub(super) fn describe(&self) -> Result<String, BackendError> {
        let mut kind = ov::ov_element_type_e::DYNAMIC;
        // SAFETY: the port is alive and the type is written to `kind`.
        let status = unsafe { ov::ov_port_get_element_type(self.0.as_ptr(), &raw mut kind) };
        check("reading an element type", status)?;
        Ok(match self.shape()? {
            Some(shape) => format!("{kind:?} {shape:?}"),
            None => format!("{kind:?} of dynamic shape"),
        })
    }

    /// Nothing for a dynamic shape.
    fn shape(&self) -> Result<Option<Vec<i64>>, BackendError> {
        let mut shape = ov::ov_shape_t { rank: 0, dims: ptr::null_mut() };
        // SAFETY: the port is alive; OpenVINO fills `shape` and allocates its `rank` sizes.
        let status = unsafe { ov::ov_const_port_get_shape(self.0.as_ptr(), &raw mut shape) };
        if status != ov::ov_status_e::OK {
            return Ok(None);
        }
        let rank = usize::try_from(shape.rank).unwrap_or(0);
        // SAFETY: `dims` holds `rank` values until it is freed below.
        let sizes = (0..rank).map(|axis| unsafe { *shape.dims.add(axis) }).collect();
        // SAFETY: `shape` was filled by OpenVINO and is not used after this.
        check("freeing a shape", unsafe { ov::ov_shape_free(&raw mut shape) })?;
        Ok(Some(sizes))
    }
}
