//! The kernels, and one safe function for each.
//!
//! Each file has beside it the kernels that it starts; structures of both are laid out alike.
mod composite;
mod fit;
mod follow;
mod guess;
mod lines;
mod squash;
mod steady;

pub use composite::{Alpha, Colour, Halved, Lerps};
pub use fit::{Fit, FitScratch};
pub use guess::Guesses;
pub use lines::{Lines, LinesScratch};
pub use squash::{Axis, Squash};
pub use steady::SteadyPast;

use super::CudaError;
use super::device::{Buffer, Device};
use cudarc::driver::{
    CudaContext, CudaFunction, DevicePtr, DeviceRepr, LaunchConfig, PushKernelArg,
};
use cudarc::nvrtc::Ptx;
use std::sync::Arc;

/// All of them: one program.
pub(super) const SOURCE: &str = concat!(
    include_str!("pixels.cu"),
    include_str!("squash.cu"),
    include_str!("fit.cu"),
    include_str!("lines.cu"),
    include_str!("alpha.cu"),
    include_str!("guess.cu"),
    include_str!("composite.cu"),
    include_str!("follow.cu"),
    include_str!("steady.cu"),
);

/// Threads of a block, unless it is of pixels; `pixels.cu` has the same.
const THREADS: u32 = 256;

/// The functions of a loaded module.
pub(super) struct Kernels {
    squash: CudaFunction,
    fit_alpha: CudaFunction,
    fit_cells: CudaFunction,
    fit_slopes: CudaFunction,
    fit_mean: CudaFunction,
    fit_offset: CudaFunction,
    lines_gather: CudaFunction,
    lines_measure: CudaFunction,
    lines_fit: CudaFunction,
    lines_average: CudaFunction,
    lines_of_samples: CudaFunction,
    guess_measure: CudaFunction,
    guess_gather: CudaFunction,
    guess_settle: CudaFunction,
    guess_spread: CudaFunction,
    composite_gray: CudaFunction,
    composite_gray16: CudaFunction,
    composite_packed: CudaFunction,
    composite_packed_estimated: CudaFunction,
    composite_a420: CudaFunction,
    composite_a420_estimated: CudaFunction,
    mask_enlarge: CudaFunction,
    mask_fill: CudaFunction,
    gate_open: CudaFunction,
    gate_widen: CudaFunction,
    gate_soften: CudaFunction,
    gate_apply: CudaFunction,
    find_not_finite: CudaFunction,
    glance: CudaFunction,
    steady_change: CudaFunction,
    steady_settle: CudaFunction,
    steady_share: CudaFunction,
    steady_draw: CudaFunction,
}

impl Kernels {
    pub(super) fn load(context: &Arc<CudaContext>, cubin: Vec<u8>) -> Result<Self, CudaError> {
        let doing = CudaError::driver("loading the kernels");
        let module = context.load_module(Ptx::from_binary(cubin)).map_err(&doing)?;
        let function = |name| module.load_function(name).map_err(&doing);
        Ok(Self {
            squash: function("squash")?,
            fit_alpha: function("fit_alpha")?,
            fit_cells: function("fit_cells")?,
            fit_slopes: function("fit_slopes")?,
            fit_mean: function("fit_mean")?,
            fit_offset: function("fit_offset")?,
            lines_gather: function("lines_gather")?,
            lines_measure: function("lines_measure")?,
            lines_fit: function("lines_fit")?,
            lines_average: function("lines_average")?,
            lines_of_samples: function("lines_of_samples")?,
            guess_measure: function("guess_measure")?,
            guess_gather: function("guess_gather")?,
            guess_settle: function("guess_settle")?,
            guess_spread: function("guess_spread")?,
            composite_gray: function("composite_gray")?,
            composite_gray16: function("composite_gray16")?,
            composite_packed: function("composite_packed")?,
            composite_packed_estimated: function("composite_packed_estimated")?,
            composite_a420: function("composite_a420")?,
            composite_a420_estimated: function("composite_a420_estimated")?,
            mask_enlarge: function("mask_enlarge")?,
            mask_fill: function("mask_fill")?,
            gate_open: function("gate_open")?,
            gate_widen: function("gate_widen")?,
            gate_soften: function("gate_soften")?,
            gate_apply: function("gate_apply")?,
            find_not_finite: function("find_not_finite")?,
            glance: function("glance")?,
            steady_change: function("steady_change")?,
            steady_settle: function("steady_settle")?,
            steady_share: function("steady_share")?,
            steady_draw: function("steady_draw")?,
        })
    }
}

/// `out[i] = m[i] * samples + k[i]`, rounded to bytes.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub struct Affine {
    /// Weights, a row for each output.
    pub m: [[f32; 3]; 3],
    /// Constants.
    pub k: [f32; 3],
}

/// Y'CbCr to R'G'B' in whole numbers, as the CPU's code has them.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub struct FromYuv {
    /// Bits that luma goes up by.
    pub luma_shift: u32,
    /// Bits that chroma goes up by, from its centre.
    pub chroma_shift: u32,
    /// Chroma of greys.
    pub centre: i32,
    /// Luma's weight in every colour.
    pub luma: i32,
    /// Cr's weight in red.
    pub red_v: i32,
    /// Cb's and Cr's weights in green.
    pub green: [i32; 2],
    /// Cb's weight in blue.
    pub blue_u: i32,
    /// Constants: of red and blue, and of green.
    pub k: [i32; 2],
}

/// Linear interpolation between samples `left` and `left + 1`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[repr(C)]
pub struct Tap {
    /// The left sample's index.
    pub left: u32,
    /// The right sample's weight.
    pub weight: f32,
}

// SAFETY: two plain words, laid out as `pixels.cu` has them.
unsafe impl DeviceRepr for Tap {}

impl Device {
    fn launch<P: DeviceRepr>(
        &self,
        kernel: &CudaFunction,
        grid: (u32, u32, u32),
        block: (u32, u32, u32),
        parameter: &P,
    ) -> Result<(), CudaError> {
        let config = LaunchConfig { grid_dim: grid, block_dim: block, shared_mem_bytes: 0 };
        // SAFETY: the kernel takes a `P`, whose buffers are as large as it reads and writes (checked
        // above) and are freed in this stream's order; pictures are what their makers vouch for.
        unsafe { self.stream.launch_builder(kernel).arg(parameter).launch(config) }
            .map(drop)
            .map_err(CudaError::driver("starting a kernel"))
    }

    /// The device pointer of a buffer, valid as long as the buffer is.
    pub fn address<T>(&self, buffer: &Buffer<T>) -> u64 {
        buffer.device_ptr(&self.stream).0
    }
}
