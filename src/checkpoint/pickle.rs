//! Walks over a pickle's opcodes without building anything, to refuse what a file of tensors
//! has no need of: endless ones, which would fill memory, and names of foreign code.
//!
//! The reader behind never runs code either; here the user is told that a file would like to.
use super::FormatError;
use std::collections::HashMap;
use std::io::{self, BufRead, Read};

/// Opcodes of all pickles of a file, each of which may become an object of 100 bytes. A large
/// model with its optimizer's state has 200 thousand.
const MAX_OPCODES: u64 = 1 << 19;

/// Bytes of all strings, numbers and names of a file's pickles.
const MAX_PAYLOAD: u64 = 16 << 20;

/// Bytes of a string that may be a module's or a class's name.
const MAX_NAME: u64 = 256;

/// (module, what may be named of it): about what `torch.load(weights_only=True)` allows.
const ALLOWED: &[(&str, &[&str])] = &[
    ("collections", &["OrderedDict", "defaultdict", "Counter"]),
    ("builtins", BUILTINS),
    ("__builtin__", BUILTINS),
    ("_codecs", &["encode"]),
    ("argparse", &["Namespace"]),
    ("pathlib", &["Path", "PosixPath", "PurePath", "PurePosixPath", "WindowsPath"]),
    ("numpy", &["dtype", "ndarray"]),
    ("numpy.core.multiarray", &["scalar", "_reconstruct"]),
    ("numpy._core.multiarray", &["scalar", "_reconstruct"]),
    ("torch.nn.parameter", &["Parameter", "Buffer"]),
    ("torch._utils", REBUILD),
    ("torch._tensor", REBUILD),
    ("torch.storage", STORAGES),
    ("torch", STORAGES),
    ("torch", &["Size", "device", "Tensor"]),
    ("torch", &["float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"]),
    ("torch", &["int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8", "bool"]),
];

const BUILTINS: &[&str] = &[
    "set",
    "frozenset",
    "int",
    "float",
    "complex",
    "bool",
    "str",
    "bytes",
    "bytearray",
    "list",
    "tuple",
    "dict",
    "slice",
    "range",
];

const REBUILD: &[&str] = &[
    "_rebuild_tensor",
    "_rebuild_tensor_v2",
    "_rebuild_tensor_v3",
    "_rebuild_parameter",
    "_rebuild_parameter_with_state",
    "_rebuild_from_type_v2",
];

const STORAGES: &[&str] = &[
    "DoubleStorage",
    "FloatStorage",
    "HalfStorage",
    "BFloat16Storage",
    "LongStorage",
    "IntStorage",
    "ShortStorage",
    "CharStorage",
    "ByteStorage",
    "BoolStorage",
    "TypedStorage",
    "UntypedStorage",
];

/// What remains of a file's limits.
pub(super) struct Scanner {
    opcodes: u64,
    payload: u64,
}

/// Strings that `STACK_GLOBAL` may take a module and a name from.
#[derive(Default)]
struct Names {
    last_two: [Option<String>; 2],
    memo: HashMap<u32, Option<String>>,
}

impl Names {
    fn push(&mut self, text: Option<String>) {
        self.last_two.swap(0, 1);
        self.last_two[1] = text;
    }

    fn put(&mut self, index: u32) {
        self.memo.insert(index, self.last_two[1].clone());
    }

    /// Only strings count, so that what is fetched between a module and a name does no harm.
    fn get(&mut self, index: u32) {
        if let Some(Some(text)) = self.memo.get(&index) {
            self.push(Some(text.clone()));
        }
    }
}

impl Scanner {
    pub fn new() -> Self {
        Self { opcodes: MAX_OPCODES, payload: MAX_PAYLOAD }
    }

    /// Walks over one pickle of `r`, up to and with its STOP.
    pub fn scan(&mut self, r: &mut impl BufRead) -> Result<(), FormatError> {
        let mut names = Names::default();
        loop {
            self.opcodes = spend(self.opcodes, 1, "pickle opcodes", MAX_OPCODES)?;
            match byte(r)? {
                b'.' => return Ok(()),
                b'c' => {
                    let (module, name) = (self.line(r)?, self.line(r)?);
                    allow(module.as_deref(), name.as_deref())?;
                }
                0x93 => allow(names.last_two[0].as_deref(), names.last_two[1].as_deref())?,
                b'V' => names.push(self.line(r)?),
                b'U' | 0x8c => names.push(self.counted(r, 1)?),
                b'T' | b'X' => names.push(self.counted(r, 4)?),
                0x8d => names.push(self.counted(r, 8)?),
                b'q' => names.put(number(r, 1)? as u32),
                b'r' => names.put(number(r, 4)? as u32),
                0x94 => names.put(names.memo.len() as u32),
                b'h' => names.get(number(r, 1)? as u32),
                b'j' => names.get(number(r, 4)? as u32),
                opcode => self.skip_argument(r, opcode)?,
            }
        }
    }

    /// The rest of an opcode that neither names code nor ends the pickle.
    fn skip_argument(&mut self, r: &mut impl BufRead, opcode: u8) -> Result<(), FormatError> {
        match opcode {
            b'(' | b')' | b']' | b'}' | b'l' | b't' | b'd' | b's' | b'u' | b'a' | b'e' => {}
            b'0' | b'1' | b'2' | b'N' | b'R' | b'b' | b'Q' => {}
            0x81 | 0x85..=0x89 | 0x8f..=0x92 => {}
            b'K' | 0x80 => drop(number(r, 1)?),
            b'M' => drop(number(r, 2)?),
            b'J' => drop(number(r, 4)?),
            b'G' | 0x95 => drop(number(r, 8)?),
            b'C' | 0x8a => drop(self.counted(r, 1)?),
            b'B' | 0x8b => drop(self.counted(r, 4)?),
            0x8e | 0x96 => drop(self.counted(r, 8)?),
            b'I' | b'L' | b'F' | b'g' | b'p' | b'P' => drop(self.line(r)?),
            found => return Err(FormatError::Opcode { found }),
        }
        Ok(())
    }

    /// A length of `width` bytes and that many bytes; as text, where it may be a name.
    fn counted(
        &mut self,
        r: &mut impl BufRead,
        width: usize,
    ) -> Result<Option<String>, FormatError> {
        let len = number(r, width)?;
        self.payload = spend(self.payload, len, "bytes of pickled strings", MAX_PAYLOAD)?;
        if len > MAX_NAME {
            let skipped = io::copy(&mut r.take(len), &mut io::sink())?;
            return if skipped == len { Ok(None) } else { Err(cut_short()) };
        }
        let mut text = vec![0; len as usize];
        r.read_exact(&mut text)?;
        Ok(String::from_utf8(text).ok())
    }

    /// A text argument, without its newline.
    fn line(&mut self, r: &mut impl BufRead) -> Result<Option<String>, FormatError> {
        let mut text = Vec::new();
        r.take(self.payload + 1).read_until(b'\n', &mut text)?;
        let len = text.len() as u64;
        self.payload = spend(self.payload, len, "bytes of pickled strings", MAX_PAYLOAD)?;
        match text.pop() {
            Some(b'\n') => Ok(String::from_utf8(text).ok()),
            _ => Err(cut_short()),
        }
    }
}

/// What is left of a limit.
fn spend(left: u64, cost: u64, what: &'static str, limit: u64) -> Result<u64, FormatError> {
    left.checked_sub(cost).ok_or(FormatError::Limit {
        what,
        limit,
        found: (limit - left).saturating_add(cost),
    })
}

fn allow(module: Option<&str>, name: Option<&str>) -> Result<(), FormatError> {
    let (module, name) = (module.unwrap_or("?"), name.unwrap_or("?"));
    match ALLOWED.iter().any(|(m, names)| *m == module && names.contains(&name)) {
        true => Ok(()),
        false => Err(FormatError::ForeignCode { name: format!("{module}.{name}") }),
    }
}

fn byte(r: &mut impl Read) -> io::Result<u8> {
    let mut byte = [0];
    r.read_exact(&mut byte)?;
    Ok(byte[0])
}

/// A little-endian number of `width` bytes, at most eight.
fn number(r: &mut impl Read, width: usize) -> io::Result<u64> {
    let mut bytes = [0; 8];
    r.read_exact(&mut bytes[..width])?;
    Ok(u64::from_le_bytes(bytes))
}

fn cut_short() -> FormatError {
    io::Error::from(io::ErrorKind::UnexpectedEof).into()
}
