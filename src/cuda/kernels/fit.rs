//! Logits to what alpha is at any size: a sigmoid, or a guided filter's slope and offset.
use super::{THREADS, Tap};
use crate::cuda::CudaError;
use crate::cuda::device::{Buffer, Device, check_len};
use cudarc::driver::DeviceRepr;

/// What is fitted to what.
pub struct Fit<'a> {
    /// (side, side, 3) RGB: what the model saw.
    pub image: &'a Buffer<u8>,
    /// (side, side): what it said.
    pub logits: &'a Buffer<f32>,
    /// Of both, in pixels.
    pub side: usize,
}

/// Memory that a guided fit works in.
pub struct FitScratch {
    /// (side, side).
    pub luma: Buffer<u16>,
    /// (grid, grid, 4).
    pub cells: Buffer<u32>,
    /// (grid, grid).
    pub slopes: Buffer<f32>,
    /// (side), from the grid.
    pub taps: Buffer<Tap>,
    /// Pixels along a cell: 4, 2 or 1.
    pub cell: usize,
    /// Cells along a side.
    pub grid: usize,
}

#[repr(C)]
struct FitParameter {
    image: u64,
    logits: u64,
    offset: u64,
    luma: u64,
    cells: u64,
    slopes: u64,
    slope: u64,
    taps: u64,
    side: u32,
    cell: u32,
    grid: u32,
}

// SAFETY: plain words and floats, laid out as `fit.cu` has them.
unsafe impl DeviceRepr for FitParameter {}

impl Device {
    /// Queues: `offset` (side, side) becomes the sigmoid of the logits.
    pub fn fit_alpha(&self, fit: &Fit, offset: &mut Buffer<f32>) -> Result<(), CudaError> {
        let parameter = self.fit_parameter(fit, offset, None)?;
        let blocks = (fit.side * fit.side).div_ceil(4 * THREADS as usize) as u32;
        self.launch(&self.kernels.fit_alpha, (blocks, 1, 1), (THREADS, 1, 1), &parameter)
    }

    /// Queues: `offset` (side, side) and `slope` (grid, grid) become a guided filter's.
    pub fn fit_guided(
        &self,
        fit: &Fit,
        scratch: &mut FitScratch,
        slope: &mut Buffer<f32>,
        offset: &mut Buffer<f32>,
    ) -> Result<(), CudaError> {
        let cells = scratch.grid * scratch.grid;
        let parameter = self.fit_parameter(fit, offset, Some((scratch, slope)))?;
        let kernels = &self.kernels;
        let blocks = (cells as u32).div_ceil(THREADS);
        for kernel in [&kernels.fit_cells, &kernels.fit_slopes, &kernels.fit_mean] {
            self.launch(kernel, (blocks, 1, 1), (THREADS, 1, 1), &parameter)?;
        }
        let side = fit.side as u32;
        let grid = (side.div_ceil(4 * THREADS), side, 1);
        self.launch(&kernels.fit_offset, grid, (THREADS, 1, 1), &parameter)
    }

    fn fit_parameter(
        &self,
        fit: &Fit,
        offset: &mut Buffer<f32>,
        guided: Option<(&mut FitScratch, &mut Buffer<f32>)>,
    ) -> Result<FitParameter, CudaError> {
        let pixels = fit.side * fit.side;
        check_len("image", 3 * pixels, fit.image.len())?;
        check_len("logits", pixels, fit.logits.len())?;
        check_len("offset", pixels, offset.len())?;
        let mut parameter = FitParameter {
            image: self.address(fit.image),
            logits: self.address(fit.logits),
            offset: self.address(offset),
            luma: 0,
            cells: 0,
            slopes: 0,
            slope: 0,
            taps: 0,
            side: fit.side as u32,
            cell: 0,
            grid: 0,
        };
        if let Some((scratch, slope)) = guided {
            let cells = scratch.grid * scratch.grid;
            check_len("luma", pixels, scratch.luma.len())?;
            check_len("cells", 4 * cells, scratch.cells.len())?;
            check_len("slopes", cells, scratch.slopes.len())?;
            check_len("slope", cells, slope.len())?;
            check_len("taps", fit.side, scratch.taps.len())?;
            check_len("cells of pixels", fit.side, scratch.cell * scratch.grid)?;
            parameter.luma = self.address(&scratch.luma);
            parameter.cells = self.address(&scratch.cells);
            parameter.slopes = self.address(&scratch.slopes);
            parameter.slope = self.address(slope);
            parameter.taps = self.address(&scratch.taps);
            (parameter.cell, parameter.grid) = (scratch.cell as u32, scratch.grid as u32);
        }
        Ok(parameter)
    }
}
