//! The frame's own colours with alpha, in the layout that goes on.
use super::guess::{Guesses, GuessesParameter};
use super::{Affine, FromYuv, Tap};
use crate::cuda::CudaError;
use crate::cuda::device::{Buffer, Device, check_len};
use crate::cuda::picture::{Source, Target};
use cudarc::driver::{CudaFunction, DeviceRepr};

/// Threads of a block, each of 4 pixels.
const BLOCK: (u32, u32) = (32, 8);

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
    /// It is three slopes (3, grid, grid), of samples, and not of luma.
    pub of_samples: bool,
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

#[repr(C)]
pub(super) struct CompositeParameter {
    source: Source,
    slope: u64,
    offset: u64,
    slope_x: u64,
    slope_y: u64,
    offset_x: u64,
    offset_y: u64,
    grid: u32,
    side: u32,
    of_samples: u32,
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
    guesses: GuessesParameter,
    aligned: u32,
}

// SAFETY: plain words and floats, laid out as `alpha.cu` has them.
unsafe impl DeviceRepr for CompositeParameter {}

impl Device {
    /// Queues: a GRAY8 target becomes the matte.
    pub fn composite_gray(
        &self,
        source: &Source,
        alpha: &Alpha,
        target: &Target,
    ) -> Result<(), CudaError> {
        self.composite_matte(&self.kernels.composite_gray, source, alpha, target)
    }

    /// Queues: a GRAY16_LE target becomes the matte.
    pub fn composite_gray16(
        &self,
        source: &Source,
        alpha: &Alpha,
        target: &Target,
    ) -> Result<(), CudaError> {
        self.composite_matte(&self.kernels.composite_gray16, source, alpha, target)
    }

    fn composite_matte(
        &self,
        kernel: &CudaFunction,
        source: &Source,
        alpha: &Alpha,
        target: &Target,
    ) -> Result<(), CudaError> {
        let colour = Colour::default();
        let parameter = self.composite_parameter(source, alpha, &colour, None, target, 4)?;
        self.composite(kernel, parameter, 1)
    }

    /// Queues: a target of four bytes a pixel becomes the frame with alpha, in the foreground's
    /// own colours if there are `guesses` at them.
    pub fn composite_packed(
        &self,
        source: &Source,
        alpha: &Alpha,
        colour: &Colour,
        guesses: Option<&Guesses>,
        target: &Target,
    ) -> Result<(), CudaError> {
        let parameter = self.composite_parameter(source, alpha, colour, guesses, target, 16)?;
        let kernel = match guesses {
            None => &self.kernels.composite_packed,
            Some(_) => &self.kernels.composite_packed_estimated,
        };
        self.composite(kernel, parameter, 1)
    }

    /// Queues: an A420 target becomes the frame with alpha, as
    /// [`composite_packed`](Self::composite_packed).
    pub fn composite_a420(
        &self,
        source: &Source,
        alpha: &Alpha,
        colour: &Colour,
        guesses: Option<&Guesses>,
        target: &Target,
    ) -> Result<(), CudaError> {
        let parameter = self.composite_parameter(source, alpha, colour, guesses, target, 4)?;
        let kernel = match guesses {
            None => &self.kernels.composite_a420,
            Some(_) => &self.kernels.composite_a420_estimated,
        };
        self.composite(kernel, parameter, 2)
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

    /// `unit` is the bytes of a row of the target that a thread writes at once.
    pub(super) fn composite_parameter(
        &self,
        source: &Source,
        alpha: &Alpha,
        colour: &Colour,
        guesses: Option<&Guesses>,
        target: &Target,
        unit: u64,
    ) -> Result<CompositeParameter, CudaError> {
        let (offset, side, offset_lerps) = alpha.offset;
        let (slope, grid, slope_lerps) = alpha.slope.unwrap_or((offset, 0, offset_lerps));
        check_len("offset", side * side, offset.len())?;
        let slopes = if alpha.of_samples { 3 } else { 1 };
        check_len("slope", slopes * grid * grid, if grid == 0 { 0 } else { slope.len() })?;
        for lerps in [offset_lerps, slope_lerps] {
            check_len("columns", source.width as usize, lerps.x.len())?;
            check_len("rows", source.height as usize, lerps.y.len())?;
        }
        if let Some(guesses) = guesses {
            guesses.check(source)?;
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
            of_samples: alpha.of_samples.into(),
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
            guesses: guesses.map_or_else(Default::default, |guesses| guesses.parameter(self)),
            aligned: target.is_aligned(unit, source).into(),
        })
    }
}
