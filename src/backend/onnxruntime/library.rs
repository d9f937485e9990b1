//! Opens ONNX Runtime's library, once per process.
use crate::backend::BackendError;
use crate::backend::library::Library;
use ort::environment::Environment;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// The folder that holds `libonnxruntime.so*`; when set, no other place is looked at.
pub const DIR_VARIABLE: &str = "MGDSAM2_ONNXRUNTIME_DIR";

const LIBRARY: Library = Library {
    name: "ONNX Runtime",
    file: "libonnxruntime.so",
    variable: DIR_VARIABLE,
    deps: ".deps/onnxruntime",
    inside: &["", "lib", "capi", "onnxruntime/capi"],
};

/// Opens ONNX Runtime unless it is open.
pub(super) fn load() -> Result<Environment, BackendError> {
    static LOADED: Mutex<Option<Environment>> = Mutex::new(None);
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(environment) = &*loaded {
        return Ok(environment.clone());
    }
    let path = LIBRARY.find()?;
    let refused = |reason: &dyn std::error::Error| BackendError::Library {
        library: LIBRARY.name,
        path: path.clone(),
        reason: reason.to_string(),
    };
    let builder = ort::init_from(&path).map_err(|e| refused(&e))?;
    let environment = builder.with_name("mgdsam2").build().map_err(|e| refused(&e))?;
    tracing::debug!(path = %path.display(), "ONNX Runtime loaded");
    Ok(loaded.insert(environment).clone())
}

/// `1.32.0`, from the library's file name, which carries it.
pub fn version() -> Result<String, BackendError> {
    let file = |path: PathBuf| Some(path.canonicalize().ok()?.file_name()?.to_str()?.to_owned());
    let name = file(LIBRARY.find()?).unwrap_or_default();
    Ok(name.trim_start_matches(LIBRARY.file).trim_start_matches('.').to_owned())
}
