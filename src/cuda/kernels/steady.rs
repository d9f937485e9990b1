//! Logits held still where the picture stands still.
use super::{THREADS, Tap};
use crate::cuda::CudaError;
use crate::cuda::device::{Buffer, Device, check_len};
use cudarc::driver::DeviceRepr;

/// What is kept from frame to frame, and memory to work in.
pub struct SteadyPast {
    /// (side, side, 3): the last frame's picture.
    pub image: Buffer<u8>,
    /// (side, side): its logits.
    pub logits: Buffer<f32>,
    /// (grid, grid).
    pub cells: Buffer<f32>,
    /// (grid, grid).
    pub shares: Buffer<f32>,
    /// (2).
    pub noise: Buffer<f32>,
    /// (side), from the grid.
    pub taps: Buffer<Tap>,
    /// Of picture and logits, in pixels.
    pub side: usize,
    /// Cells along a side, of four pixels each.
    pub grid: usize,
}

#[repr(C)]
struct SteadyParameter {
    image: u64,
    past_image: u64,
    logits: u64,
    past_logits: u64,
    cells: u64,
    shares: u64,
    noise: u64,
    taps: u64,
    side: u32,
    grid: u32,
}

// SAFETY: plain words, laid out as `steady.cu` has them.
unsafe impl DeviceRepr for SteadyParameter {}

impl Device {
    /// Queues: `logits` (side, side) of `image` (side, side, 3) are drawn towards the `past`'s where
    /// the picture stands still; both then are the past.
    pub fn hold_still(
        &self,
        image: &Buffer<u8>,
        logits: &mut Buffer<f32>,
        past: &mut SteadyPast,
    ) -> Result<(), CudaError> {
        let (pixels, cells) = (past.side * past.side, past.grid * past.grid);
        check_len("image", 3 * pixels, image.len())?;
        check_len("the last image", 3 * pixels, past.image.len())?;
        check_len("logits", pixels, logits.len())?;
        check_len("the last logits", pixels, past.logits.len())?;
        check_len("cells", cells, past.cells.len().min(past.shares.len()))?;
        check_len("noise", 2, past.noise.len())?;
        check_len("taps", past.side, past.taps.len())?;
        check_len("cells of pixels", past.side, 4 * past.grid)?;
        let parameter = SteadyParameter {
            image: self.address(image),
            past_image: self.address(&past.image),
            logits: self.address(logits),
            past_logits: self.address(&past.logits),
            cells: self.address(&past.cells),
            shares: self.address(&past.shares),
            noise: self.address(&past.noise),
            taps: self.address(&past.taps),
            side: past.side as u32,
            grid: past.grid as u32,
        };
        let (kernels, block) = (&self.kernels, (THREADS, 1, 1));
        let blocks = |threads: usize| ((threads as u32).div_ceil(THREADS), 1, 1);
        self.launch(&kernels.steady_change, blocks(cells), block, &parameter)?;
        self.launch(&kernels.steady_settle, (1, 1, 1), block, &parameter)?;
        self.launch(&kernels.steady_share, blocks(cells), block, &parameter)?;
        self.launch(&kernels.steady_draw, blocks(pixels), block, &parameter)?;
        self.copy(image, &mut past.image, 0)
    }
}
