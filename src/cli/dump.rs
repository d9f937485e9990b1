//! `--dump`: the raw logits of each inference, as .npy, written while the clip is matted.
//!
//! A [`Recorder`] wraps the engine that the element opens, so that the logits on disk are those
//! the matte was made of; the element knows nothing of it.
use super::unfinished::UnfinishedFolder;
use anyhow::Context;
use gstmgdsam2::backend::{BackendError, Engine, Tensor};
use gstmgdsam2::element::MgdSam2Matte;
use gstmgdsam2::engines::{self, Opened};
use gstmgdsam2::session::Session;
use gstmgdsam2::signature::Signature;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Logits on their way into a folder.
pub struct Dump {
    folder: UnfinishedFolder,
    failure: Arc<Mutex<Option<anyhow::Error>>>,
}

impl Dump {
    /// From now on the engine that `element` opens writes `folder/00000.npy`, ...:
    /// (1, 1, 2S, 2S), f32, before the sigmoid, numbered by inference.
    pub fn of(element: &MgdSam2Matte, folder: &Path) -> anyhow::Result<Self> {
        let folder = UnfinishedFolder::new(folder)?;
        let failure = Arc::default();
        let (path, first_failure) = (folder.path().to_path_buf(), Arc::clone(&failure));
        element.set_opener(move |request, progress| {
            let (path, failure) = (path.clone(), Arc::clone(&first_failure));
            let Opened { session, model, weights, backend, precision, warnings } =
                engines::open(request, progress)?;
            let engine =
                Recorder { engine: session.into_engine(), folder: path, inferred: 0, failure };
            let session = Session::new(Box::new(engine))
                .expect("a recorder has its engine's signature, which was accepted before");
            Ok(Opened { session, model, weights, backend, precision, warnings })
        });
        Ok(Self { folder, failure })
    }

    /// Gives the folder its name; the first file that could not be written is an error.
    pub fn finish(self) -> anyhow::Result<()> {
        match self.failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(failure) => Err(failure),
            None => self.folder.finish(),
        }
    }
}

/// An engine whose outputs are also written to files.
struct Recorder {
    engine: Box<dyn Engine>,
    folder: PathBuf,
    inferred: usize,
    failure: Arc<Mutex<Option<anyhow::Error>>>,
}

impl Engine for Recorder {
    fn signature(&self) -> &Signature {
        self.engine.signature()
    }

    fn run(&mut self, inputs: &[&Tensor], outputs: &mut [Tensor]) -> Result<(), BackendError> {
        self.engine.run(inputs, outputs)?;
        let path = self.folder.join(format!("{:05}.npy", self.inferred));
        self.inferred += 1;
        for (spec, tensor) in self.engine.signature().outputs.iter().zip(outputs) {
            let Tensor::F32(values) = tensor else { continue };
            let written = fs::write(&path, npy(&spec.shape, values))
                .with_context(|| format!("cannot write {}", path.display()));
            if let Err(error) = written {
                let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
                failure.get_or_insert(error);
            }
        }
        Ok(())
    }
}

/// NumPy's format 1.0: little-endian f32, C order, the header padded to 64 bytes.
fn npy(shape: &[usize], values: &[f32]) -> Vec<u8> {
    let shape: String = shape.iter().map(|side| format!("{side}, ")).collect();
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({shape}), }}");
    let length = (10 + header.len() + 1).next_multiple_of(64) - 10;
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((length as u16).to_le_bytes());
    file.extend(format!("{header:<width$}\n", width = length - 1).bytes());
    file.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    file
}
