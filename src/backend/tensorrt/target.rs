//! The GPUs that engines are compiled for.
use crate::backend::BackendError;
use std::fmt;
use std::str::FromStr;

/// A GPU architecture by its compute capability: 89 is 8.9, Ada Lovelace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target(u32);

/// What TensorRT-RTX 1.7 compiles for. The others of that time, 9.0 and 10.0, need full TensorRT.
const RTX: [u32; 6] = [75, 80, 86, 89, 120, 121];

impl Target {
    /// All that TensorRT-RTX compiles for.
    pub fn all() -> impl Iterator<Item = Self> {
        RTX.into_iter().map(Self)
    }

    /// The architecture of this compute capability; an error if this edition does not serve it.
    pub fn new(major: u32, minor: u32) -> Result<Self, BackendError> {
        let target = Self(10 * major + minor);
        if cfg!(feature = "tensorrt-enterprise") || RTX.contains(&target.0) {
            return Ok(target);
        }
        Err(BackendError::NoGpu(format!(
            "TensorRT-RTX does not serve compute capability {major}.{minor}, only {}; take a build \
             with `tensorrt-enterprise`, or ONNX Runtime",
            Self::all().map(|t| t.to_string()).collect::<Vec<_>>().join(", ")
        )))
    }

    /// TensorRT's name of it.
    #[cfg(not(feature = "tensorrt-enterprise"))]
    pub(super) fn compute_capability(self) -> trtx::ComputeCapability {
        use trtx::ComputeCapability::{kNONE, kSM75, kSM80, kSM86, kSM89, kSM120, kSM121};
        match self.0 {
            75 => kSM75,
            80 => kSM80,
            86 => kSM86,
            89 => kSM89,
            120 => kSM120,
            121 => kSM121,
            // `new` lets no other through, and TensorRT refuses this one.
            _ => kNONE,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0 / 10, self.0 % 10)
    }
}

impl FromStr for Target {
    type Err = BackendError;

    /// `89` and `8.9` are the same.
    fn from_str(text: &str) -> Result<Self, BackendError> {
        let number = text.replace('.', "").parse::<u32>();
        let number =
            number.map_err(|_| BackendError::NoGpu(format!("no architecture: `{text}`")))?;
        Self::new(number / 10, number % 10)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn both_spellings_are_read() {
        assert_eq!("8.9".parse::<Target>().unwrap(), "89".parse().unwrap());
        assert_eq!("120".parse::<Target>().unwrap().to_string(), "12.0");
        assert!("ada".parse::<Target>().is_err());
    }

    #[test]
    #[cfg(not(feature = "tensorrt-enterprise"))]
    fn hopper_is_refused_with_a_way_out() {
        let message = "90".parse::<Target>().unwrap_err().to_string();
        assert!(message.contains("9.0") && message.contains("tensorrt-enterprise"), "{message}");
    }
}
