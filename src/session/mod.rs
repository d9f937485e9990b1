//! Which engine runs when.
mod mask_selection;
pub mod memory_bank;
pub mod prompt;
pub mod tracker;

pub use mask_selection::MaskSelection;
pub use memory_bank::{BankOptions, FrameIndex, MemoryBank};
pub use prompt::{Point, PointKind, Prompt};
pub use tracker::{TrackedMask, Tracker, TrackerEngines, TrackerOptions};

use crate::backend::{BackendError, Engine, Tensor};
use crate::signature;

/// What one frame's inference reads and writes; kept and used again for frame after frame.
#[derive(Debug)]
pub struct Exchange {
    /// (1, side, side, 3) RGB.
    pub image: Tensor,
    /// (1, 1, side, side) before the sigmoid.
    pub logits: Tensor,
}

impl Exchange {
    /// Black, and zero logits.
    pub fn new(side: usize) -> Self {
        let pixels = side * side;
        Self { image: Tensor::U8(vec![0; 3 * pixels]), logits: Tensor::F32(vec![0.0; pixels]) }
    }

    /// The picture's bytes; none if it was replaced by another type of tensor.
    pub fn image(&self) -> &[u8] {
        match &self.image {
            Tensor::U8(pixels) => pixels,
            Tensor::F32(_) => &[],
        }
    }

    /// The picture's bytes, to be written.
    pub fn image_mut(&mut self) -> &mut [u8] {
        match &mut self.image {
            Tensor::U8(pixels) => pixels,
            Tensor::F32(_) => &mut [],
        }
    }

    /// The picture's bytes and the logits, row by row; none of what was replaced by another type
    /// of tensor.
    pub fn image_and_logits(&mut self) -> (&[u8], &mut [f32]) {
        let image = match &self.image {
            Tensor::U8(pixels) => pixels.as_slice(),
            Tensor::F32(_) => &[],
        };
        match &mut self.logits {
            Tensor::F32(logits) => (image, logits),
            Tensor::U8(_) => (image, &mut []),
        }
    }
}

/// The engines of one recipe, and what they remember of a clip.
pub struct Session {
    image: Box<dyn Engine>,
}

impl Session {
    /// A session on an engine of [`signature::image`]; any other signature is an error.
    pub fn new(image: Box<dyn Engine>) -> Result<Self, SessionError> {
        let found = image.signature().clone();
        let side = found.inputs.first().and_then(|i| i.shape.get(1)).copied().unwrap_or(0);
        let expected = signature::image(side / 2);
        if found != expected {
            let (expected, found) = (Box::new(expected), Box::new(found));
            return Err(SessionError::Signature { expected, found });
        }
        Ok(Self { image })
    }

    /// The engine, to be wrapped in another.
    pub fn into_engine(self) -> Box<dyn Engine> {
        self.image
    }

    /// The side of the square picture that [`step`](Self::step) takes, in pixels: `2S`.
    pub fn side(&self) -> usize {
        self.image.signature().inputs[0].shape[1]
    }

    /// One frame: `image` (1, side, side, 3) RGB in, `logits` (1, 1, side, side) out.
    pub fn step(&mut self, image: &Tensor, logits: &mut Tensor) -> Result<(), SessionError> {
        Ok(self.image.run(&[image], std::slice::from_mut(logits))?)
    }

    /// Forgets the clip. Without a tracker there is nothing to forget.
    pub fn reset(&mut self) {}
}

/// Why a session could not be made or a frame not be matted.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The engine is of another graph.
    #[error("engine `{}`: expected {expected:?}, found {found:?}", found.graph)]
    Signature {
        /// What this session runs.
        expected: Box<signature::Signature>,
        /// What the engine is.
        found: Box<signature::Signature>,
    },
    /// The prompt is none.
    #[error("prompt: {what}: expected {expected}, found {found}")]
    Prompt {
        /// What of it.
        what: &'static str,
        /// What it must be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A frame is tracked and no frame was prompted.
    #[error("frame {frame}: expected a prompt before it, found none")]
    NothingToTrack {
        /// The frame.
        frame: FrameIndex,
    },
    /// The engines found something in a prompted frame that is no number.
    #[error("frame {frame}: expected finite values of the prompted object, found others")]
    NotFinite {
        /// The frame.
        frame: FrameIndex,
    },
    /// The engine failed.
    #[error(transparent)]
    Backend(#[from] BackendError),
}
