//! The frame's own colours with alpha, in the layout that goes on.
use super::alpha::{
    alpha_of_colors, alpha_with_slope, alpha_without_slope, alpha16_of_colors, alpha16_with_slope,
    alpha16_without_slope,
};
use super::blend::blend_row;
use super::chroma::HalfRow;
use super::colorimetry::Affine;
use super::convert::{FromYuv, convert_row, interleave, samples_to_rgb, scale_row};
use super::foreground::{Foreground, Guesses, ROW_STEP, is_between, keep_ends};
use super::refine::{Coefficients, Guide};
use super::source_rows::{CHROMA_SCALE, SourceRows, check_input, depth, is_subsampled, to_rgb};
use super::upsample::{Lerp, Upsample};
use super::{Colorimetry, FrameError, FrameView, FrameViewMut, Matrix, PixelFormat};
use std::mem;

/// What becomes of the colours. Grey targets are the matte itself in any case.
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
    slopes: [Upsample; 3],
    offset: Upsample,
    /// Coefficients of colours as coefficients of the source's samples.
    of_samples: Coefficients,
    alpha: Vec<u8>,
    alpha16: Vec<u16>,
    /// In the target's colours.
    colour: [Vec<u8>; 3],
    half: [HalfRow; 3],
    half_bytes: [Vec<u8>; 3],
    kept_chroma: Vec<u8>,
    guesses: Guesses,
}

/// What one frame needs, found once.
pub(super) struct Plan {
    /// Samples of the source to bytes of the target.
    pub(super) to_target: Affine,
    /// The same, where it is from Y'CbCr to R'G'B'.
    pub(super) from_yuv: Option<FromYuv>,
    /// Samples of the source to luma in 0..=1.
    pub(super) to_luma: ([f32; 3], f32),
    /// Colours are drawn towards this as alpha falls.
    pub(super) anchor: Option<[u8; 3]>,
    pub(super) opaque: bool,
    /// Where in a packed pixel the three colours and alpha lie, in bits from its first byte.
    pub(super) shifts: [u32; 4],
    /// 4:2:0 chroma goes to 4:2:0 chroma: bytes of the target from samples of the source.
    pub(super) chroma_to_chroma: Option<Affine>,
    with_chroma: bool,
    /// Colours are the foreground's own.
    estimated: bool,
}

impl Composite {
    /// No scratch yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// `target` gets `frame`'s colours and the alpha of `coefficients` on `frame`'s luma.
    ///
    /// Targets are RGBA, BGRA, ARGB, ABGR, A420, AYUV, GRAY8 or GRAY16_LE, of the frame's size. An
    /// alpha in `frame` is ignored. Samples that need no conversion come out as they went in, but
    /// for an estimated foreground's where alpha is between.
    pub fn run(
        &mut self,
        frame: &FrameView,
        coefficients: &Coefficients,
        foreground: Foreground,
        output: Output,
        target: &mut FrameViewMut,
    ) -> Result<(), FrameError> {
        check_input(frame)?;
        check_target(frame, target)?;
        if coefficients.side == 0 {
            return Err(FrameError::NotFitted);
        }
        let (from, to) = ((frame.format, frame.colorimetry), (target.format, target.colorimetry));
        let mut plan = Plan::new(from, output, to);
        let mut of_samples = mem::take(&mut self.of_samples);
        let coefficients = match coefficients.guide {
            Guide::Colors => {
                of_samples.follow_samples(coefficients, &to_rgb(frame.format, frame.colorimetry));
                plan.with_chroma = true;
                &of_samples
            }
            _ => coefficients,
        };
        if foreground == Foreground::Estimated && !is_grey(target.format) {
            plan.estimated = self.guess(frame, coefficients, &plan);
            plan.with_chroma |= plan.estimated;
        }
        self.begin(frame, coefficients);
        for y in 0..frame.height {
            self.source.read(frame, y, plan.with_chroma);
            if target.format == PixelFormat::Gray16Le {
                self.write_gray16(coefficients, y, plan.to_luma, target);
                continue;
            }
            self.alpha_row(coefficients, y, plan.to_luma);
            match target.format {
                PixelFormat::Gray8 => {
                    target.row_mut(0, y, frame.width).copy_from_slice(&self.alpha)
                }
                PixelFormat::A420 => self.write_a420(frame, &plan, y, target),
                _ => self.write_packed(&plan, y, target),
            }
        }
        self.of_samples = of_samples;
        Ok(())
    }

    fn begin(&mut self, frame: &FrameView, coefficients: &Coefficients) {
        let (width, height) = (frame.width, frame.height);
        self.source.begin(frame);
        self.offset.begin(coefficients.side, width, height);
        for slope in &mut self.slopes[..coefficients.guide.slopes()] {
            slope.begin(coefficients.grid, width, height);
        }
        self.alpha.resize(width, 0);
        self.alpha16.resize(width, 0);
        self.colour.iter_mut().for_each(|row| row.resize(width, 0));
    }

    /// Guesses the colours of foreground and background; `false` where the frame has but one.
    fn guess(&mut self, frame: &FrameView, coefficients: &Coefficients, plan: &Plan) -> bool {
        self.begin(frame, coefficients);
        self.guesses.begin(frame.width, frame.height);
        for y in (0..frame.height).step_by(ROW_STEP) {
            self.source.read(frame, y, true);
            self.alpha_row(coefficients, y, plan.to_luma);
            self.guesses.measure(y, &self.source.samples, &self.alpha);
        }
        self.guesses.fill(&plan.to_target)
    }

    /// One row in the target's colours.
    fn colour_row(&mut self, plan: &Plan, y: usize) {
        match &plan.from_yuv {
            Some(to_rgb) => samples_to_rgb(&self.source.samples, to_rgb, &mut self.colour),
            None => self.colour.iter_mut().enumerate().for_each(|(i, row)| {
                convert_row(&self.source.samples, plan.to_target.output(i), row);
            }),
        }
        if plan.estimated && is_between(&self.alpha) {
            self.guesses.separate(y, &self.alpha, &mut self.colour);
        }
    }

    fn alpha_row(&mut self, coefficients: &Coefficients, y: usize, to_luma: ([f32; 3], f32)) {
        let offset = self.offset.row(&coefficients.offset, y);
        let (samples, alpha) = (&self.source.samples, &mut self.alpha);
        match coefficients.guide {
            Guide::None => alpha_without_slope(offset, alpha),
            Guide::Luma => {
                let slope = self.slopes[0].row(&coefficients.slope, y);
                alpha_with_slope(slope, offset, samples, to_luma, alpha);
            }
            Guide::Colors => {
                let slopes = slopes(&mut self.slopes, coefficients, y);
                alpha_of_colors(slopes, offset, samples, alpha);
            }
        }
    }

    fn write_gray16(
        &mut self,
        coefficients: &Coefficients,
        y: usize,
        to_luma: ([f32; 3], f32),
        target: &mut FrameViewMut,
    ) {
        let offset = self.offset.row(&coefficients.offset, y);
        let (samples, alpha) = (&self.source.samples, &mut self.alpha16);
        match coefficients.guide {
            Guide::None => alpha16_without_slope(offset, alpha),
            Guide::Luma => {
                let slope = self.slopes[0].row(&coefficients.slope, y);
                alpha16_with_slope(slope, offset, samples, to_luma, alpha);
            }
            Guide::Colors => {
                let slopes = slopes(&mut self.slopes, coefficients, y);
                alpha16_of_colors(slopes, offset, samples, alpha);
            }
        }
        let row = target.row_mut(0, y, 2 * self.alpha16.len());
        for (bytes, alpha) in row.chunks_exact_mut(2).zip(&self.alpha16) {
            bytes.copy_from_slice(&alpha.to_le_bytes());
        }
    }

    fn write_packed(&mut self, plan: &Plan, y: usize, target: &mut FrameViewMut) {
        let pixels = target.row_mut(0, y, 4 * self.alpha.len());
        self.colour_row(plan, y);
        for (row, anchor) in self.colour.iter_mut().zip(plan.anchor.into_iter().flatten()) {
            blend_row(row, &self.alpha, anchor);
        }
        if plan.opaque {
            self.alpha.fill(255);
        }
        interleave(&self.colour, &self.alpha, plan.shifts, pixels);
    }

    fn write_a420(&mut self, frame: &FrameView, plan: &Plan, y: usize, target: &mut FrameViewMut) {
        if plan.estimated {
            self.colour_row(plan, y);
        } else {
            convert_row(&self.source.samples, plan.to_target.output(0), &mut self.colour[0]);
        }
        let luma = &mut self.colour[0];
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
        if plan.anchor.is_some() || plan.estimated {
            done = half_alpha.add(&self.alpha, y, height, alpha_bytes);
        }
        for (i, (half, bytes)) in [(half_u, u_bytes), (half_v, v_bytes)].into_iter().enumerate() {
            if plan.chroma_to_chroma.is_none() || plan.estimated {
                let row = &mut self.colour[1 + i];
                if !plan.estimated {
                    convert_row(&self.source.samples, plan.to_target.output(1 + i), row);
                }
                half.add(row, y, height, bytes);
            }
            if let Some(to_bytes) = plan.chroma_to_chroma.as_ref().filter(|_| done) {
                let samples = &self.source.chroma(frame, y / 2)[i];
                let (weights, k) = to_bytes.output(1 + i);
                self.kept_chroma.resize(samples.len(), 0);
                scale_row(samples, weights[1 + i], k, &mut self.kept_chroma);
                match plan.estimated {
                    true => keep_ends(&self.kept_chroma, alpha_bytes, bytes),
                    false => bytes.clone_from(&self.kept_chroma),
                }
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
    pub(super) fn new(
        (source, from): (PixelFormat, Colorimetry),
        output: Output,
        (target, to): (PixelFormat, Colorimetry),
    ) -> Self {
        let same_matrix = source == PixelFormat::Gray8 || from.matrix == to.matrix;
        let requantise =
            |scale| Affine::requantise(from.full_range, depth(source), scale, to.full_range);
        let in_rgb = to_rgb(source, from);
        let to_target = match (source.is_yuv(), target.is_yuv()) {
            (_, false) => in_rgb,
            (true, true) if same_matrix => requantise(f64::from(CHROMA_SCALE)),
            (_, true) => in_rgb.then(&Affine::from_rgb(to)),
        };
        let bt709 = Colorimetry { matrix: Matrix::Bt709, full_range: true };
        let (weights, k) = in_rgb.then(&Affine::from_rgb(bt709)).output(0);
        // Chroma of BT.709 cancels but for rounding.
        let to_luma = (weights.map(|w| if w.abs() < 1e-6 { 0.0 } else { w / 255.0 }), k / 255.0);
        let anchor = match output {
            Output::Straight => None,
            Output::Premultiplied => Some([0; 3]),
            Output::Over(colour) => Some(colour),
        };
        let in_target = |rgb| match target.is_yuv() {
            true => Affine::from_rgb(to).apply(rgb),
            false => rgb,
        };
        let straight_through = target == PixelFormat::A420 && is_subsampled(source);
        let chroma_to_chroma = (straight_through && same_matrix).then(|| requantise(1.0));
        Self {
            from_yuv: FromYuv::of(&to_target, depth(source), CHROMA_SCALE)
                .filter(|_| !target.is_yuv()),
            to_target,
            to_luma,
            anchor: anchor.map(in_target),
            opaque: matches!(output, Output::Over(_)),
            shifts: shifts(target),
            with_chroma: to_luma.0[1..] != [0.0; 2]
                || (!is_grey(target) && chroma_to_chroma.is_none()),
            chroma_to_chroma,
            estimated: false,
        }
    }
}

/// Row `y` of each slope of colours.
fn slopes<'a>(
    slopes: &'a mut [Upsample; 3],
    coefficients: &Coefficients,
    y: usize,
) -> [Lerp<'a>; 3] {
    let [first, second, third] = slopes;
    [
        first.row(coefficients.slope(0), y),
        second.row(coefficients.slope(1), y),
        third.row(coefficients.slope(2), y),
    ]
}

fn check_target(frame: &FrameView, target: &FrameViewMut) -> Result<(), FrameError> {
    if !is_output(target.format) {
        return Err(FrameError::Output { found: target.format });
    }
    let (expected, found) = ((frame.width, frame.height), (target.width, target.height));
    match expected == found {
        true => target.check(),
        false => Err(FrameError::TargetSize { expected, found }),
    }
}

pub(super) fn is_output(format: PixelFormat) -> bool {
    use PixelFormat::*;
    matches!(format, Rgba | Bgra | Argb | Abgr | Ayuv | A420) || is_grey(format)
}

/// The matte alone.
fn is_grey(format: PixelFormat) -> bool {
    matches!(format, PixelFormat::Gray8 | PixelFormat::Gray16Le)
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
