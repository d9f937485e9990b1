//! One safe function for each kernel of `kernels.cu`.
use super::CudaError;
use super::device::{Buffer, Device, check_len};
use super::picture::{Source, Target};
use cudarc::driver::{
    CudaContext, CudaFunction, DevicePtr, DeviceRepr, LaunchConfig, PushKernelArg,
};
use cudarc::nvrtc::Ptx;
use std::sync::Arc;

/// Threads of a block; `kernels.cu` has the same.
const THREADS: u32 = 256;
/// Pixels that a block of `squash` makes.
const TILE: (u32, u32) = (64, 16);
/// Threads of a block of the composites, each of 4 pixels.
const BLOCK: (u32, u32) = (32, 8);

/// The functions of a loaded module.
pub(super) struct Kernels {
    squash: CudaFunction,
    fit_alpha: CudaFunction,
    fit_cells: CudaFunction,
    fit_slopes: CudaFunction,
    fit_mean: CudaFunction,
    fit_offset: CudaFunction,
    composite_gray: CudaFunction,
    composite_gray16: CudaFunction,
    composite_packed: CudaFunction,
    composite_a420: CudaFunction,
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
            composite_gray: function("composite_gray")?,
            composite_gray16: function("composite_gray16")?,
            composite_packed: function("composite_packed")?,
            composite_a420: function("composite_a420")?,
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

// SAFETY: two plain words, laid out as `kernels.cu` has them.
unsafe impl DeviceRepr for Tap {}

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

/// Where on a square plane the pixels of a frame lie.
pub struct Lerps {
    /// Of each column.
    pub x: Buffer<Tap>,
    /// Of each row.
    pub y: Buffer<Tap>,
}

/// What alpha is made of.
pub struct Alpha<'a> {
    /// The slope (grid, grid), and where pixels lie on it; `None` where there is no slope.
    pub slope: Option<(&'a Buffer<f32>, usize, &'a Lerps)>,
    /// The offset (side, side), and where pixels lie on it.
    pub offset: (&'a Buffer<f32>, usize, &'a Lerps),
    /// Samples to luma in 0..=1.
    pub to_luma: ([f32; 3], f32),
}

/// What colours become.
#[derive(Debug, Clone, Copy, Default)]
pub struct Colour {
    /// Samples to the target's bytes.
    pub to_target: Affine,
    /// The same, where a packed target's colours are R'G'B' from Y'CbCr.
    pub from_yuv: Option<FromYuv>,
    /// Colours are drawn towards this as alpha falls.
    pub anchor: Option<[u8; 3]>,
    /// Alpha is written as 255.
    pub opaque: bool,
    /// Where the three colours and alpha lie in a packed pixel, in bits from its first byte.
    pub shifts: [u32; 4],
    /// 4:2:0 chroma becomes 4:2:0 chroma by itself.
    pub halved: Option<Halved>,
}

/// Half-size chroma to half-size chroma: a weight and a constant for Cb and for Cr.
#[derive(Debug, Clone, Copy, Default)]
pub struct Halved {
    /// Weights.
    pub m: [f32; 2],
    /// Constants.
    pub k: [f32; 2],
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

#[repr(C)]
struct CompositeParameter {
    source: Source,
    slope: u64,
    offset: u64,
    slope_x: u64,
    slope_y: u64,
    offset_x: u64,
    offset_y: u64,
    grid: u32,
    side: u32,
    luma: [f32; 3],
    luma_k: f32,
    to_target: Affine,
    from_yuv: FromYuv,
    yuv_to_rgb: u32,
    blend: u32,
    anchor: [u32; 3],
    opaque: u32,
    shifts: [u32; 4],
    direct: u32,
    chroma_m: [f32; 2],
    chroma_k: [f32; 2],
    plane: [u64; 4],
    stride: [u32; 4],
    aligned: u32,
}

// SAFETY: plain words and floats, laid out as `kernels.cu` has them; so are the next two.
unsafe impl DeviceRepr for SquashParameter {}
// SAFETY: as above.
unsafe impl DeviceRepr for FitParameter {}
// SAFETY: as above.
unsafe impl DeviceRepr for CompositeParameter {}

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

    /// Queues: a GRAY8 target becomes the matte.
    pub fn composite_gray(
        &self,
        source: &Source,
        alpha: &Alpha,
        target: &Target,
    ) -> Result<(), CudaError> {
        let parameter = self.composite_parameter(source, alpha, &Colour::default(), target, 4)?;
        self.composite(&self.kernels.composite_gray, parameter, 1)
    }

    /// Queues: a GRAY16_LE target becomes the matte.
    pub fn composite_gray16(
        &self,
        source: &Source,
        alpha: &Alpha,
        target: &Target,
    ) -> Result<(), CudaError> {
        let parameter = self.composite_parameter(source, alpha, &Colour::default(), target, 4)?;
        self.composite(&self.kernels.composite_gray16, parameter, 1)
    }

    /// Queues: a target of four bytes a pixel becomes the frame with alpha.
    pub fn composite_packed(
        &self,
        source: &Source,
        alpha: &Alpha,
        colour: &Colour,
        target: &Target,
    ) -> Result<(), CudaError> {
        let parameter = self.composite_parameter(source, alpha, colour, target, 16)?;
        self.composite(&self.kernels.composite_packed, parameter, 1)
    }

    /// Queues: an A420 target becomes the frame with alpha.
    pub fn composite_a420(
        &self,
        source: &Source,
        alpha: &Alpha,
        colour: &Colour,
        target: &Target,
    ) -> Result<(), CudaError> {
        let parameter = self.composite_parameter(source, alpha, colour, target, 4)?;
        self.composite(&self.kernels.composite_a420, parameter, 2)
    }

    /// A thread makes 4 pixels of `rows` rows.
    fn composite(
        &self,
        kernel: &CudaFunction,
        parameter: CompositeParameter,
        rows: u32,
    ) -> Result<(), CudaError> {
        let Source { width, height, .. } = parameter.source;
        let grid = (width.div_ceil(4 * BLOCK.0), height.div_ceil(rows * BLOCK.1), 1);
        self.launch(kernel, grid, (BLOCK.0, BLOCK.1, 1), &parameter)
    }

    fn composite_parameter(
        &self,
        source: &Source,
        alpha: &Alpha,
        colour: &Colour,
        target: &Target,
        unit: u64,
    ) -> Result<CompositeParameter, CudaError> {
        let (offset, side, offset_lerps) = alpha.offset;
        let (slope, grid, slope_lerps) = alpha.slope.unwrap_or((offset, 0, offset_lerps));
        check_len("offset", side * side, offset.len())?;
        check_len("slope", grid * grid, slope.len())?;
        for lerps in [offset_lerps, slope_lerps] {
            check_len("columns", source.width as usize, lerps.x.len())?;
            check_len("rows", source.height as usize, lerps.y.len())?;
        }
        let Halved { m: chroma_m, k: chroma_k } = colour.halved.unwrap_or_default();
        Ok(CompositeParameter {
            source: *source,
            slope: self.address(slope),
            offset: self.address(offset),
            slope_x: self.address(&slope_lerps.x),
            slope_y: self.address(&slope_lerps.y),
            offset_x: self.address(&offset_lerps.x),
            offset_y: self.address(&offset_lerps.y),
            grid: grid as u32,
            side: side as u32,
            luma: alpha.to_luma.0,
            luma_k: alpha.to_luma.1,
            to_target: colour.to_target,
            from_yuv: colour.from_yuv.unwrap_or_default(),
            yuv_to_rgb: colour.from_yuv.is_some().into(),
            blend: colour.anchor.is_some().into(),
            anchor: colour.anchor.unwrap_or_default().map(u32::from),
            opaque: colour.opaque.into(),
            shifts: colour.shifts,
            direct: colour.halved.is_some().into(),
            chroma_m,
            chroma_k,
            plane: target.plane,
            stride: target.stride,
            aligned: target.is_aligned(unit, source).into(),
        })
    }

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
