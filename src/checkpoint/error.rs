//! Why a checkpoint could not be opened or read.
use super::Mismatch;
use std::io;
use std::path::PathBuf;

/// Why a checkpoint could not be opened, or a tensor of it not be read.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file is not a checkpoint, or a damaged one.
    #[error("checkpoint `{}`: {reason}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: FormatError,
    },
    /// The tensor is not there as asked for.
    #[error("tensor `{key}`: expected shape {expected:?}, found {found}")]
    Tensor {
        /// The tensor's key.
        key: String,
        /// The shape asked for.
        expected: Vec<usize>,
        /// What is there.
        found: Mismatch,
    },
    /// The tensor's values could not be read.
    #[error("tensor `{key}`: {reason}")]
    Read {
        /// The tensor's key.
        key: String,
        /// What reading ran into.
        reason: io::Error,
    },
    /// A tensor given in memory does not fill its shape.
    #[error("tensor `{key}`: expected the values of shape {shape:?}, found {found} values")]
    Length {
        /// The tensor's key.
        key: String,
        /// The shape given.
        shape: Vec<usize>,
        /// How many values were given.
        found: usize,
    },
    /// A tensor given in memory has the key of another.
    #[error("tensor `{key}`: expected one, found two")]
    DuplicateKey {
        /// The key.
        key: String,
    },
}

/// What is wrong with a file that was to be a checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// The operating system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The path or its content is of another kind.
    #[error("expected a safetensors file or a PyTorch checkpoint, found {found}")]
    Kind {
        /// What it looks like.
        found: &'static str,
    },
    /// A header or pickle is longer than any model's.
    #[error("{what}: expected at most {limit}, found {found}")]
    Limit {
        /// What is limited, with its unit.
        what: &'static str,
        /// The most that is accepted.
        limit: u64,
        /// What the file claims, or how far reading came.
        found: u64,
    },
    /// The file is longer or shorter than its header says.
    #[error("expected {expected} bytes by the header, found {found}")]
    Length {
        /// Where the last tensor ends.
        expected: u64,
        /// The file's length.
        found: u64,
    },
    /// Two tensors have one key.
    #[error("tensor `{key}`: expected one, found two")]
    DuplicateKey {
        /// The key.
        key: String,
    },
    /// Different nestings of a pickle's dictionaries give the same key.
    #[error("expected {expected} tensors of different keys, found {found}")]
    AmbiguousKeys {
        /// Tensors in the pickle.
        expected: usize,
        /// Keys among them.
        found: usize,
    },
    /// There is no tensor in the file.
    #[error("expected tensors, found none")]
    NoTensors,
    /// The safetensors header is not as specified.
    #[error("safetensors header: {0}")]
    Header(#[from] serde_json::Error),
    /// The zip archive is broken.
    #[error(transparent)]
    Zip(#[from] zip::result::ZipError),
    /// The archive is compressed, which `torch.save` never does and zip bombs do.
    #[error(
        "zip entry `{entry}`: expected it stored, as `torch.save` writes it, found it compressed"
    )]
    Compressed {
        /// The entry's name.
        entry: String,
    },
    /// A byte of the pickle is no opcode that `torch.save` writes.
    #[error("pickle: expected an opcode, found 0x{found:02x}")]
    Opcode {
        /// The byte.
        found: u8,
    },
    /// The pickle names Python code that a file of tensors has no need of. It is never run.
    #[error(
        "pickle: expected tensors and plain containers, found `{name}` \
         (save the model's state_dict alone)"
    )]
    ForeignCode {
        /// `module.name`, as the pickle would import it.
        name: String,
    },
    /// The PyTorch container or its pickle is broken.
    #[error(transparent)]
    Pytorch(#[from] Box<pytorch_reader::PytorchError>),
}
