//! Which engine runs when.
mod mask_selection;
pub mod memory_bank;
pub mod prompt;
pub mod tracker;

pub use mask_selection::MaskSelection;
pub use memory_bank::{BankOptions, FrameIndex, MemoryBank};
pub use prompt::{Point, PointKind, Prompt};
pub use tracker::{TrackedMask, Tracker, TrackerEngines, TrackerOptions};

#[cfg(feature = "cuda")]
use crate::backend::DeviceRun;
use crate::backend::{BackendError, Engine, Tensor};
#[cfg(feature = "cuda")]
use crate::cuda::{Buffer, CudaError, Device};
use crate::signature;

/// What one frame's inference reads and writes; kept and used again for frame after frame.
pub struct Exchange {
    /// (1, side, side, 3) RGB.
    pub image: Tensor,
    /// (1, 1, side, side) before the sigmoid.
    pub logits: Tensor,
    /// Where both lie instead if the frame is on a device.
    #[cfg(feature = "cuda")]
    pub on_device: Option<DeviceExchange>,
}

/// An [`Exchange`] in device memory.
#[cfg(feature = "cuda")]
pub struct DeviceExchange {
    /// As [`Exchange::image`].
    pub image: Buffer<u8>,
    /// As [`Exchange::logits`].
    pub logits: Buffer<f32>,
    /// Whose memory that is.
    pub device: Device,
}

#[cfg(feature = "cuda")]
impl DeviceExchange {
    /// Black, and zero logits.
    pub fn new(device: &Device, side: usize) -> Result<Self, CudaError> {
        let (image, logits) = (device.zeros(3 * side * side)?, device.zeros(side * side)?);
        Ok(Self { image, logits, device: device.clone() })
    }
}

impl Exchange {
    /// Black, and zero logits.
    pub fn new(side: usize) -> Self {
        let pixels = side * side;
        Self {
            image: Tensor::U8(vec![0; 3 * pixels]),
            logits: Tensor::F32(vec![0.0; pixels]),
            #[cfg(feature = "cuda")]
            on_device: None,
        }
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

    /// The logits, row by row; none if they were replaced by another type of tensor.
    pub fn logits(&self) -> &[f32] {
        match &self.logits {
            Tensor::F32(logits) => logits,
            Tensor::U8(_) => &[],
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

    /// [`step`](Self::step) on an exchange that lies on a device: queued on the device's stream if
    /// the engine runs there, else with a copy through the host.
    #[cfg(feature = "cuda")]
    pub fn step_on_device(&mut self, exchange: &mut Exchange) -> Result<(), SessionError> {
        let Exchange { image, logits, on_device: Some(there) } = exchange else {
            return self.step(&exchange.image, &mut exchange.logits);
        };
        let DeviceExchange { image: from, logits: to, device } = there;
        let run = DeviceRun {
            inputs: vec![device.address(from)],
            outputs: vec![device.address(to)],
            stream: device.stream_handle() as u64,
        };
        // SAFETY: both buffers are of the signature's size and in use until the frame is done,
        // which waits for this stream.
        match unsafe { self.image.run_on_device(run) } {
            Err(BackendError::NoGpu(_)) => {}
            done => return Ok(done?),
        }
        if let Tensor::U8(image) = image {
            device.download(from, image)?;
        }
        self.image.run(&[image], std::slice::from_mut(logits))?;
        if let Tensor::F32(logits) = logits {
            device.upload(logits, to)?;
        }
        Ok(())
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
    /// The device refused, or has no memory left.
    #[cfg(feature = "cuda")]
    #[error(transparent)]
    Cuda(#[from] CudaError),
}
