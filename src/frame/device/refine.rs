//! Logits in device memory to what alpha is at any size.
use super::color_lines::ColorLines;
use crate::cuda::{Buffer, CudaError, Device, Fit, FitScratch, Lines, Tap};
use crate::frame::FrameError;
use crate::frame::refine::{Guide, RefineMode};
use crate::frame::upsample::tap;
use crate::frame::window::cell_side;

/// [`refine::Coefficients`](crate::frame::refine::Coefficients) in device memory.
pub struct Coefficients {
    /// Values along a side of `offset`.
    pub(super) side: usize,
    pub(super) guide: Guide,
    /// Cells along a side of a slope.
    pub(super) grid: usize,
    pub(super) slope: Buffer<f32>,
    pub(super) offset: Buffer<f32>,
}

impl Coefficients {
    /// Alpha is zero everywhere.
    pub fn new(device: &Device, side: usize) -> Result<Self, CudaError> {
        let (slope, offset) = (device.zeros(1)?, device.zeros(side * side)?);
        Ok(Self { side, guide: Guide::None, grid: 0, slope, offset })
    }

    fn shape(
        &mut self,
        device: &Device,
        guide: Guide,
        side: usize,
        grid: usize,
    ) -> Result<(), CudaError> {
        (self.guide, self.side, self.grid) = (guide, side, grid);
        for (buffer, len) in
            [(&mut self.slope, guide.slopes() * grid * grid), (&mut self.offset, side * side)]
        {
            if len > 0 && buffer.len() != len {
                *buffer = device.zeros(len)?;
            }
        }
        Ok(())
    }
}

/// [`refine::Refine`](crate::frame::refine::Refine) on a device.
pub struct Refine {
    side: usize,
    scratch: FitScratch,
    lines: Option<ColorLines>,
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
        Ok(Self { side, scratch, lines: None })
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
        let (fit, side) = (Fit { image, logits, side: self.side }, self.side);
        match mode {
            RefineMode::Off => {
                coefficients.shape(device, Guide::None, side, 0)?;
                Ok(device.fit_alpha(&fit, &mut coefficients.offset)?)
            }
            RefineMode::GuidedFilter => {
                coefficients.shape(device, Guide::Luma, side, self.scratch.grid)?;
                let Coefficients { slope, offset, .. } = coefficients;
                Ok(device.fit_guided(&fit, &mut self.scratch, slope, offset)?)
            }
            RefineMode::ColorLines => {
                let lines = match self.lines.take() {
                    Some(lines) => lines,
                    None => ColorLines::new(device, side)?,
                };
                let lines = self.lines.insert(lines);
                coefficients.shape(device, Guide::Colors, lines.grid(), lines.grid())?;
                let Coefficients { slope, offset, .. } = coefficients;
                Ok(lines.fit(device, image, logits, Lines { slopes: slope, offset })?)
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
