//! One built engine on disk: a folder with the engine and a manifest that vouches for it.
use crate::signature::Precision;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Raised when the manifest or the folder changes in a way that older entries do not fit.
const FORMAT: u32 = 2;

/// The file names inside an entry's folder.
pub(super) const MANIFEST: &str = "manifest.json";
pub(super) const PAYLOAD: &str = "engine.bin";

/// Everything that must be equal for a built engine to be used again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// SHA-256 of the ONNX graph, weights included.
    pub graph_sha256: String,
    /// What the engine computes in.
    pub precision: Precision,
    /// The backend and its full version.
    pub backend: String,
    /// The processor and what it can do.
    pub device: String,
}

impl Identity {
    /// The entry's name: SHA-256 over all fields, in hexadecimal.
    pub fn key(&self) -> String {
        sha256(format!("{FORMAT} {self:?}").as_bytes())
    }

    /// Why an engine of `found` does not serve whoever wants this one, if it is of the same graph
    /// or was once: another version, another device, another graph.
    pub fn difference(&self, found: &Self) -> Option<String> {
        let name = |backend: &str| backend.split(' ').next().unwrap_or_default().to_owned();
        let is_related =
            name(&self.backend) == name(&found.backend) && self.precision == found.precision;
        // The hashes of two graphs say nothing to anybody.
        let graph = (self.graph_sha256 != found.graph_sha256)
            .then(|| "graph: the program, the recipe or the weights have changed".to_owned());
        let fields =
            [("version", &self.backend, &found.backend), ("device", &self.device, &found.device)];
        let different = fields.into_iter().filter(|(_, expected, found)| expected != found);
        let different: Vec<_> = different
            .map(|(what, expected, found)| format!("{what}: expected {expected}, found {found}"))
            .chain(graph)
            .collect();
        (is_related && !different.is_empty()).then(|| different.join("; "))
    }
}

/// What people call an engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Labels {
    /// The recipe's name.
    pub model: String,
    /// The graph's: `image`, `memory_attention`, ...
    pub graph: String,
    /// Where the weights came from.
    pub weights: String,
}

/// What an entry says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    format: u32,
    /// What the engine is.
    pub identity: Identity,
    /// What people call it.
    pub labels: Labels,
    /// The engine file's length in bytes.
    pub size: u64,
    /// The engine file's SHA-256.
    pub sha256: String,
    /// What came of comparing it with f32, by where it ran.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub validations: BTreeMap<String, Validation>,
}

/// What came of comparing an engine with an f32 reference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validation {
    /// Relative L2 distance of the outputs.
    pub distance: f64,
    /// The distance that was let through.
    pub tolerance: f64,
    /// The blocks that had to be computed in f32 for it.
    pub f32_blocks: Vec<String>,
}

impl Manifest {
    /// Vouches for `payload` as it is now.
    pub(super) fn of(identity: Identity, labels: Labels, payload: &mut File) -> io::Result<Self> {
        let (size, sha256) = hash_file(payload)?;
        let validations = BTreeMap::new();
        Ok(Self { format: FORMAT, identity, labels, size, sha256, validations })
    }

    /// Reads a manifest's JSON; `Err` says what is wrong with it.
    pub fn parse(json: &[u8]) -> Result<Self, String> {
        let manifest: Self = serde_json::from_slice(json).map_err(|e| format!("manifest: {e}"))?;
        match manifest.format {
            FORMAT => Ok(manifest),
            other => Err(format!("manifest: expected format {FORMAT}, found {other}")),
        }
    }
}

/// A folder in the cache that should hold a built engine.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The folder.
    pub path: PathBuf,
    /// What it says of itself, or what is wrong with it.
    pub manifest: Result<Manifest, String>,
}

impl Entry {
    /// Reads the manifest of the entry at `path`. The engine itself is looked at by
    /// [`verify`](Self::verify).
    pub fn at(path: &Path) -> Self {
        let manifest = fs::read(path.join(MANIFEST))
            .map_err(|e| format!("{MANIFEST}: {e}"))
            .and_then(|json| Manifest::parse(&json))
            .and_then(|manifest| match path.file_name() {
                Some(name) if *name == *manifest.identity.key() => Ok(manifest),
                _ => Err("manifest: it is of another entry".into()),
            });
        Self { path: path.into(), manifest }
    }

    /// Adds to the manifest what came of comparing the engine with f32 where it ran.
    pub fn record(&mut self, place: &str, validation: Validation) -> io::Result<()> {
        let Ok(manifest) = &mut self.manifest else { return Ok(()) };
        manifest.validations.insert(place.into(), validation);
        let mut file = tempfile::NamedTempFile::new_in(&self.path)?;
        file.write_all(&serde_json::to_vec_pretty(manifest).map_err(io::Error::other)?)?;
        file.persist(self.path.join(MANIFEST)).map_err(|e| e.error)?;
        Ok(())
    }

    /// The file of the engine itself.
    pub fn payload(&self) -> PathBuf {
        self.path.join(PAYLOAD)
    }

    /// Reads the engine whole and compares it with the manifest. The file that comes back is the
    /// one that was compared, whatever happens to the folder.
    pub fn verify(&self) -> Result<File, String> {
        let manifest = self.manifest.as_ref().map_err(Clone::clone)?;
        let failed = |e: io::Error| format!("{PAYLOAD}: {e}");
        let mut file = File::open(self.payload()).map_err(failed)?;
        let len = file.metadata().map_err(failed)?.len();
        if len != manifest.size {
            return Err(format!("{PAYLOAD}: expected {} bytes, found {len}", manifest.size));
        }
        let (_, found) = hash_file(&mut file).map_err(failed)?;
        if found != manifest.sha256 {
            return Err(format!("{PAYLOAD}: expected SHA-256 {}, found {found}", manifest.sha256));
        }
        Ok(file)
    }
}

/// Length in bytes and SHA-256 in hexadecimal of a file, from where it stands.
pub fn hash_file(file: &mut File) -> io::Result<(u64, String)> {
    let (mut hash, mut len) = (Sha256::new(), 0);
    let mut chunk = vec![0; 1 << 20];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok((len, hex(hash))),
            n => {
                hash.update(&chunk[..n]);
                len += n as u64;
            }
        }
    }
}

/// SHA-256 in hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(Sha256::new_with_prefix(bytes))
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
