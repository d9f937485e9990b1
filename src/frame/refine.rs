//! Logits at the model's size to what alpha is at any size: slopes on luma or on colours, and an
//! offset.
use super::FrameError;
use super::color_lines::ColorLines;
use super::colorimetry::Affine;
use super::sigmoid::sigmoid_row;
use super::upsample::{Lerp, Upsample};
use super::vector::vectorised;
use super::window::{ONE, Windows};

/// How alpha is brought to the frame's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefineMode {
    /// `sigmoid(logits)`, bilinearly.
    Off,
    /// A fast guided filter (He and Sun, arXiv:1505.00996) on luma: edges of the frame that the
    /// model's size is too coarse for reach alpha.
    ///
    /// The slope is the filter's own, from windows of 12 pixels at the model's size, taken on a
    /// grid of every fourth. The offset is not smoothed: it is what makes the model's matte come
    /// out unchanged at the model's size, so that a hard mask stays hard where luma is flat.
    #[default]
    GuidedFilter,
    /// Alpha is fitted to the three colours, again and again: edges that the model drew some pixels
    /// beside the frame's own move there. For models whose picture is small; it costs more, and
    /// where two things of one colour touch, an accurate matte loses by it.
    ColorLines,
}

/// What alpha follows within a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Guide {
    /// Nothing: there is no slope.
    #[default]
    None,
    /// BT.709's luma, clamped to 0..=1; one slope.
    Luma,
    /// R', G' and B'; a slope for each.
    Colors,
}

impl Guide {
    /// How many slopes there are.
    pub(super) fn slopes(self) -> usize {
        match self {
            Self::None => 0,
            Self::Luma => 1,
            Self::Colors => 3,
        }
    }
}

/// `alpha(x, y) = slope(x, y) * guide(x, y) + offset(x, y)`, clamped to 0..=1, with slopes and
/// offset enlarged bilinearly to the frame. The guide is BT.709's luma of the R'G'B' in 0..=1, or
/// these three, of which each has a slope.
///
/// They may be applied to other frames than the one they were fitted to.
#[derive(Debug, Clone, Default)]
pub struct Coefficients {
    /// Values along a side of `offset`; 0 before the first fit.
    pub(super) side: usize,
    pub(super) guide: Guide,
    /// Cells along a side of a slope.
    pub(super) grid: usize,
    /// (grid, grid), or (3, grid, grid) of colours.
    pub(super) slope: Vec<f32>,
    /// (side, side).
    pub(super) offset: Vec<f32>,
}

impl Coefficients {
    /// Nothing fitted yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn shape(&mut self, guide: Guide, side: usize, grid: usize) {
        (self.guide, self.side, self.grid) = (guide, side, grid);
        self.slope.resize(guide.slopes() * grid * grid, 0.0);
        self.offset.resize(side * side, 0.0);
    }

    /// Slope number `i`.
    pub(super) fn slope(&self, i: usize) -> &[f32] {
        &self.slope[i * self.grid * self.grid..][..self.grid * self.grid]
    }

    /// Becomes `of_colors`, with slopes of what `to_rgb` makes R'G'B' in 0..=255 of.
    pub(super) fn follow_samples(&mut self, of_colors: &Self, to_rgb: &Affine) {
        self.shape(Guide::Colors, of_colors.side, of_colors.grid);
        let rows = [0, 1, 2].map(|i| to_rgb.output(i));
        let slopes = [0, 1, 2].map(|i| of_colors.slope(i));
        let sums = self.slope.chunks_exact_mut(self.grid * self.grid);
        for (j, sum) in sums.enumerate() {
            sum.fill(0.0);
            add_weighted(slopes, rows.map(|(weights, _)| weights[j] / 255.0), sum);
        }
        self.offset.copy_from_slice(&of_colors.offset);
        add_weighted(slopes, rows.map(|(_, k)| k / 255.0), &mut self.offset);
    }
}

/// Fits [`Coefficients`] to the model's matte. Keeps its scratch; costs the same for any frame.
#[derive(Debug)]
pub struct Refine {
    side: usize,
    windows: Windows,
    /// (side, side) of the picture's luma, 0..=65280.
    luma: Vec<u16>,
    /// As [`Windows`] takes them.
    luma_row: Vec<u16>,
    alpha_row: Vec<u16>,
    upsample: Upsample,
    color_lines: Option<ColorLines>,
}

impl Refine {
    /// For pictures of `side` by `side` pixels.
    pub fn new(side: usize) -> Self {
        Self {
            side,
            windows: Windows::new(side),
            luma: vec![0; side * side],
            luma_row: vec![0; side],
            alpha_row: vec![0; side],
            upsample: Upsample::default(),
            color_lines: None,
        }
    }

    /// `image` (side, side, 3) RGB is what the model saw, `logits` (side, side) what it said.
    pub fn fit(
        &mut self,
        image: &[u8],
        logits: &[f32],
        mode: RefineMode,
        coefficients: &mut Coefficients,
    ) -> Result<(), FrameError> {
        let pixels = self.side * self.side;
        check_elements("image", 3 * pixels, image.len())?;
        check_elements("logits", pixels, logits.len())?;
        if self.side == 0 {
            return Err(FrameError::NotFitted);
        }
        match mode {
            RefineMode::Off => {
                coefficients.shape(Guide::None, self.side, 0);
                sigmoid_row(logits, &mut coefficients.offset);
            }
            RefineMode::GuidedFilter => self.fit_guided(image, logits, coefficients),
            RefineMode::ColorLines => {
                let lines = self.color_lines.get_or_insert_with(|| ColorLines::new(self.side));
                coefficients.shape(Guide::Colors, lines.grid(), lines.grid());
                lines.fit(image, logits, &mut coefficients.slope, &mut coefficients.offset);
            }
        }
        Ok(())
    }

    fn fit_guided(&mut self, image: &[u8], logits: &[f32], coefficients: &mut Coefficients) {
        let side = self.side;
        coefficients.shape(Guide::Luma, side, self.windows.grid());
        let rows = logits.chunks_exact(side).zip(image.chunks_exact(3 * side));
        let outs = self.luma.chunks_exact_mut(side).zip(coefficients.offset.chunks_exact_mut(side));
        for (y, ((logits, image), (luma, alpha))) in rows.zip(outs).enumerate() {
            sigmoid_row(logits, alpha);
            luma_row(image, luma);
            steps(luma, alpha, &mut self.luma_row, &mut self.alpha_row);
            self.windows.add_row(y, &self.luma_row, &self.alpha_row);
        }
        self.windows.slopes(&mut coefficients.slope);
        self.subtract_slope(coefficients);
    }

    /// `offset` is alpha before, and alpha without what luma will bring after.
    fn subtract_slope(&mut self, coefficients: &mut Coefficients) {
        let side = self.side;
        self.upsample.begin(coefficients.grid, side, side);
        let rows = self.luma.chunks_exact(side).zip(coefficients.offset.chunks_exact_mut(side));
        for (y, (luma, offset)) in rows.enumerate() {
            subtract_row(self.upsample.row(&coefficients.slope, y), luma, offset);
        }
    }
}

/// What 1.0 is in [`luma_row`]: 16 times [`ONE`].
const LUMA_ONE: f32 = 65280.0;

vectorised! {
    /// BT.709's luma of RGB pixels, in 0..=65280.
    fn luma_row(image: &[u8], luma: &mut [u16]) {
        for (luma, rgb) in luma.iter_mut().zip(image.chunks_exact(3)) {
            // 0.2126, 0.7152 and 0.0722 of 65536; together exactly 65536.
            let sum =
                13_933 * u32::from(rgb[0]) + 46_871 * u32::from(rgb[1]) + 4_732 * u32::from(rgb[2]);
            *luma = (sum >> 8) as u16;
        }
    }
}

vectorised! {
    fn add_weighted(planes: [&[f32]; 3], weights: [f32; 3], sum: &mut [f32]) {
        let [p0, p1, p2] = planes;
        for (((sum, p0), p1), p2) in sum.iter_mut().zip(p0).zip(p1).zip(p2) {
            *sum += p0 * weights[0] + p1 * weights[1] + p2 * weights[2];
        }
    }
}

vectorised! {
    /// In 0..=[`ONE`].
    fn steps(luma: &[u16], alpha: &[f32], luma_row: &mut [u16], alpha_row: &mut [u16]) {
        for (step, &luma) in luma_row.iter_mut().zip(luma) {
            *step = luma >> 4;
        }
        for (step, &alpha) in alpha_row.iter_mut().zip(alpha) {
            *step = round_to_bits(alpha * f32::from(ONE)) as u16;
        }
    }
}

vectorised! {
    /// `offset -= slope * luma`.
    fn subtract_row(slope: Lerp, luma: &[u16], offset: &mut [f32]) {
        let slopes = slope.above.iter().zip(slope.below);
        for ((offset, &luma), (above, below)) in offset.iter_mut().zip(luma).zip(slopes) {
            let slope = above + (below - above) * slope.weight;
            *offset -= slope * f32::from(luma) * (1.0 / LUMA_ONE);
        }
    }
}

/// To the nearest in 0..=255, halves to even; not-a-number is 0.
#[inline(always)]
pub(super) fn round_to_byte(value: f32) -> u8 {
    round_to_bits(value.clamp(0.0, 255.0)) as u8
}

/// To the nearest in 0..=65535, likewise.
#[inline(always)]
pub(super) fn round_to_word(value: f32) -> u16 {
    round_to_bits(value.clamp(0.0, 65535.0)) as u16
}

/// The nearest whole number of 0..2^22 in the low bits, halves to even; those of not-a-number are 0.
#[inline(always)]
fn round_to_bits(value: f32) -> u32 {
    // 1.5 * 2^23: what is left of the sum are the whole bits. Plain `as` is several times slower
    // in vectors, for it saturates at both ends of i32 first.
    (value + 12_582_912.0).to_bits()
}

pub(super) fn check_elements(
    name: &'static str,
    expected: usize,
    found: usize,
) -> Result<(), FrameError> {
    match found == expected {
        true => Ok(()),
        false => Err(FrameError::Elements { name, expected, found }),
    }
}
