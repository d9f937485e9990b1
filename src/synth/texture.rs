//! Tiles of colour that surfaces are painted with.
use super::canvas::Canvas;
use super::canvas::Rgba;
use super::plane::mix;
use super::raster::Window;

/// A square tile, repeated by mirroring; its side is a power of two.
#[derive(Debug, Clone)]
pub(super) struct Texture {
    side: usize,
    texels: Vec<Rgba>,
}

impl Texture {
    /// Paints each texel; `side` is rounded up to a power of two.
    pub fn from_fn(side: usize, mut colour: impl FnMut(usize, usize) -> Rgba) -> Self {
        let side = side.max(1).next_power_of_two();
        let texels = (0..side * side).map(|i| colour(i % side, i / side)).collect();
        Texture { side, texels }
    }

    /// One white texel, to be tinted.
    pub fn white() -> Self {
        Texture::from_fn(1, |_, _| [1.0; 4])
    }

    pub fn side(&self) -> usize {
        self.side
    }

    /// A texel by its place inside the tile.
    pub fn texel(&self, x: usize, y: usize) -> Rgba {
        self.texels[y * self.side + x]
    }

    /// The colour at a place in texels, interpolated.
    pub fn sample(&self, x: f32, y: f32) -> Rgba {
        let ((x0, tx), (y0, ty)) = (split(x - 0.5), split(y - 0.5));
        let (xa, xb) = (self.mirror(x0), self.mirror(x0.wrapping_add(1)));
        let (ya, yb) = (self.mirror(y0) * self.side, self.mirror(y0.wrapping_add(1)) * self.side);
        let (a, b) = (self.texels[ya + xa], self.texels[ya + xb]);
        let (c, d) = (self.texels[yb + xa], self.texels[yb + xb]);
        std::array::from_fn(|i| mix(mix(a[i], b[i], tx), mix(c[i], d[i], tx), ty))
    }

    /// 0, 1 .. side - 1, side - 1 .. 1, 0, and so on.
    fn mirror(&self, i: i32) -> usize {
        let i = i as usize & (2 * self.side - 1);
        if i < self.side { i } else { 2 * self.side - 1 - i }
    }

    /// Out of focus by `sigma` texels.
    pub fn blurred(self, sigma: f32) -> Self {
        let window = Window::of(self.side, self.side);
        let mut canvas = Canvas { window, pixels: self.texels };
        canvas.blur(sigma);
        Texture { side: self.side, texels: canvas.pixels }
    }

    /// Every texel changed by `f`.
    pub fn map(mut self, f: impl Fn(Rgba) -> Rgba) -> Self {
        for texel in &mut self.texels {
            *texel = f(*texel);
        }
        self
    }

    /// The mean of the opaque colours, from every seventh texel.
    pub fn mean(&self) -> [f32; 3] {
        let mut sum = [0.0; 4];
        for texel in self.texels.iter().step_by(7) {
            sum = std::array::from_fn(|c| sum[c] + texel[c]);
        }
        let n = if sum[3] > 0.0 { 1.0 / sum[3] } else { 0.0 };
        std::array::from_fn(|c| sum[c] * n)
    }

    /// From a canvas: its square part of side `side`, a power of two.
    pub fn from_canvas(canvas: &Canvas, side: usize) -> Self {
        Texture::from_fn(side, |x, y| {
            let [r, g, b, a] = canvas.pixels[y * canvas.window.width + x];
            [r, g, b, a]
        })
    }
}

/// The whole number below and the rest; without the call that `floor` is on older machines.
fn split(v: f32) -> (i32, f32) {
    let near = v as i32;
    let below = if near as f32 > v { near.wrapping_sub(1) } else { near };
    (below, v - below as f32)
}
