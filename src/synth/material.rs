//! Pictures from outside: photographs as surfaces, cut-outs as objects.
use super::canvas::Rgba;
use super::dice::Dice;
use super::figure::Figure;
use super::figure::Light;
use super::figure::Part;
use super::figure::Skin;
use super::figure::Swing;
use super::plane::Affine;
use super::shape::rectangle;
use super::texture::Texture;

/// What training scenes may use besides procedural surfaces and figures.
#[derive(Debug, Clone, Default)]
pub struct Materials {
    /// Surfaces, for objects and backgrounds alike.
    pub photos: Vec<Photo>,
    /// Objects, as subjects and as distractors alike.
    pub cutouts: Vec<Cutout>,
}

/// A photograph, opaque.
#[derive(Debug, Clone)]
pub struct Photo(Pixels);

/// An object with its alpha.
#[derive(Debug, Clone)]
pub struct Cutout(Pixels);

/// A picture that cannot be a material.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MaterialError {
    /// It has no pixels.
    #[error("material: expected at least 1x1 pixels, found {width}x{height}")]
    Empty {
        /// In pixels.
        width: usize,
        /// In pixels.
        height: usize,
    },
    /// Its bytes are not its size.
    #[error("material of {width}x{height}: expected {expected} bytes, found {found}")]
    Length {
        /// In pixels.
        width: usize,
        /// In pixels.
        height: usize,
        /// Bytes that the size asks for.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
}

#[derive(Debug, Clone)]
struct Pixels {
    width: usize,
    height: usize,
    channels: usize,
    bytes: Vec<u8>,
}

impl Photo {
    /// From (height, width, 3) sRGB bytes.
    ///
    /// # Errors
    /// When a side is 0 or the bytes are not `width * height * 3`.
    pub fn new(width: usize, height: usize, rgb: Vec<u8>) -> Result<Self, MaterialError> {
        Pixels::new(width, height, 3, rgb).map(Photo)
    }

    /// A random square of it, mirrored by chance.
    pub(super) fn surface(&self, side: usize, dice: &mut Dice) -> Texture {
        let shorter = self.0.width.min(self.0.height) as f32;
        let size = shorter * dice.range(0.3, 1.0);
        let left = dice.range(0.0, self.0.width as f32 - size);
        let top = dice.range(0.0, self.0.height as f32 - size);
        let mirrored = dice.chance(0.5);
        let scale = size / side as f32;
        Texture::from_fn(side, |x, y| {
            let x = if mirrored { side - 1 - x } else { x };
            self.0.mean(left + x as f32 * scale, top + y as f32 * scale, scale)
        })
    }
}

impl Cutout {
    /// From (height, width, 4) sRGB bytes with straight alpha.
    ///
    /// # Errors
    /// When a side is 0 or the bytes are not `width * height * 4`.
    pub fn new(width: usize, height: usize, rgba: Vec<u8>) -> Result<Self, MaterialError> {
        Pixels::new(width, height, 4, rgba).map(Cutout)
    }

    /// As a figure of one part, in a tint.
    pub(super) fn figure(&self, side: usize, tint: [f32; 3]) -> Figure {
        let side = side.next_power_of_two();
        let (width, height) = (self.0.width as f32, self.0.height as f32);
        let scale = width.max(height) / side as f32;
        let texture =
            Texture::from_fn(side, |x, y| self.0.mean(x as f32 * scale, y as f32 * scale, scale));
        let half = [0.5 * width / scale, 0.5 * height / scale];
        let skin = Skin {
            texture: texture.into(),
            map: Affine::shift(half),
            tint,
            opacity: 1.0,
            light: Light::FLAT,
        };
        let contours = vec![rectangle(half.map(|v| -v), half)];
        let part = Part { contours, skin, strands: Vec::new(), swing: Swing::default() };
        Figure { parts: vec![part] }.fitted()
    }
}

impl Pixels {
    fn new(
        width: usize,
        height: usize,
        channels: usize,
        bytes: Vec<u8>,
    ) -> Result<Self, MaterialError> {
        if width == 0 || height == 0 {
            return Err(MaterialError::Empty { width, height });
        }
        let expected = width.saturating_mul(height).saturating_mul(channels);
        let found = bytes.len();
        if found != expected {
            return Err(MaterialError::Length { width, height, expected, found });
        }
        Ok(Pixels { width, height, channels, bytes })
    }

    /// The mean of a square from a corner on, premultiplied; clear outside a cut-out.
    fn mean(&self, left: f32, top: f32, size: f32) -> Rgba {
        let taps = (size as usize + 1).min(8);
        let step = size / taps as f32;
        let mut sum = [0.0; 4];
        for j in 0..taps {
            for i in 0..taps {
                let pixel = self.at(left + (i as f32 + 0.5) * step, top + (j as f32 + 0.5) * step);
                sum = std::array::from_fn(|c| sum[c] + pixel[c]);
            }
        }
        let share = 1.0 / (255.0 * (taps * taps) as f32);
        sum.map(|v| v * share)
    }

    /// The pixel at a place, premultiplied, 0..=255.
    fn at(&self, x: f32, y: f32) -> Rgba {
        let inside = x < self.width as f32 && y < self.height as f32;
        let (x, y) = ((x as usize).min(self.width - 1), (y as usize).min(self.height - 1));
        let pixel = &self.bytes[(y * self.width + x) * self.channels..][..self.channels];
        let alpha = match pixel.get(3) {
            Some(_) if !inside => 0.0,
            Some(alpha) => f32::from(*alpha),
            None => 255.0,
        };
        let [r, g, b] = [0, 1, 2].map(|c| f32::from(pixel[c]) * alpha / 255.0);
        [r, g, b, alpha]
    }
}
