//! The memory between pixels and engines.
use super::floats;
#[cfg(feature = "cuda")]
use super::on_device::DeviceExchange;
use crate::backend::Tensor;

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
        floats(&self.logits)
    }

    /// The picture's bytes and the logits, to be written.
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
