//! The memory between pixels and engines.
use super::encoder::Seen;
use super::held::Held;
#[cfg(feature = "cuda")]
use super::on_device::DeviceExchange;
use crate::backend::Tensor;

/// What one frame's inference reads and writes; kept and used again for frame after frame.
pub struct Exchange {
    /// (1, side, side, 3) RGB, with the host.
    pub image: Held,
    /// (1, 1, side, side) before the sigmoid, with the host.
    pub logits: Held,
    /// Where both lie instead if the frame is on a device. Goes first: it waits for what is queued on
    /// the rest.
    #[cfg(feature = "cuda")]
    pub on_device: Option<DeviceExchange>,
    /// What the encoder said of the picture, if it was looked at before its turn.
    pub(super) seen: Seen,
}

impl Exchange {
    /// Black, and zero logits.
    pub fn new(side: usize) -> Self {
        let pixels = side * side;
        Self {
            image: Tensor::U8(vec![0; 3 * pixels]).into(),
            logits: Tensor::F32(vec![0.0; pixels]).into(),
            seen: Seen::default(),
            #[cfg(feature = "cuda")]
            on_device: None,
        }
    }

    /// The picture's bytes; none if it was replaced by another type of tensor.
    pub fn image(&self) -> &[u8] {
        self.image.pixels()
    }

    /// The picture's bytes, to be written.
    pub fn image_mut(&mut self) -> &mut [u8] {
        self.image.pixels_mut()
    }

    /// The logits, row by row; none if they were replaced by another type of tensor.
    pub fn logits(&self) -> &[f32] {
        self.logits.floats()
    }

    /// The picture's bytes and the logits, to be written.
    pub fn image_and_logits(&mut self) -> (&[u8], &mut [f32]) {
        (self.image.pixels(), self.logits.floats_mut())
    }
}
