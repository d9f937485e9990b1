//! Opens TensorRT's libraries, once per process, and only in the version of the bindings.
use crate::backend::BackendError;
use crate::backend::library::Library;
use std::path::{Path, PathBuf};

/// The folder that holds TensorRT's libraries; when set, no other place is looked at.
pub const DIR_VARIABLE: &str = "MGDSAM2_TENSORRT_DIR";

#[cfg(not(feature = "tensorrt-enterprise"))]
mod edition {
    /// For people, messages and keys of the cache.
    pub const NAME: &str = "TensorRT-RTX";
    pub const RUNTIME: &str = "libtensorrt_rtx.so";
    pub const PARSER: &str = "libtensorrt_onnxparser_rtx.so";
}
#[cfg(feature = "tensorrt-enterprise")]
mod edition {
    /// For people, messages and keys of the cache.
    pub const NAME: &str = "TensorRT";
    pub const RUNTIME: &str = "libnvinfer.so";
    pub const PARSER: &str = "libnvonnxparser.so";
}
pub use edition::NAME;

/// Opens what runs engines and returns its version: `1.7.1`.
///
/// The bindings call C++ methods by their place in a table, so another version is refused.
pub fn load() -> Result<String, BackendError> {
    let path = find(edition::NAME, edition::RUNTIME)?;
    let expected = expected_version();
    let found = version_of(&path)?;
    if found != expected {
        let (expected, found) = (dotted(expected), dotted(found));
        return Err(BackendError::Version { library: NAME, path, expected, found });
    }
    trtx::dynamically_load_tensorrt(Some(&path)).map_err(|e| refused(NAME, &path, &e))?;
    Ok(dotted(found))
}

/// Opens what reads graphs: building needs it, running does not.
pub fn load_parser() -> Result<(), BackendError> {
    const NAME: &str = "TensorRT's ONNX parser";
    let path = find(NAME, edition::PARSER)?;
    trtx::dynamically_load_tensorrt_onnxparser(Some(&path)).map_err(|e| refused(NAME, &path, &e))
}

fn find(name: &'static str, file: &'static str) -> Result<PathBuf, BackendError> {
    let inside = &["", "lib", "tensorrt_rtx_libs", "tensorrt_libs"];
    let deps = ".deps/tensorrt";
    Library { name, file, variable: DIR_VARIABLE, deps, inside }.find()
}

/// What the library says of itself. It stays open: TensorRT does not like to be unloaded.
fn version_of(path: &Path) -> Result<u32, BackendError> {
    // SAFETY: loading runs TensorRT's initialisers, which need nothing of us.
    let library = unsafe { libloading::Library::new(path) }.map_err(|e| refused(NAME, path, &e))?;
    // SAFETY: both editions export `int32_t getInferLibVersion()` with C's calling convention.
    let version = unsafe {
        let get = library.get::<unsafe extern "C" fn() -> i32>(b"getInferLibVersion\0");
        get.map_err(|e| refused(NAME, path, &e))?()
    };
    std::mem::forget(library);
    Ok(version.unsigned_abs())
}

fn expected_version() -> u32 {
    // SAFETY: returns a constant.
    unsafe { trtx::trtx_sys::get_tensorrt_version() }
}

/// 10701 as `1.7.1`, 110400 as `11.4.0`.
fn dotted(version: u32) -> String {
    format!("{}.{}.{}", version / 10_000, version / 100 % 100, version % 100)
}

fn refused(library: &'static str, path: &Path, reason: &dyn std::error::Error) -> BackendError {
    BackendError::Library { library, path: path.into(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_read_as_their_makers_write_them() {
        assert_eq!([10701, 110_400].map(dotted), ["1.7.1", "11.4.0"]);
    }
}
