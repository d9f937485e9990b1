//! Logits in device memory to what alpha is at any size.
use crate::cuda::{Buffer, CudaError, Device, Fit, FitScratch, Tap};
use crate::frame::FrameError;
use crate::frame::refine::RefineMode;
use crate::frame::upsample::tap;
use crate::frame::window::cell_side;

/// [`refine::Coefficients`](crate::frame::refine::Coefficients) in device memory.
pub struct Coefficients {
    /// Pixels along a side of `offset`.
    pub(super) side: usize,
    /// Cells along a side of `slope`; 0 where there is no slope.
    pub(super) grid: usize,
    pub(super) slope: Buffer<f32>,
    pub(super) offset: Buffer<f32>,
}

impl Coefficients {
    /// Alpha is zero everywhere.
    pub fn new(device: &Device, side: usize) -> Result<Self, CudaError> {
        let grid = side / cell_side(side);
        let (slope, offset) = (device.zeros(grid * grid)?, device.zeros(side * side)?);
        Ok(Self { side, grid: 0, slope, offset })
    }
}

/// [`refine::Refine`](crate::frame::refine::Refine) on a device.
pub struct Refine {
    side: usize,
    scratch: FitScratch,
}

impl Refine {
    /// For pictures of `side` by `side` pixels.
    pub fn new(device: &Device, side: usize) -> Result<Self, CudaError> {
        let cell = cell_side(side);
        let grid = side / cell;
        let scratch = FitScratch {
            luma: device.zeros(side * side)?,
            cells: device.zeros(4 * grid * grid)?,
            slopes: device.zeros(grid * grid)?,
            taps: device.copied(&taps(side, grid))?,
            cell,
            grid,
        };
        Ok(Self { side, scratch })
    }

    /// Queues: `coefficients` fit `logits` (side, side) to `image` (side, side, 3).
    pub fn fit(
        &mut self,
        device: &Device,
        image: &Buffer<u8>,
        logits: &Buffer<f32>,
        mode: RefineMode,
        coefficients: &mut Coefficients,
    ) -> Result<(), FrameError> {
        let fit = Fit { image, logits, side: self.side };
        let Coefficients { side, grid, slope, offset } = coefficients;
        *side = self.side;
        match mode {
            RefineMode::Off => {
                *grid = 0;
                Ok(device.fit_alpha(&fit, offset)?)
            }
            RefineMode::GuidedFilter => {
                *grid = self.scratch.grid;
                Ok(device.fit_guided(&fit, &mut self.scratch, slope, offset)?)
            }
        }
    }
}

/// Where each of `outputs` pixels lies among `samples`.
pub(crate) fn taps(outputs: usize, samples: usize) -> Vec<Tap> {
    let tap = |x| {
        let (left, weight) = tap(x, outputs, samples);
        Tap { left, weight }
    };
    (0..outputs).map(tap).collect()
}
