//! A rectangle of premultiplied colours that layers are painted on.
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
#[derive(Debug, Clone)]
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

    /// Multiplies all pixels by `by`.
    pub fn scale(&mut self, by: f32) {
        for v in &mut self.pixels {
            *v = fade(*v, by);
        }
    }

    /// Blurs by two box filters each way, of about `sigma` pixels together; edges are held.
    pub fn blur(&mut self, sigma: f32) {
        // Two boxes of radius r have variance 2 r (r + 1) / 3.
        let radius = ((1.5 * sigma * sigma + 0.25).sqrt() - 0.5).max(0.0);
        if radius < 0.05 || self.window.is_empty() {
            return;
        }
        let (w, h) = (self.window.width, self.window.height);
        let mut line = Vec::new();
        for _ in 0..2 {
            for y in 0..h {
                box_filter(&mut self.pixels[y * w..], w, 1, radius, &mut line);
            }
            for x in 0..w {
                box_filter(&mut self.pixels[x..], h, w, radius, &mut line);
            }
        }
    }
}

/// Averages `2 radius + 1` neighbours; a fraction of `radius` weighs the two outermost.
fn box_filter(pixels: &mut [Rgba], count: usize, stride: usize, radius: f32, line: &mut Vec<Rgba>) {
    line.clear();
    line.extend((0..count).map(|i| pixels[i * stride]));
    let (whole, part) = (radius as usize, radius - radius.floor());
    let at = |i: isize| line[i.clamp(0, count as isize - 1) as usize];
    let weight = 1.0 / (2.0 * radius + 1.0);
    let reach = whole as isize;
    let mut sum = [0.0; 4];
    for i in -reach..=reach {
        let v = at(i);
        sum = std::array::from_fn(|c| sum[c] + v[c]);
    }
    for i in 0..count as isize {
        let (before, after) = (at(i - reach - 1), at(i + reach + 1));
        pixels[i as usize * stride] =
            std::array::from_fn(|c| ((sum[c] + part * (before[c] + after[c])) * weight).max(0.0));
        let gone = at(i - reach);
        sum = std::array::from_fn(|c| sum[c] + after[c] - gone[c]);
    }
}
