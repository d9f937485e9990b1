//! Procedural clips with exact alpha: one generator for the demo, the tests and the training.
//!
//! A [`Clip`] is drawn from a seed and renders any of its frames in any order, with the same bytes
//! on every machine. A scene is a stack of layers; the subject's layer is summed apart from the
//! rest, so that alpha and foreground are those that the frame is made of.
mod canvas;
mod demo;
mod dice;
mod figure;
mod hair;
mod lens;
mod pattern;
mod plane;
mod raster;
mod render;
mod scene;
mod shape;
mod texture;

use crate::synth::canvas::Canvas;
use crate::synth::dice::Dice;
use crate::synth::lens::Lens;
use crate::synth::render::Renderer;
use crate::synth::render::Sum;
use crate::synth::scene::Scene;

/// Frames in a second of a clip: what its motion is made for.
pub const FRAMES_PER_SECOND: usize = 25;

/// What a clip shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A furry creature hops through a meadow: what people are shown first.
    Demo,
}

/// A clip: everything that its seed decides, ready to render.
#[derive(Debug, Clone)]
pub struct Clip {
    width: usize,
    height: usize,
    shots: Vec<Shot>,
    lens: Lens,
}

/// A scene from one frame on.
#[derive(Debug, Clone)]
struct Shot {
    first: usize,
    scene: Scene,
}

/// One frame with its truth. All planes are row by row without padding.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// In pixels.
    pub width: usize,
    /// In pixels.
    pub height: usize,
    /// (height, width, 3), sRGB.
    pub rgb: Vec<u8>,
    /// (height, width), coverage 0..=1 of the subject.
    pub alpha: Vec<f32>,
    /// (height, width, 3), sRGB: the subject's own colour; black where alpha is 0.
    pub foreground: Vec<u8>,
}

impl Picture {
    /// Alpha as bytes, 255 for a pixel that is covered.
    pub fn alpha_u8(&self) -> Vec<u8> {
        self.alpha.iter().map(|a| byte(*a)).collect()
    }
}

impl Clip {
    /// Draws a clip of frames of `width` x `height` pixels; a side of 0 gives empty pictures.
    pub fn new(kind: Kind, width: usize, height: usize, seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let shot = |scene| vec![Shot { first: 0, scene }];
        let shots = match kind {
            Kind::Demo => shot(demo::scene(width, height, &mut dice)),
        };
        Clip { width, height, shots, lens: Lens::clear() }
    }

    /// Renders the frame `index`; the same for the same clip, whatever was rendered before.
    pub fn render(&self, index: usize) -> Picture {
        let Sum { subject, rest } = self.sum(index);
        let mut rgb = Vec::with_capacity(subject.pixels.len() * 3);
        for (s, r) in subject.pixels.iter().zip(&rest.pixels) {
            rgb.extend((0..3).map(|c| byte(s[c] + r[c])));
        }
        self.lens.expose(&mut rgb, index);
        Picture {
            width: self.width,
            height: self.height,
            rgb,
            alpha: subject.pixels.iter().map(|p| p[3].clamp(0.0, 1.0)).collect(),
            foreground: straight(&subject),
        }
    }

    fn sum(&self, index: usize) -> Sum {
        let shot = &self.shots[self.shot(index)];
        let seconds = (index - shot.first) as f32 / FRAMES_PER_SECOND as f32;
        Renderer::new(self.width, self.height).render(&shot.scene, seconds)
    }

    /// Which shot a frame belongs to: it grows by one at each cut.
    pub fn shot(&self, index: usize) -> usize {
        self.shots.iter().rposition(|shot| shot.first <= index).unwrap_or(0)
    }
}

/// Colours divided by their coverage.
fn straight(canvas: &Canvas) -> Vec<u8> {
    let colour = |p: &[f32; 4]| {
        let n = if p[3] > 0.0 { 1.0 / p[3] } else { 0.0 };
        [byte(p[0] * n), byte(p[1] * n), byte(p[2] * n)]
    };
    canvas.pixels.iter().flat_map(colour).collect()
}

/// 0..=1 to 0..=255, rounded.
fn byte(v: f32) -> u8 {
    (v.clamp(0.0, 1.0) * 255.0 + 0.5) as u8
}
