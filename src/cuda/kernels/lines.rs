//! Alpha fitted to colours, window by window.
use super::{Affine, THREADS};
use crate::cuda::CudaError;
use crate::cuda::device::{Buffer, Device, check_len};
use cudarc::driver::DeviceRepr;

/// Memory that a fit works in.
pub struct LinesScratch {
    /// (3, grid, grid).
    pub colours: Buffer<f32>,
    /// (3, grid, grid).
    pub means: Buffer<f32>,
    /// (6, grid, grid).
    pub factors: Buffer<f32>,
    /// (grid, grid).
    pub alpha: Buffer<f32>,
    /// (5, grid, grid).
    pub fits: Buffer<f32>,
    /// Of the picture, in pixels.
    pub side: usize,
    /// Pixels along a cell: 4, 2 or 1.
    pub cell: usize,
    /// Cells along a side.
    pub grid: usize,
}

/// What alpha is per colour, and without any.
pub struct Lines<'a> {
    /// (3, grid, grid).
    pub slopes: &'a mut Buffer<f32>,
    /// (grid, grid).
    pub offset: &'a mut Buffer<f32>,
}

#[repr(C)]
struct LinesParameter {
    image: u64,
    logits: u64,
    colours: u64,
    means: u64,
    factors: u64,
    alpha: u64,
    fits: u64,
    slopes: u64,
    offset: u64,
    side: u32,
    cell: u32,
    grid: u32,
    is_last: u32,
    gain: f32,
}

// SAFETY: plain words and floats, laid out as `lines.cu` has them.
unsafe impl DeviceRepr for LinesParameter {}

#[repr(C)]
struct OfSamplesParameter {
    slopes: u64,
    offset: u64,
    sample_slopes: u64,
    sample_offset: u64,
    cells: u32,
    to_rgb: Affine,
}

// SAFETY: plain words and floats, laid out as `lines.cu` has them.
unsafe impl DeviceRepr for OfSamplesParameter {}

impl Device {
    /// Queues: `lines` fit `logits` (side, side) to `image` (side, side, 3), a round for each of
    /// `gains`, by which alpha is stretched from one half after it.
    pub fn fit_lines(
        &self,
        image: &Buffer<u8>,
        logits: &Buffer<f32>,
        gains: &[f32],
        scratch: &mut LinesScratch,
        lines: Lines,
    ) -> Result<(), CudaError> {
        let mut parameter = self.lines_parameter(image, logits, scratch, &lines)?;
        let (kernels, block) = (&self.kernels, (THREADS, 1, 1));
        let blocks = ((scratch.grid * scratch.grid) as u32).div_ceil(THREADS);
        let launch = |kernel, parameter: &LinesParameter| {
            self.launch(kernel, (blocks, 1, 1), block, parameter)
        };
        launch(&kernels.lines_gather, &parameter)?;
        launch(&kernels.lines_measure, &parameter)?;
        for (round, gain) in gains.iter().enumerate() {
            parameter.gain = *gain;
            parameter.is_last = (round + 1 == gains.len()).into();
            launch(&kernels.lines_fit, &parameter)?;
            launch(&kernels.lines_average, &parameter)?;
        }
        Ok(())
    }

    /// Queues: `of_samples` become `slopes` (3, grid, grid) and `offset` (grid, grid), of what
    /// `to_rgb` makes R'G'B' in 0..=255 of.
    pub fn lines_of_samples(
        &self,
        (slopes, offset): (&Buffer<f32>, &Buffer<f32>),
        to_rgb: Affine,
        of_samples: Lines,
    ) -> Result<(), CudaError> {
        let cells = offset.len();
        check_len("slopes", 3 * cells, slopes.len())?;
        check_len("slopes of samples", 3 * cells, of_samples.slopes.len())?;
        check_len("offset of samples", cells, of_samples.offset.len())?;
        let parameter = OfSamplesParameter {
            slopes: self.address(slopes),
            offset: self.address(offset),
            sample_slopes: self.address(of_samples.slopes),
            sample_offset: self.address(of_samples.offset),
            cells: cells as u32,
            to_rgb,
        };
        let blocks = (cells as u32).div_ceil(THREADS);
        self.launch(&self.kernels.lines_of_samples, (blocks, 1, 1), (THREADS, 1, 1), &parameter)
    }

    fn lines_parameter(
        &self,
        image: &Buffer<u8>,
        logits: &Buffer<f32>,
        scratch: &LinesScratch,
        lines: &Lines,
    ) -> Result<LinesParameter, CudaError> {
        let LinesScratch { side, cell, grid, .. } = *scratch;
        let (pixels, cells) = (side * side, grid * grid);
        check_len("image", 3 * pixels, image.len())?;
        check_len("logits", pixels, logits.len())?;
        check_len("colours", 3 * cells, scratch.colours.len())?;
        check_len("means", 3 * cells, scratch.means.len())?;
        check_len("factors", 6 * cells, scratch.factors.len())?;
        check_len("alpha", cells, scratch.alpha.len())?;
        check_len("fits", 5 * cells, scratch.fits.len())?;
        check_len("cells of pixels", side, cell * grid)?;
        check_len("slopes", 3 * cells, lines.slopes.len())?;
        check_len("offset", cells, lines.offset.len())?;
        Ok(LinesParameter {
            image: self.address(image),
            logits: self.address(logits),
            colours: self.address(&scratch.colours),
            means: self.address(&scratch.means),
            factors: self.address(&scratch.factors),
            alpha: self.address(&scratch.alpha),
            fits: self.address(&scratch.fits),
            slopes: self.address(lines.slopes),
            offset: self.address(lines.offset),
            side: side as u32,
            cell: cell as u32,
            grid: grid as u32,
            is_last: 0,
            gain: 1.0,
        })
    }
}
