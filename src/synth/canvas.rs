//! A rectangle of premultiplied colours that layers are painted on.
use super::plane::mix;
use super::raster::Window;

/// Red, green, blue times alpha, and alpha; all 0..=1, in sRGB's own scale.
pub(super) type Rgba = [f32; 4];

/// `top` over `bottom`, both premultiplied.
pub(super) fn over(top: Rgba, bottom: Rgba) -> Rgba {
    let through = 1.0 - top[3];
    std::array::from_fn(|c| top[c] + through * bottom[c])
}

/// Scales a premultiplied colour's coverage.
pub(super) fn fade(colour: Rgba, by: f32) -> Rgba {
    colour.map(|v| v * by)
}

/// Pixels of one window of the picture.
#[derive(Debug, Clone, Default)]
pub(super) struct Canvas {
    pub window: Window,
    /// Row by row.
    pub pixels: Vec<Rgba>,
}

impl Canvas {
    pub fn clear(window: Window) -> Self {
        Canvas { window, pixels: vec![[0.0; 4]; window.width * window.height] }
    }

    /// The pixels of picture row `y` from picture column `left` on; both inside the window.
    pub fn row_mut(&mut self, y: i32, left: i32, width: usize) -> &mut [Rgba] {
        let row = (y - self.window.top) as usize * self.window.width;
        &mut self.pixels[row + (left - self.window.left) as usize..][..width]
    }

    /// See [`Canvas::row_mut`].
    pub fn row(&self, y: i32, left: i32, width: usize) -> &[Rgba] {
        let row = (y - self.window.top) as usize * self.window.width;
        &self.pixels[row + (left - self.window.left) as usize..][..width]
    }

    /// Adds another canvas of the same window.
    pub fn add(&mut self, other: &Canvas) {
        for (sum, v) in self.pixels.iter_mut().zip(&other.pixels) {
            *sum = std::array::from_fn(|c| sum[c] + v[c]);
        }
    }

    /// Makes it a clear canvas of another window, in the same memory.
    pub fn reset(&mut self, window: Window) {
        self.window = window;
        self.pixels.clear();
        self.pixels.resize(window.width * window.height, [0.0; 4]);
    }

    /// Stretched to another window, interpolated; neither window is empty.
    pub fn enlarged(&self, window: Window) -> Self {
        let columns = steps(self.window.width, window.width);
        let mut pixels = Vec::with_capacity(window.width * window.height);
        for (y0, y1, ty) in steps(self.window.height, window.height) {
            let above = &self.pixels[y0 * self.window.width..][..self.window.width];
            let below = &self.pixels[y1 * self.window.width..][..self.window.width];
            pixels.extend(columns.iter().map(|(x0, x1, tx)| -> Rgba {
                std::array::from_fn(|c| {
                    let top = mix(above[*x0][c], above[*x1][c], *tx);
                    mix(top, mix(below[*x0][c], below[*x1][c], *tx), ty)
                })
            }));
        }
        Canvas { window, pixels }
    }

    /// Blurs by about `sigma` pixels; edges are held.
    ///
    /// By box filters, two each way; one where the blur is too small to show its corners.
    pub fn blur(&mut self, sigma: f32) {
        let passes = if sigma < 1.0 { 1 } else { 2 };
        // n boxes of radius r have variance n r (r + 1) / 3.
        let variance = 3.0 * sigma * sigma / passes as f32;
        let radius = ((variance + 0.25).sqrt() - 0.5).max(0.0);
        if radius < 0.05 || self.window.is_empty() {
            return;
        }
        let mut before = Vec::new();
        for _ in 0..passes {
            for row in self.pixels.chunks_exact_mut(self.window.width) {
                before.clear();
                before.extend_from_slice(row);
                box_filter(&before, row, 1, radius);
            }
            before.clear();
            before.extend_from_slice(&self.pixels);
            box_filter(&before, &mut self.pixels, self.window.width, radius);
        }
    }
}

/// For each of `to` pixels: its two neighbours among `from`, and how near the second is.
fn steps(from: usize, to: usize) -> Vec<(usize, usize, f32)> {
    let last = from - 1;
    (0..to)
        .map(|i| {
            let place = ((i as f32 + 0.5) * from as f32 / to as f32 - 0.5).clamp(0.0, last as f32);
            let low = place as usize;
            (low, (low + 1).min(last), place - low as f32)
        })
        .collect()
}

/// Averages `2 radius + 1` neighbours, runs of `step` pixels apart; a fraction of `radius` weighs
/// the two outermost.
fn box_filter(before: &[Rgba], after: &mut [Rgba], step: usize, radius: f32) {
    let count = before.len() / step;
    let (reach, part) = (radius as isize, radius - radius.floor());
    let run = |i: isize| &before[i.clamp(0, count as isize - 1) as usize * step..][..step];
    let weight = 1.0 / (2.0 * radius + 1.0);
    let mut sum = vec![[0.0; 4]; step];
    for i in -reach..=reach {
        for (sum, v) in sum.iter_mut().zip(run(i)) {
            *sum = std::array::from_fn(|c| sum[c] + v[c]);
        }
    }
    for (i, out) in (0..).zip(after.chunks_exact_mut(step)) {
        let (low, high, gone) = (run(i - reach - 1), run(i + reach + 1), run(i - reach));
        for (((out, sum), (low, high)), gone) in
            out.iter_mut().zip(&mut sum).zip(low.iter().zip(high)).zip(gone)
        {
            *out =
                std::array::from_fn(|c| ((sum[c] + part * (low[c] + high[c])) * weight).max(0.0));
            *sum = std::array::from_fn(|c| sum[c] + high[c] - gone[c]);
        }
    }
}
