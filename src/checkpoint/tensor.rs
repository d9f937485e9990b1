//! One tensor of a checkpoint: shape, element type and, on demand, its values.
use half::{bf16, f16};
use std::{fmt, io};

/// How a checkpoint stores the elements of a tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dtype {
    /// IEEE double precision.
    F64,
    /// IEEE single precision.
    F32,
    /// IEEE half precision.
    F16,
    /// bfloat16.
    Bf16,
    /// Integers, booleans, complex and 8-bit floats, by their name: no weight of ours.
    Other(String),
}

impl Dtype {
    /// Whether the elements can be read as f32.
    pub fn is_float(&self) -> bool {
        !matches!(self, Self::Other(_))
    }

    /// A type that a format calls `name` and a model has no use for.
    pub(super) fn other(name: impl fmt::Debug) -> Self {
        Self::Other(format!("{name:?}").to_lowercase())
    }

    /// Little-endian elements as f32; of [`Dtype::Other`] there are none.
    fn decode(&self, bytes: &[u8]) -> Vec<f32> {
        match self {
            Self::F64 => decode(bytes, |b| f64::from_le_bytes(b) as f32),
            Self::F32 => decode(bytes, f32::from_le_bytes),
            Self::F16 => decode(bytes, |b| f16::from_le_bytes(b).to_f32()),
            Self::Bf16 => decode(bytes, |b| bf16::from_le_bytes(b).to_f32()),
            Self::Other(_) => Vec::new(),
        }
    }
}

fn decode<const N: usize>(bytes: &[u8], to_f32: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|&element| to_f32(element)).collect()
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F64 => "f64",
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::Other(name) => name,
        })
    }
}

/// A tensor whose bytes stay where they are until they are read.
pub(super) struct Tensor {
    pub shape: Vec<usize>,
    pub dtype: Dtype,
    read_bytes: Box<dyn Fn() -> io::Result<Vec<u8>> + Send + Sync>,
}

impl Tensor {
    /// `read_bytes` gives the elements row-major and little-endian.
    pub fn new(
        shape: Vec<usize>,
        dtype: Dtype,
        read_bytes: impl Fn() -> io::Result<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        Self { shape, dtype, read_bytes: Box::new(read_bytes) }
    }

    pub fn from_values(shape: Vec<usize>, values: Vec<f32>) -> Self {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self::new(shape, Dtype::F32, move || Ok(bytes.clone()))
    }

    /// As many values as the shape says, or an error.
    pub fn read(&self) -> io::Result<Vec<f32>> {
        let values = self.dtype.decode(&(self.read_bytes)()?);
        let expected = element_count(&self.shape);
        if expected != Some(values.len()) {
            let message =
                format!("expected the values of shape {:?}, found {}", self.shape, values.len());
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(values)
    }
}

/// The product of the extents, if it can be counted.
pub(super) fn element_count(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |count, &extent| count.checked_mul(extent))
}
