//! What a model wants of a checkpoint and does not find, all at once.
use super::Dtype;
use std::fmt;

/// How a checkpoint fails to have one tensor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// There is no such key.
    #[error("no such tensor")]
    Missing,
    /// The key has another shape.
    #[error("{found:?}")]
    Shape {
        /// The shape that is there.
        found: Vec<usize>,
    },
    /// The elements cannot be read as f32.
    #[error("that shape of {found}, which is no floating point")]
    Dtype {
        /// The element type that is there.
        found: Dtype,
    },
}

/// Every tensor that a model and a checkpoint disagree on.
///
/// `Display` counts them, then names each: at most [`Mismatches::LINES`] of a kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, thiserror::Error)]
pub struct Mismatches {
    /// (key, expected shape) of what the checkpoint lacks.
    pub missing: Vec<(String, Vec<usize>)>,
    /// (key, expected shape, found shape).
    pub misshapen: Vec<(String, Vec<usize>, Vec<usize>)>,
    /// (key, found element type) of what is not floating point.
    pub mistyped: Vec<(String, Dtype)>,
    /// Keys that the model has no use for.
    pub extra: Vec<String>,
}

impl Mismatches {
    /// How many tensors of a kind are named.
    pub const LINES: usize = 20;

    /// Takes note that `key` was expected in the shape `expected`, and how it was not found.
    pub fn add(&mut self, key: &str, expected: &[usize], found: Mismatch) {
        let (key, expected) = (key.to_owned(), expected.to_vec());
        match found {
            Mismatch::Missing => self.missing.push((key, expected)),
            Mismatch::Shape { found } => self.misshapen.push((key, expected, found)),
            Mismatch::Dtype { found } => self.mistyped.push((key, found)),
        }
    }

    /// Whether everything the model wants is there. Extra tensors do no harm.
    pub fn is_satisfied(&self) -> bool {
        self.missing.is_empty() && self.misshapen.is_empty() && self.mistyped.is_empty()
    }
}

impl fmt::Display for Mismatches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { missing, misshapen, mistyped, extra } = self;
        write!(
            f,
            "tensors: {} missing, {} of another shape, {} of another type, {} extra",
            missing.len(),
            misshapen.len(),
            mistyped.len(),
            extra.len()
        )?;
        list(f, missing, |f, (key, expected)| {
            write!(f, "missing `{key}`: expected shape {expected:?}")
        })?;
        list(f, misshapen, |f, (key, expected, found)| {
            write!(f, "misshapen `{key}`: expected shape {expected:?}, found {found:?}")
        })?;
        list(f, mistyped, |f, (key, found)| {
            write!(f, "mistyped `{key}`: expected floating point, found {found}")
        })?;
        list(f, extra, |f, key| write!(f, "extra `{key}`"))
    }
}

/// One indented line for each of `items`, up to the limit.
fn list<T>(
    f: &mut fmt::Formatter<'_>,
    items: &[T],
    line: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for item in items.iter().take(Mismatches::LINES) {
        f.write_str("\n  ")?;
        line(f, item)?;
    }
    match items.len().saturating_sub(Mismatches::LINES) {
        0 => Ok(()),
        more => write!(f, "\n  ... and {more} more"),
    }
}
