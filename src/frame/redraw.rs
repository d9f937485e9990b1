//! Logits whose edges are drawn towards those of the frame's colours.
use super::FrameError;
use super::color_lines::ColorLines;
use super::refine::check_elements;
use super::upsample::{Lerp, Upsample};
use super::vector::vectorised;

/// Logits beyond this are as sure as can be.
pub(crate) const SURE: f32 = 7.0;

/// How far logits are drawn.
pub(crate) const SHARE: f32 = 0.25;

/// Draws a model's logits a quarter of the way to what colour lines make of them: what a tracker
/// remembers keeps to the edges, and neither follows every leak along a colour.
#[derive(Debug)]
pub struct Redraw {
    side: usize,
    lines: ColorLines,
    /// (3, grid, grid) and (grid, grid).
    slopes: Vec<f32>,
    offset: Vec<f32>,
    /// Of the slopes, and of the offset.
    upsample: [Upsample; 4],
}

impl Redraw {
    /// For pictures of `side` by `side` pixels.
    pub fn new(side: usize) -> Self {
        let lines = ColorLines::new(side);
        let cells = lines.grid() * lines.grid();
        let (slopes, offset) = (vec![0.0; 3 * cells], vec![0.0; cells]);
        Self { side, lines, slopes, offset, upsample: Default::default() }
    }

    /// `image` (side, side, 3) RGB is what the model saw, `logits` (side, side) what it said and
    /// what comes out, within ±7.
    pub fn run(&mut self, image: &[u8], logits: &mut [f32]) -> Result<(), FrameError> {
        let side = self.side;
        check_elements("image", 3 * side * side, image.len())?;
        check_elements("logits", side * side, logits.len())?;
        self.lines.fit(image, logits, &mut self.slopes, &mut self.offset);
        let grid = self.lines.grid();
        self.upsample.iter_mut().for_each(|upsample| upsample.begin(grid, side, side));
        let slopes = self.slopes.chunks_exact(grid * grid);
        let planes: Vec<&[f32]> = slopes.chain([self.offset.as_slice()]).collect();
        let rows = logits.chunks_exact_mut(side).zip(image.chunks_exact(3 * side));
        for (y, (logits, image)) in rows.enumerate() {
            let [red, green, blue, none] = &mut self.upsample;
            let lines = [
                red.row(planes[0], y),
                green.row(planes[1], y),
                blue.row(planes[2], y),
                none.row(planes[3], y),
            ];
            draw_row(lines, image, logits);
        }
        Ok(())
    }
}

vectorised! {
    fn draw_row(lines: [Lerp; 4], image: &[u8], logits: &mut [f32]) {
        let [red, green, blue, none] = lines;
        let lines = red.values().zip(green.values()).zip(blue.values()).zip(none.values());
        for ((logit, pixel), (((red, green), blue), none)) in
            logits.iter_mut().zip(image.as_chunks::<3>().0).zip(lines)
        {
            let [r, g, b] = [f32::from(pixel[0]), f32::from(pixel[1]), f32::from(pixel[2])];
            let alpha = (red * r + green * g + blue * b) * (1.0 / 255.0) + none;
            let drawn = (2.0 * alpha.clamp(0.0, 1.0) - 1.0) * SURE;
            let sure = logit.clamp(-SURE, SURE);
            *logit = sure + SHARE * (drawn - sure);
        }
    }
}
