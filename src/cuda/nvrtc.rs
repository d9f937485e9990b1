//! Compiles the kernels for a device, once: NVRTC, found at run time, and a cache on disk.
use super::CudaError;
use super::kernels::SOURCE;
use crate::beside::beside;
use cudarc::nvrtc::{result, sys};
use libloading::Library;
use sha2::{Digest, Sha256};
use std::ffi::{CStr, CString};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::{env, fs, io, mem};

/// The folder that holds `libnvrtc.so.*`; when set, no other place is looked at.
pub const DIR_VARIABLE: &str = "MGDSAM2_NVRTC_DIR";

/// File names, the best first.
const NAMES: [&str; 3] = ["libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"];

/// Where NVIDIA's installers put shared libraries, beside what the loader knows.
const SYSTEM: [&str; 2] = ["/usr/local/cuda/lib64", "/usr/lib/x86_64-linux-gnu"];

/// Without contraction, so that floats come out as on the CPU.
const OPTIONS: [&str; 3] = ["--std=c++17", "--fmad=false", "--ptxas-options=-v"];

/// Machine code for one architecture.
#[derive(Debug, Clone)]
pub struct Cubin {
    /// An ELF file.
    pub code: Vec<u8>,
    /// What the assembler said: registers, shared memory and spills of each kernel.
    pub log: String,
}

/// The kernels for compute capability `arch` (86 for 8.6), from the user's cache folder or
/// compiled into it. A cache that cannot be used is only a loss of time.
pub(super) fn cached_cubin(arch: u32) -> Result<Vec<u8>, CudaError> {
    let hash = Sha256::digest(format!("{SOURCE}{OPTIONS:?}"));
    let key: String = hash[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    let folder = dirs::cache_dir().map(|folder| folder.join("mgdsam2/kernels"));
    let path = folder.map(|folder| folder.join(format!("{key}-sm_{arch}.cubin")));
    if let Some(code) = path.as_ref().and_then(|path| fs::read(path).ok()) {
        return Ok(code);
    }
    let code = compile(arch)?.code;
    if let Some(Err(error)) = path.map(|path| store(&path, &code)) {
        tracing::warn!(%error, "compiled kernels cannot be kept");
    }
    Ok(code)
}

/// Whole or not at all, whoever else writes it at the same time.
fn store(path: &Path, code: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let file = tempfile::NamedTempFile::new_in(folder)?;
    fs::write(file.path(), code)?;
    file.persist(path)?;
    Ok(())
}

/// Compiles the kernels for compute capability `arch`; needs no device.
pub fn compile(arch: u32) -> Result<Cubin, CudaError> {
    load()?;
    let failed = |log: String| CudaError::Compile { arch, log };
    let source = CString::new(SOURCE).map_err(|e| failed(e.to_string()))?;
    let program = result::create_program(&source, Some(c"kernels.cu"))
        .map(Program)
        .map_err(|e| failed(e.to_string()))?;
    let mut options = OPTIONS.map(String::from).to_vec();
    options.push(format!("--gpu-architecture=sm_{arch}"));
    // SAFETY: the program lives until the end of this function; so below.
    let compiled = unsafe { result::compile_program(program.0, &options) };
    // SAFETY: as above.
    let log = unsafe { result::get_program_log(program.0) }.map_err(|e| failed(e.to_string()))?;
    let log: Vec<u8> = log.into_iter().map(|byte| byte as u8).collect();
    let log = CStr::from_bytes_until_nul(&log).unwrap_or_default().to_string_lossy().into_owned();
    if let Err(error) = compiled {
        return Err(failed(format!("{error}: {log}")));
    }
    let code = program.cubin().map_err(|e| failed(e.to_string()))?;
    Ok(Cubin { code, log })
}

struct Program(sys::nvrtcProgram);

impl Program {
    fn cubin(&self) -> Result<Vec<u8>, result::NvrtcError> {
        let mut size = 0;
        // SAFETY: the program is alive and was compiled for a real architecture.
        unsafe { sys::nvrtcGetCUBINSize(self.0, &mut size) }.result()?;
        let mut code = vec![0u8; size];
        // SAFETY: as above, and `code` is as large as was said.
        unsafe { sys::nvrtcGetCUBIN(self.0, code.as_mut_ptr().cast()) }.result()?;
        Ok(code)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // SAFETY: it was made by `create_program` and is used no more.
        let _ = unsafe { result::destroy_program(self.0) };
    }
}

/// Opens NVRTC unless it is open. cudarc, which panics where it finds none, then finds this one by
/// its name.
fn load() -> Result<(), CudaError> {
    static LOADED: Mutex<bool> = Mutex::new(false);
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if *loaded {
        return Ok(());
    }
    let places = places();
    let files = places.iter().flat_map(|place| NAMES.map(|name| place.join(name)));
    // SAFETY: the library's initialisers are NVIDIA's.
    let library = files.into_iter().find_map(|file| unsafe { Library::new(file) }.ok());
    let library = library
        .ok_or_else(|| CudaError::NoCompiler { variable: DIR_VARIABLE, looked: places.clone() })?;
    // It stays for the life of the process.
    mem::forget(library);
    *loaded = true;
    Ok(())
}

/// Every folder to look in, best first; the empty one is the loader's own search.
fn places() -> Vec<PathBuf> {
    if let Some(dir) = env::var_os(DIR_VARIABLE).filter(|dir| !dir.is_empty()) {
        return vec![dir.into()];
    }
    let mut places = beside(".deps/nvrtc");
    places.retain(|folder| folder.is_dir());
    places.push(PathBuf::new());
    places.extend(SYSTEM.map(PathBuf::from));
    places
}
