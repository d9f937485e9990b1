//! The frame's own colours with alpha, in the layout that goes on.
use super::alpha::{alpha_with_slope, alpha_without_slope};
use super::blend::blend_row;
use super::chroma::HalfRow;
use super::colorimetry::Affine;
use super::convert::{FromYuv, convert_row, interleave, samples_to_rgb, scale_row};
use super::refine::Coefficients;
use super::source_rows::{CHROMA_SCALE, SourceRows, check_input, depth, is_subsampled, to_rgb};
use super::upsample::Upsample;
use super::{Colorimetry, FrameError, FrameView, FrameViewMut, Matrix, PixelFormat};

/// What becomes of the colours. GRAY8 targets are the matte itself in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Output {
    /// Colours as they are.
    #[default]
    Straight,
    /// R'G'B' times alpha; in Y'CbCr, samples drawn towards black's.
    Premultiplied,
    /// R'G'B' over this colour; alpha is 255.
    Over([u8; 3]),
}

/// Writes frames with alpha, in one pass over the frame. Keeps scratch for a few rows.
#[derive(Debug, Default)]
pub struct Composite {
    source: SourceRows,
    slope: Upsample,
    offset: Upsample,
    alpha: Vec<u8>,
    /// In the target's colours.
    colour: [Vec<u8>; 3],
    half: [HalfRow; 3],
    half_bytes: [Vec<u8>; 3],
}

/// What one frame needs, found once.
struct Plan {
    /// Samples of the source to bytes of the target.
    to_target: Affine,
    /// The same, where it is from Y'CbCr to R'G'B'.
    from_yuv: Option<FromYuv>,
    /// Samples of the source to luma in 0..=1.
    to_luma: ([f32; 3], f32),
    /// Colours are drawn towards this as alpha falls.
    anchor: Option<[u8; 3]>,
    opaque: bool,
    /// Where in a packed pixel the three colours and alpha lie, in bits from its first byte.
    shifts: [u32; 4],
    /// 4:2:0 chroma goes to 4:2:0 chroma: bytes of the target from samples of the source.
    chroma_to_chroma: Option<Affine>,
    with_chroma: bool,
}

impl Composite {
    /// No scratch yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// `target` gets `frame`'s colours and the alpha of `coefficients` on `frame`'s luma.
    ///
    /// Targets are RGBA, BGRA, ARGB, ABGR, A420, AYUV or GRAY8, of the frame's size. An alpha in
    /// `frame` is ignored. Samples that need no conversion come out as they went in.
    pub fn run(
        &mut self,
        frame: &FrameView,
        coefficients: &Coefficients,
        output: Output,
        target: &mut FrameViewMut,
    ) -> Result<(), FrameError> {
        check_input(frame)?;
        check_target(frame, target)?;
        if coefficients.side == 0 {
            return Err(FrameError::NotFitted);
        }
        let plan = Plan::new(frame, output, target);
        self.begin(frame, coefficients);
        for y in 0..frame.height {
            self.source.read(frame, y, plan.with_chroma);
            self.alpha_row(coefficients, y, plan.to_luma);
            match target.format {
                PixelFormat::Gray8 => {
                    target.row_mut(0, y, frame.width).copy_from_slice(&self.alpha)
                }
                PixelFormat::A420 => self.write_a420(frame, &plan, y, target),
                _ => self.write_packed(&plan, y, target),
            }
        }
        Ok(())
    }

    fn begin(&mut self, frame: &FrameView, coefficients: &Coefficients) {
        let (width, height) = (frame.width, frame.height);
        self.source.begin(frame);
        self.offset.begin(coefficients.side, width, height);
        if coefficients.grid > 0 {
            self.slope.begin(coefficients.grid, width, height);
        }
        self.alpha.resize(width, 0);
        self.colour.iter_mut().for_each(|row| row.resize(width, 0));
    }

    fn alpha_row(&mut self, coefficients: &Coefficients, y: usize, to_luma: ([f32; 3], f32)) {
        let offset = self.offset.row(&coefficients.offset, y);
        if coefficients.grid == 0 {
            return alpha_without_slope(offset, &mut self.alpha);
        }
        let slope = self.slope.row(&coefficients.slope, y);
        alpha_with_slope(slope, offset, &self.source.samples, to_luma, &mut self.alpha);
    }

    fn write_packed(&mut self, plan: &Plan, y: usize, target: &mut FrameViewMut) {
        let pixels = target.row_mut(0, y, 4 * self.alpha.len());
        match &plan.from_yuv {
            Some(to_rgb) => samples_to_rgb(&self.source.samples, to_rgb, &mut self.colour),
            None => (0..3).for_each(|i| {
                let (samples, output) = (&self.source.samples, plan.to_target.output(i));
                convert_row(samples, output, &mut self.colour[i]);
            }),
        }
        if let Some(anchor) = plan.anchor {
            let rows = self.colour.iter_mut().zip(anchor);
            rows.for_each(|(row, anchor)| blend_row(row, &self.alpha, anchor));
        }
        if plan.opaque {
            self.alpha.fill(255);
        }
        interleave(&self.colour, &self.alpha, plan.shifts, pixels);
    }

    fn write_a420(&mut self, frame: &FrameView, plan: &Plan, y: usize, target: &mut FrameViewMut) {
        let luma = &mut self.colour[0];
        convert_row(&self.source.samples, plan.to_target.output(0), luma);
        if let Some(anchor) = plan.anchor {
            blend_row(luma, &self.alpha, anchor[0]);
        }
        target.row_mut(0, y, frame.width).copy_from_slice(luma);
        self.write_a420_chroma(frame, plan, y, target);
        if plan.opaque {
            self.alpha.fill(255);
        }
        target.row_mut(3, y, frame.width).copy_from_slice(&self.alpha);
    }

    /// Chroma and its alpha are made half size alike, and then blended.
    fn write_a420_chroma(
        &mut self,
        frame: &FrameView,
        plan: &Plan,
        y: usize,
        target: &mut FrameViewMut,
    ) {
        let height = frame.height;
        let [half_u, half_v, half_alpha] = &mut self.half;
        let [u_bytes, v_bytes, alpha_bytes] = &mut self.half_bytes;
        let mut done = !y.is_multiple_of(2) || y + 1 == height;
        if plan.anchor.is_some() {
            done = half_alpha.add(&self.alpha, y, height, alpha_bytes);
        }
        for (i, (half, bytes)) in [(half_u, u_bytes), (half_v, v_bytes)].into_iter().enumerate() {
            match &plan.chroma_to_chroma {
                None => {
                    let row = &mut self.colour[1 + i];
                    convert_row(&self.source.samples, plan.to_target.output(1 + i), row);
                    half.add(row, y, height, bytes);
                }
                Some(to_bytes) if done => {
                    let samples = &self.source.chroma(frame, y / 2)[i];
                    bytes.resize(samples.len(), 0);
                    let (weights, k) = to_bytes.output(1 + i);
                    scale_row(samples, weights[1 + i], k, bytes);
                }
                Some(_) => {}
            }
            if done {
                if let Some(anchor) = plan.anchor {
                    blend_row(bytes, alpha_bytes, anchor[1 + i]);
                }
                target.row_mut(1 + i, y / 2, bytes.len()).copy_from_slice(bytes);
            }
        }
    }
}

impl Plan {
    fn new(frame: &FrameView, output: Output, target: &FrameViewMut) -> Self {
        let (from, to) = (frame.colorimetry, target.colorimetry);
        let same_matrix = frame.format == PixelFormat::Gray8 || from.matrix == to.matrix;
        let requantise =
            |scale| Affine::requantise(from.full_range, depth(frame.format), scale, to.full_range);
        let to_target = match (frame.format.is_yuv(), target.format.is_yuv()) {
            (_, false) => to_rgb(frame),
            (true, true) if same_matrix => requantise(f64::from(CHROMA_SCALE)),
            (_, true) => to_rgb(frame).then(&Affine::from_rgb(to)),
        };
        let bt709 = Colorimetry { matrix: Matrix::Bt709, full_range: true };
        let (weights, k) = to_rgb(frame).then(&Affine::from_rgb(bt709)).output(0);
        // Chroma of BT.709 cancels but for rounding.
        let to_luma = (weights.map(|w| if w.abs() < 1e-6 { 0.0 } else { w / 255.0 }), k / 255.0);
        let anchor = match output {
            Output::Straight => None,
            Output::Premultiplied => Some([0; 3]),
            Output::Over(colour) => Some(colour),
        };
        let in_target = |rgb| match target.format.is_yuv() {
            true => Affine::from_rgb(to).apply(rgb),
            false => rgb,
        };
        let straight_through = target.format == PixelFormat::A420 && is_subsampled(frame.format);
        let chroma_to_chroma = (straight_through && same_matrix).then(|| requantise(1.0));
        Self {
            from_yuv: FromYuv::of(&to_target, depth(frame.format), CHROMA_SCALE)
                .filter(|_| !target.format.is_yuv()),
            to_target,
            to_luma,
            anchor: anchor.map(in_target),
            opaque: matches!(output, Output::Over(_)),
            shifts: shifts(target.format),
            with_chroma: to_luma.0[1..] != [0.0; 2]
                || (target.format != PixelFormat::Gray8 && chroma_to_chroma.is_none()),
            chroma_to_chroma,
        }
    }
}

fn check_target(frame: &FrameView, target: &FrameViewMut) -> Result<(), FrameError> {
    use PixelFormat::*;
    if !matches!(target.format, Rgba | Bgra | Argb | Abgr | A420 | Ayuv | Gray8) {
        return Err(FrameError::Output { found: target.format });
    }
    let (expected, found) = ((frame.width, frame.height), (target.width, target.height));
    match expected == found {
        true => target.check(),
        false => Err(FrameError::TargetSize { expected, found }),
    }
}

/// Of the three colours and alpha in a packed pixel, in bits from its first byte.
fn shifts(format: PixelFormat) -> [u32; 4] {
    match format {
        PixelFormat::Rgba => [0, 8, 16, 24],
        PixelFormat::Bgra => [16, 8, 0, 24],
        PixelFormat::Abgr => [24, 16, 8, 0],
        // ARGB and AYUV; the others are not packed.
        _ => [8, 16, 24, 0],
    }
}
