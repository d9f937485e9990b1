//! Why there is no work on a CUDA device.
use std::path::PathBuf;

/// Why there is no work on a CUDA device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CudaError {
    /// No driver is installed.
    #[error("no CUDA driver (libcuda.so.1) was found")]
    NoDriver,
    /// NVRTC is not installed where it is looked for.
    #[error(
        "no CUDA compiler (libnvrtc.so.13 or .12) was found; set {variable} to the folder that \
         holds it; looked in:{}", looked.iter().map(|p| format!("\n  {}", p.display())).collect::<String>()
    )]
    NoCompiler {
        /// The environment variable that names the folder.
        variable: &'static str,
        /// Every place, in the order of looking.
        looked: Vec<PathBuf>,
    },
    /// The driver refused.
    #[error("CUDA: {doing}: {reason}")]
    Driver {
        /// What was asked of it.
        doing: &'static str,
        /// Its own words.
        reason: String,
    },
    /// The kernels do not compile for a device.
    #[error("CUDA kernels for sm_{arch}: {log}")]
    Compile {
        /// The compute capability, 86 for 8.6.
        arch: u32,
        /// The compiler's words.
        log: String,
    },
    /// A buffer or plane is too small, in elements.
    #[error("`{name}` in device memory: expected {expected} elements or more, found {found}")]
    Size {
        /// Which.
        name: &'static str,
        /// What the kernel reads or writes.
        expected: usize,
        /// What there is.
        found: usize,
    },
}

impl CudaError {
    /// The driver's refusal while it was `doing` something.
    pub(super) fn driver(doing: &'static str) -> impl Fn(cudarc::driver::DriverError) -> Self {
        move |error| Self::Driver { doing, reason: error.to_string() }
    }
}
