//! Logits in device memory held still where the picture stands still.
use super::refine::taps;
use crate::cuda::{Buffer, CudaError, Device, SteadyPast};
use crate::frame::steady::CELL;

/// [`steady::Steady`](crate::frame::steady::Steady) on a device.
pub struct Steady {
    past: SteadyPast,
    is_first: bool,
}

impl Steady {
    /// For pictures of `side` by `side` pixels.
    pub fn new(device: &Device, side: usize) -> Result<Self, CudaError> {
        let grid = side.div_ceil(CELL);
        let past = SteadyPast {
            image: device.zeros(3 * side * side)?,
            logits: device.zeros(side * side)?,
            cells: device.zeros(grid * grid)?,
            shares: device.zeros(grid * grid)?,
            noise: device.zeros(2)?,
            taps: device.copied(&taps(side, grid))?,
            side,
            grid,
        };
        Ok(Self { past, is_first: true })
    }

    /// Forgets the past: the next frame does not continue it.
    pub fn reset(&mut self) {
        self.is_first = true;
    }

    /// Queues: `image` (side, side, 3) RGB is what the model saw, `logits` (side, side) what it said
    /// and what comes out.
    pub fn run(
        &mut self,
        device: &Device,
        image: &Buffer<u8>,
        logits: &mut Buffer<f32>,
    ) -> Result<(), CudaError> {
        if !std::mem::take(&mut self.is_first) {
            return device.hold_still(image, logits, &mut self.past);
        }
        device.copy(image, &mut self.past.image, 0)?;
        device.copy(logits, &mut self.past.logits, 0)
    }
}
