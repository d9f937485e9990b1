//! Scenes: layers in depth order, seen by a moving camera.
//!
//! World units: the frame's shorter side is 1, the origin is its centre, y is down. Time is in
//! seconds.
use std::sync::Arc;

use super::figure::Figure;
use super::plane::Affine;
use super::plane::Point;
use super::plane::sine;
use super::shape::Contour;
use super::texture::Texture;

/// Everything between two cuts.
#[derive(Debug, Clone)]
pub(super) struct Scene {
    /// From back to front; the first is an opaque backdrop without a contour.
    pub layers: Vec<Layer>,
    /// The layer whose alpha is the truth.
    pub subject: usize,
    pub camera: Camera,
    /// For how long the shutter is open, in seconds.
    pub shutter: f32,
}

/// One thing at one depth.
#[derive(Debug, Clone)]
pub(super) enum Layer {
    Backdrop(Backdrop),
    Object(Object),
}

/// A surface as wide as the world.
#[derive(Debug, Clone)]
pub(super) struct Backdrop {
    pub texture: Arc<Texture>,
    /// World to texels.
    pub map: Affine,
    /// How far the camera's way moves it: 0 never (the sky), 1 as the subject.
    pub parallax: f32,
    /// Where it is; everywhere when `None`.
    pub contour: Option<Contour>,
}

/// A figure on its way.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub figure: Arc<Figure>,
    pub path: Path,
    /// See [`Backdrop::parallax`].
    pub parallax: f32,
    /// Half its size, in world units.
    pub size: f32,
    /// Mirrors it.
    pub flipped: bool,
    /// Out of focus by this, in world units.
    pub blur: f32,
    /// Air between it and the camera: colour, and how much of it.
    pub haze: [f32; 4],
    /// Darkness of its shadow on the ground below it, 0..=1.
    pub shadow: f32,
}

/// A way through the world: steady motion plus one swing in each axis.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Path {
    pub start: Point,
    /// World units a second.
    pub velocity: Point,
    /// World units to each side.
    pub swing: Point,
    /// Swings a second, each axis.
    pub rate: Point,
    /// In turns, each axis.
    pub phase: Point,
    /// Bounce height; `rate[1]` bounces a second.
    pub hop: f32,
    /// Turns to each side, in time with `rate[0]`.
    pub tilt: f32,
    /// Growth to each side as a ratio, in time with `rate[1]`.
    pub pulse: f32,
}

impl Path {
    /// A point that never moves.
    pub fn still(start: Point) -> Self {
        Path { start, ..Path::default() }
    }

    pub fn at(&self, seconds: f32) -> Point {
        let [x, y] = [0, 1].map(|i| {
            let swing = self.swing[i] * sine(self.rate[i] * seconds + self.phase[i]);
            self.start[i] + self.velocity[i] * seconds + swing
        });
        [x, y - self.hop * sine(0.5 * self.rate[1] * seconds + self.phase[1]).abs()]
    }
}

impl Object {
    /// The height of the ground below its feet, in the world.
    pub fn ground(&self) -> f32 {
        self.path.start[1] + self.size * 0.97
    }

    /// The object's units to the world's.
    pub fn place(&self, seconds: f32) -> Affine {
        let path = &self.path;
        let size = self.size * (1.0 + path.pulse * sine(path.rate[1] * seconds + path.phase[1]));
        let across = if self.flipped { -size } else { size };
        Affine::scale(across, size)
            .then(Affine::turn(path.tilt * sine(path.rate[0] * seconds + path.phase[0])))
            .then(Affine::shift(path.at(seconds)))
    }
}

/// Where the camera looks from.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Camera {
    /// World units a second.
    pub drift: Point,
    /// World units to each side, `rate` swings a second.
    pub swing: Point,
    /// Hand-held motion: world units to each side.
    pub shake: f32,
    /// Zoom to each side as a ratio.
    pub zoom: f32,
    /// Roll to each side, in turns.
    pub roll: f32,
    /// Swings a second of all that swings.
    pub rate: f32,
}

impl Camera {
    /// The world's units to pixels of a frame, for a layer's parallax.
    pub fn view(&self, seconds: f32, parallax: f32, width: usize, height: usize) -> Affine {
        let unit = width.min(height) as f32;
        let shake = [0.83, 1.27].map(|rate| {
            self.shake * (sine(rate * seconds) + 0.5 * sine(2.3 * rate * seconds + 0.37))
        });
        let swing = sine(self.rate * seconds);
        let way = |i: usize| self.drift[i] * seconds + self.swing[i] * swing + shake[i];
        let back = [0, 1].map(|i| -parallax * way(i));
        let zoom = unit * (1.0 + self.zoom * swing);
        Affine::shift(back)
            .then(Affine::turn(self.roll * swing))
            .then(Affine::scale(zoom, zoom))
            .then(Affine::shift([0.5 * width as f32, 0.5 * height as f32]))
    }
}
