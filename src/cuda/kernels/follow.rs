//! What a session does between two engines that follow an object.
use super::{THREADS, Tap};
use crate::cuda::CudaError;
use crate::cuda::device::{Buffer, Device, check_len};
use cudarc::driver::{CudaFunction, DeviceRepr};

/// Numbers of a [`Device::glance`]: of a picture's cells, then of its colours.
const GLANCE: usize = CELLS + 8 * 8 * 8;
const CELLS: usize = 16 * 16;

#[derive(Default)]
#[repr(C)]
struct MaskParameter {
    from: u64,
    to: u64,
    taps: u64,
    from_side: u32,
    side: u32,
    radius: u32,
    value: f32,
}

#[repr(C)]
struct FiniteParameter {
    values: u64,
    found: u64,
    len: u32,
}

#[repr(C)]
struct GlanceParameter {
    image: u64,
    cells: u64,
    colours: u64,
    side: u32,
}

// SAFETY: plain words and floats, laid out as `follow.cu` has them; so are the other two.
unsafe impl DeviceRepr for MaskParameter {}
// SAFETY: as above.
unsafe impl DeviceRepr for FiniteParameter {}
// SAFETY: as above.
unsafe impl DeviceRepr for GlanceParameter {}

impl Device {
    /// Queues: `to` (side, side) becomes `from` (from_side, from_side), bilinearly, by the `taps` of
    /// each output. `sides` are both.
    pub fn enlarge(
        &self,
        from: &Buffer<f32>,
        taps: &Buffer<Tap>,
        to: &mut Buffer<f32>,
        sides: (usize, usize),
    ) -> Result<(), CudaError> {
        let parameter = self.enlarging(from, taps, to, sides)?;
        self.launch_mask(&self.kernels.mask_enlarge, &parameter)
    }

    /// Queues: `to` (side, side) becomes `value` throughout.
    pub fn fill(&self, to: &mut Buffer<f32>, value: f32, side: usize) -> Result<(), CudaError> {
        check_len("mask", side * side, to.len())?;
        let to = self.address(to);
        let parameter = MaskParameter { to, side: side as u32, value, ..MaskParameter::default() };
        self.launch_mask(&self.kernels.mask_fill, &parameter)
    }

    /// Queues: `maps[0]` (side, side) becomes how far a gate of `mask_logits` is open, which grows by
    /// `growth` pixels and whose edges are `softness` wide to each side.
    pub fn widen_gate(
        &self,
        mask_logits: &Buffer<f32>,
        maps: &mut [Buffer<f32>; 2],
        side: usize,
        (growth, softness): (usize, usize),
    ) -> Result<(), CudaError> {
        let [open, turned] = maps;
        check_len("mask", side * side, mask_logits.len())?;
        let parameter = self.between(mask_logits, open, (side, side))?;
        self.launch_mask(&self.kernels.gate_open, &parameter)?;
        let kernels = &self.kernels;
        for (kernel, radius) in [
            (&kernels.gate_widen, growth),
            (&kernels.gate_soften, softness),
            (&kernels.gate_soften, softness),
        ] {
            for (from, to) in [(&*open, &*turned), (&*turned, &*open)] {
                let parameter = self.between(from, to, (side, side))?;
                let radius = radius as u32;
                self.launch_mask(kernel, &MaskParameter { radius, ..parameter })?;
            }
        }
        Ok(())
    }

    /// Queues: the alpha of `logits` (side, side) is multiplied by the gate `open` (from_side,
    /// from_side), which is enlarged by `taps`. `sides` are both.
    pub fn apply_gate(
        &self,
        open: &Buffer<f32>,
        taps: &Buffer<Tap>,
        logits: &mut Buffer<f32>,
        sides: (usize, usize),
    ) -> Result<(), CudaError> {
        let parameter = self.enlarging(open, taps, logits, sides)?;
        self.launch_mask(&self.kernels.gate_apply, &parameter)
    }

    /// Whether all `values` are numbers and finite; waits for the answer.
    pub fn is_finite(&self, values: &Buffer<f32>) -> Result<bool, CudaError> {
        let (values, len) = (self.address(values), values.len() as u32);
        let grid = (len.div_ceil(THREADS), 1, 1);
        let mut found = [0];
        self.count(&mut found, |found| {
            let parameter = FiniteParameter { values, found, len };
            self.launch(&self.kernels.find_not_finite, grid, (THREADS, 1, 1), &parameter)
        })?;
        Ok(found == [0])
    }

    /// Of every fourth pixel of `image` (side, side, 3) along both sides: the sums of luma in each of
    /// 16 x 16 cells, in thousandths, then how many have each of 8 x 8 x 8 colours. Waits for them.
    pub fn glance(&self, image: &Buffer<u8>, side: usize) -> Result<Vec<u32>, CudaError> {
        check_len("image", 3 * side * side, image.len())?;
        let (image, samples) = (self.address(image), side.div_ceil(4) as u32);
        let grid = ((samples * samples).div_ceil(THREADS), 1, 1);
        let mut counts = vec![0; GLANCE];
        self.count(&mut counts, |cells| {
            let colours = cells + (CELLS * size_of::<u32>()) as u64;
            let parameter = GlanceParameter { image, cells, colours, side: side as u32 };
            self.launch(&self.kernels.glance, grid, (THREADS, 1, 1), &parameter)
        })?;
        Ok(counts)
    }

    fn enlarging(
        &self,
        from: &Buffer<f32>,
        taps: &Buffer<Tap>,
        to: &Buffer<f32>,
        sides: (usize, usize),
    ) -> Result<MaskParameter, CudaError> {
        check_len("the smaller mask", sides.0 * sides.0, from.len())?;
        check_len("taps", sides.1, taps.len())?;
        Ok(MaskParameter { taps: self.address(taps), ..self.between(from, to, sides)? })
    }

    fn between(
        &self,
        from: &Buffer<f32>,
        to: &Buffer<f32>,
        (from_side, side): (usize, usize),
    ) -> Result<MaskParameter, CudaError> {
        check_len("mask", side * side, to.len())?;
        let (from, to) = (self.address(from), self.address(to));
        let (from_side, side) = (from_side as u32, side as u32);
        Ok(MaskParameter { from, to, from_side, side, ..MaskParameter::default() })
    }

    /// A thread for each pixel of the output.
    fn launch_mask(
        &self,
        kernel: &CudaFunction,
        parameter: &MaskParameter,
    ) -> Result<(), CudaError> {
        let grid = ((parameter.side * parameter.side).div_ceil(THREADS), 1, 1);
        self.launch(kernel, grid, (THREADS, 1, 1), parameter)
    }
}
