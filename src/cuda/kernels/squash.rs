//! A frame to the square picture that the model sees.
use super::{FromYuv, THREADS};
use crate::cuda::device::{Buffer, Device, check_len};
use crate::cuda::{CudaError, Source};
use cudarc::driver::DeviceRepr;

/// Pixels that a block makes.
const TILE: (u32, u32) = (64, 16);

/// One direction of resizing, for one kind of component.
pub struct Axis {
    /// Of each output: its first input.
    pub first: Buffer<u32>,
    /// `[tap * outputs + output]`, in 1/2^14.
    pub weights: Buffer<u16>,
    /// Inputs that an output is made of.
    pub taps: u32,
    /// Inputs that there are.
    pub inputs: u32,
}

/// How a frame becomes the model's picture; the first axis of each is the first component's, the
/// second chroma's.
pub struct Squash<'a> {
    /// The frame.
    pub source: Source,
    /// Along rows.
    pub across: [&'a Axis; 2],
    /// Along columns.
    pub down: [&'a Axis; 2],
    /// From 8-bit samples; `None` where they are R'G'B'.
    pub to_rgb: Option<FromYuv>,
    /// Of the picture, in pixels.
    pub side: usize,
}

#[derive(Clone, Copy)]
#[repr(C)]
struct AxisParameter {
    first: u64,
    weights: u64,
    taps: u32,
    inputs: u32,
}

#[repr(C)]
struct SquashParameter {
    source: Source,
    across: [AxisParameter; 2],
    down: [AxisParameter; 2],
    to_rgb: FromYuv,
    is_rgb: u32,
    side: u32,
    image: u64,
}

// SAFETY: plain words and floats, laid out as `squash.cu` has them.
unsafe impl DeviceRepr for SquashParameter {}

impl Device {
    /// Queues: `image` (side, side, 3) becomes the frame in RGB, squashed to a square.
    pub fn squash(&self, squash: &Squash, image: &mut Buffer<u8>) -> Result<(), CudaError> {
        let side = squash.side;
        check_len("image", 3 * side * side, image.len())?;
        for axis in squash.across.iter().chain(&squash.down) {
            check_len("first", side, axis.first.len())?;
            check_len("weights", side * axis.taps as usize, axis.weights.len())?;
        }
        let axis = |axis: &Axis| AxisParameter {
            first: self.address(&axis.first),
            weights: self.address(&axis.weights),
            taps: axis.taps,
            inputs: axis.inputs,
        };
        let parameter = SquashParameter {
            source: squash.source,
            across: squash.across.map(axis),
            down: squash.down.map(axis),
            to_rgb: squash.to_rgb.unwrap_or_default(),
            is_rgb: squash.to_rgb.is_none().into(),
            side: side as u32,
            image: self.address(image),
        };
        let grid = (side as u32).div_ceil(TILE.0);
        let grid = (grid, (side as u32).div_ceil(TILE.1), 1);
        self.launch(&self.kernels.squash, grid, (THREADS, 1, 1), &parameter)
    }
}
