//! Procedural clips with exact alpha: one generator for the demo, the tests and the training.
//!
//! A [`Clip`] is drawn from a seed and renders any of its frames in any order, with the same bytes
//! on every machine. A scene is a stack of layers; the subject's layer is summed apart from the
//! rest, so that alpha and foreground are those that the frame is made of.
mod bestiary;
mod canvas;
mod demo;
mod dice;
mod figure;
mod hair;
mod jpeg;
mod lens;
mod material;
mod pattern;
mod plane;
mod raster;
mod render;
mod scene;
mod shape;
mod texture;
mod training;
mod trial;
mod wardrobe;

use self::canvas::Canvas;
use self::dice::Dice;
use self::lens::Lens;
use self::render::Renderer;
use self::render::Sum;
use self::scene::Scene;

/// Frames in a second of a clip: what its motion is made for.
pub const FRAMES_PER_SECOND: usize = 25;

pub use self::material::Cutout;
pub use self::material::MaterialError;
pub use self::material::Materials;
pub use self::material::Photo;
pub use self::trial::TRIAL_FRAMES;

/// What a clip shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A furry creature hops through a meadow: what people are shown first.
    Demo,
    /// Anything before anything, with other things about: what a net is trained on.
    Training,
    /// The subject passes behind a pillar: hidden whole in the middle of [`TRIAL_FRAMES`].
    Occlusion,
    /// The subject is out of the frame in the middle of [`TRIAL_FRAMES`], and back at their end.
    LeaveAndReturn,
    /// From the middle of [`TRIAL_FRAMES`] on, another subject before another background.
    Cut,
    /// The subject and its mirrored twin change places in [`TRIAL_FRAMES`]; the subject in front.
    Crossing,
    /// The subject races, by up to 8 % of the frame's shorter side a frame.
    FastMotion,
    /// From the middle of [`TRIAL_FRAMES`] on, the light is dim and warm.
    LightingJump,
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
        Clip::with_materials(kind, width, height, seed, &Materials::default())
    }

    /// As [`Clip::new`]; [`Kind::Training`] uses the materials besides procedural ones.
    pub fn with_materials(
        kind: Kind,
        width: usize,
        height: usize,
        seed: u64,
        materials: &Materials,
    ) -> Self {
        let mut dice = Dice::new(seed);
        let dice = &mut dice;
        let mut lens = Lens::clear();
        let shots = match kind {
            Kind::Demo => vec![Shot { first: 0, scene: demo::scene(width, height, dice) }],
            Kind::Training => {
                lens = Lens::random(width, height, dice);
                training::shots(width, height, materials, dice)
            }
            Kind::Occlusion => trial::occlusion(width, height, dice),
            Kind::LeaveAndReturn => trial::leave_and_return(width, height, dice),
            Kind::Cut => trial::cut(dice),
            Kind::Crossing => trial::crossing(dice),
            Kind::FastMotion => trial::fast_motion(dice),
            Kind::LightingJump => {
                lens.jump = Some((TRIAL_FRAMES / 2, [0.5, 0.42, 0.3]));
                trial::stroll(dice)
            }
        };
        Clip { width, height, shots, lens }
    }

    /// Renders the frame `index`; the same for the same clip, whatever was rendered before.
    pub fn render(&self, index: usize) -> Picture {
        let Sum { subject, rest } = self.sum(index);
        let tables = self.lens.tables(index);
        let mut rgb = Vec::with_capacity(subject.pixels.len() * 3);
        for (s, r) in subject.pixels.iter().zip(&rest.pixels) {
            rgb.extend((0..3).map(|c| tables[c][usize::from(byte(s[c] + r[c]))]));
        }
        self.lens.record(&mut rgb, self.width, self.height, index);
        Picture {
            width: self.width,
            height: self.height,
            rgb,
            alpha: subject.pixels.iter().map(|p| p[3].clamp(0.0, 1.0)).collect(),
            foreground: straight(&subject, &tables),
        }
    }

    fn sum(&self, index: usize) -> Sum {
        let shot = &self.shots[self.shot(index)];
        let seconds = (index - shot.first) as f32 / FRAMES_PER_SECOND as f32;
        let mut sum = Renderer::new(self.width, self.height).render(&shot.scene, seconds);
        self.lens.defocus(&mut sum);
        sum
    }

    /// Which shot a frame belongs to: it grows by one at each cut.
    pub fn shot(&self, index: usize) -> usize {
        self.shots.iter().rposition(|shot| shot.first <= index).unwrap_or(0)
    }
}

/// Colours divided by their coverage, then looked up.
fn straight(canvas: &Canvas, tables: &[[u8; 256]; 3]) -> Vec<u8> {
    let colour = |p: &[f32; 4]| -> [u8; 3] {
        let n = if p[3] > 0.0 { 1.0 / p[3] } else { 0.0 };
        std::array::from_fn(|c| tables[c][usize::from(byte(p[c] * n))])
    };
    canvas.pixels.iter().flat_map(colour).collect()
}

/// 0..=1 to 0..=255, rounded.
fn byte(v: f32) -> u8 {
    (v.clamp(0.0, 1.0) * 255.0 + 0.5) as u8
}
