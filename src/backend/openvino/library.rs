//! Opens OpenVINO's C library, once per process.
use crate::backend::BackendError;
use crate::backend::library::Library;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// The folder that holds `libopenvino_c.so*`; when set, no other place is looked at.
pub const DIR_VARIABLE: &str = "MGDSAM2_OPENVINO_DIR";

const LIBRARY: Library = Library {
    name: "OpenVINO",
    file: "libopenvino_c.so",
    variable: DIR_VARIABLE,
    deps: ".deps/openvino",
    inside: &["", "libs", "openvino/libs", "runtime/lib/intel64"],
};

/// Opens OpenVINO unless it is open, and says which file it is.
///
/// OpenVINO finds its plugins and TBB beside itself (its libraries carry `$ORIGIN` as RPATH), so
/// an absolute path is all that it needs.
pub fn load() -> Result<PathBuf, BackendError> {
    static LOADED: Mutex<Option<PathBuf>> = Mutex::new(None);
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(path) = &*loaded {
        return Ok(path.clone());
    }
    let path = LIBRARY.find()?;
    openvino_sys::library::load_from(path.clone()).map_err(|reason| BackendError::Library {
        library: LIBRARY.name,
        path: path.clone(),
        reason,
    })?;
    tracing::debug!(path = %path.display(), "OpenVINO loaded");
    Ok(loaded.insert(path).clone())
}
