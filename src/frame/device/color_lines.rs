//! Alpha fitted to colours in device memory.
use crate::cuda::{Buffer, CudaError, Device, Lines, LinesScratch};
use crate::frame::color_lines::GAINS;
use crate::frame::window::cell_side;

/// [`color_lines::ColorLines`](crate::frame::color_lines) on a device.
pub(super) struct ColorLines {
    scratch: LinesScratch,
}

impl ColorLines {
    pub(super) fn new(device: &Device, side: usize) -> Result<Self, CudaError> {
        let cell = cell_side(side);
        let grid = side / cell;
        let planes = |count| device.zeros(count * grid * grid);
        let scratch = LinesScratch {
            colours: planes(3)?,
            means: planes(3)?,
            factors: planes(6)?,
            alpha: planes(1)?,
            fits: planes(5)?,
            side,
            cell,
            grid,
        };
        Ok(Self { scratch })
    }

    /// Cells along a side.
    pub(super) fn grid(&self) -> usize {
        self.scratch.grid
    }

    /// Queues: `lines` fit `logits` to `image`.
    pub(super) fn fit(
        &mut self,
        device: &Device,
        image: &Buffer<u8>,
        logits: &Buffer<f32>,
        lines: Lines,
    ) -> Result<(), CudaError> {
        device.fit_lines(image, logits, &GAINS, &mut self.scratch, lines)
    }
}
