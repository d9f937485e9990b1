//! What the CPU can compute in, as OpenVINO sees it.
use crate::backend::BackendError;
use crate::backend::openvino::call;
use crate::backend::openvino::core::Core;
use crate::backend::openvino::library;
use crate::signature::Precision;

/// OpenVINO's version and the CPU it would run on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cpu {
    /// The library's full version, such as `2026.4.1-21998-abc`.
    pub version: String,
    /// The CPU's name.
    pub name: String,
    /// OpenVINO's words for what is fast here: `FP32 BF16 INT8 ...`, sorted.
    pub capabilities: Vec<String>,
}

impl Cpu {
    /// Opens OpenVINO if need be, and asks it.
    pub fn detect() -> Result<Self, BackendError> {
        library::load()?;
        let core = Core::new()?;
        let listed = core.get(c"OPTIMIZATION_CAPABILITIES")?;
        let mut capabilities: Vec<_> = listed.split_whitespace().map(str::to_owned).collect();
        capabilities.sort();
        Ok(Self { version: call::version()?, name: core.get(c"FULL_DEVICE_NAME")?, capabilities })
    }

    /// Whether the CPU has instructions for `precision` (AMX or AVX512-BF16 for bf16, AMX-FP16 or
    /// AVX512-FP16 for f16). Others are computed in f32.
    pub fn computes_in(&self, precision: Precision) -> bool {
        let word = match precision {
            Precision::F32 => return true,
            Precision::F16 => "FP16",
            Precision::Bf16 => "BF16",
        };
        self.capabilities.iter().any(|capability| capability == word)
    }

    /// The version without the build: `2026.4.1`.
    pub fn short_version(&self) -> &str {
        self.version.split('-').next().unwrap_or(&self.version)
    }
}
