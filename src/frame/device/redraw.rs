//! Alpha fitted to colours in device memory, and logits drawn to it.
use super::refine::taps;
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
            taps: device.copied(&taps(side, grid))?,
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

/// [`redraw::Redraw`](crate::frame::redraw::Redraw) on a device.
pub struct Redraw {
    lines: ColorLines,
    slopes: Buffer<f32>,
    offset: Buffer<f32>,
}

impl Redraw {
    /// For pictures of `side` by `side` pixels.
    pub fn new(device: &Device, side: usize) -> Result<Self, CudaError> {
        let lines = ColorLines::new(device, side)?;
        let cells = lines.grid() * lines.grid();
        Ok(Self { lines, slopes: device.zeros(3 * cells)?, offset: device.zeros(cells)? })
    }

    /// Queues: `logits` (side, side) of `image` (side, side, 3) RGB keep to its edges.
    pub fn run(
        &mut self,
        device: &Device,
        image: &Buffer<u8>,
        logits: &mut Buffer<f32>,
    ) -> Result<(), CudaError> {
        let Self { lines, slopes, offset } = self;
        lines.fit(device, image, logits, Lines { slopes, offset })?;
        device.draw_to_lines(image, logits, &mut lines.scratch, Lines { slopes, offset })
    }
}
