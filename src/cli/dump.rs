//! `--dump`: the raw logits of each inference, as .npy, written while the clip is matted.
//!
//! A [`Recorder`] listens to the session that the element opens, so that the logits on disk are
//! those the matte was made of; the element knows nothing of it.
use super::unfinished::UnfinishedFolder;
use anyhow::Context;
use gstmgdsam2::backend::Tensor;
use gstmgdsam2::element::MgdSam2Matte;
use gstmgdsam2::engines;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Logits on their way into a folder.
pub struct Dump {
    folder: UnfinishedFolder,
    failure: Arc<Mutex<Option<anyhow::Error>>>,
}

impl Dump {
    /// From now on the session that `element` opens writes `folder/00000.npy`, ...:
    /// (1, 1, side, side), f32, before the sigmoid, numbered by inference.
    pub fn of(element: &MgdSam2Matte, folder: &Path) -> anyhow::Result<Self> {
        let folder = UnfinishedFolder::new(folder)?;
        let failure = Arc::default();
        let (path, first_failure) = (folder.path().to_path_buf(), Arc::clone(&failure));
        element.set_opener(move |request, progress| {
            let (path, failure) = (path.clone(), Arc::clone(&first_failure));
            let mut opened = engines::open(request, progress)?;
            let mut recorder =
                Recorder { side: opened.session.side(), folder: path, inferred: 0, failure };
            opened.session.listen(Box::new(move |logits| recorder.write(logits)));
            Ok(opened)
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

/// Writes logits to files, one for each inference.
struct Recorder {
    side: usize,
    folder: PathBuf,
    inferred: usize,
    failure: Arc<Mutex<Option<anyhow::Error>>>,
}

impl Recorder {
    fn write(&mut self, logits: &Tensor) {
        let Tensor::F32(values) = logits else { return };
        let path = self.folder.join(format!("{:05}.npy", self.inferred));
        self.inferred += 1;
        let written = fs::write(&path, npy(&[1, 1, self.side, self.side], values))
            .with_context(|| format!("cannot write {}", path.display()));
        if let Err(error) = written {
            let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
            failure.get_or_insert(error);
        }
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
