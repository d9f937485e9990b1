//! Procedural clips with exact alpha: one generator for the demo, the tests and the training.
//!
//! A [`Clip`] is drawn from a seed and renders any of its frames in any order, with the same bytes
//! on every machine. A scene is a stack of layers; the subject's layer is summed apart from the
//! rest, so that alpha and foreground are those that the frame is made of.
mod bestiary;
mod canvas;
mod creature;
mod demo;
mod dice;
mod figure;
mod hair;
mod jpeg;
mod lens;
mod living;
mod material;
mod pattern;
mod picture;
mod plane;
mod raster;
mod render;
mod scene;
mod shape;
mod texture;
mod things;
mod training;
mod trial;
mod wardrobe;

use self::canvas::Canvas;
use self::dice::Dice;
use self::lens::Lens;
use self::picture::byte;
use self::render::Renderer;
use self::render::Sum;
use self::scene::Scene;

pub use self::material::Cutout;
pub use self::material::MaterialError;
pub use self::material::Materials;
pub use self::material::Photo;
pub use self::picture::Addends;
pub use self::picture::Picture;
pub use self::picture::PlaneError;
pub use self::picture::Planes;
pub use self::trial::TRIAL_FRAMES;

/// Frames in a second of a clip: what its motion is made for.
pub const FRAMES_PER_SECOND: usize = 25;

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

/// A renderer's memory, kept from frame to frame; any clip may use it after any other.
#[derive(Debug, Default)]
pub struct Scratch(Renderer);

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
        let mut scratch = Scratch::default();
        let sum = self.sum(index, &mut scratch);
        let alpha = sum.subject.pixels.iter().map(|p| p[3].clamp(0.0, 1.0)).collect();
        let mut rgb = vec![0; 3 * sum.subject.pixels.len()];
        let mut foreground = rgb.clone();
        self.expose(index, sum, &mut rgb, &mut foreground);
        Picture { width: self.width, height: self.height, rgb, alpha, foreground }
    }

    /// As [`Clip::render`], as bytes into the caller's memory and without new allocations.
    ///
    /// # Errors
    /// When a plane's length is not the frame's.
    pub fn render_into(
        &self,
        index: usize,
        scratch: &mut Scratch,
        planes: Planes<'_>,
    ) -> Result<(), PlaneError> {
        planes.check(self.width * self.height)?;
        let sum = self.sum(index, scratch);
        for (a, p) in planes.alpha.iter_mut().zip(&sum.subject.pixels) {
            *a = byte(p[3]);
        }
        self.expose(index, sum, planes.rgb, planes.foreground);
        Ok(())
    }

    /// What the frame `index` is made of, before the lens and the sensor.
    pub fn addends(&self, index: usize) -> Addends {
        let mut scratch = Scratch::default();
        let sum = self.scene_at(index, &mut scratch, self.width, self.height);
        let colours =
            |canvas: &Canvas| canvas.pixels.iter().flat_map(|p| [p[0], p[1], p[2]]).collect();
        Addends {
            foreground: colours(&sum.subject),
            alpha: sum.subject.pixels.iter().map(|p| p[3]).collect(),
            background: colours(&sum.rest),
        }
    }

    fn scene_at<'a>(
        &self,
        index: usize,
        scratch: &'a mut Scratch,
        width: usize,
        height: usize,
    ) -> &'a mut Sum {
        let shot = &self.shots[self.shot(index)];
        let seconds = (index - shot.first) as f32 / FRAMES_PER_SECOND as f32;
        scratch.0.render(&shot.scene, seconds, width, height)
    }

    fn sum<'a>(&self, index: usize, scratch: &'a mut Scratch) -> &'a Sum {
        let [width, height] = self.lens.sensor(self.width, self.height);
        let sum = self.scene_at(index, scratch, width, height);
        self.lens.defocus(sum, self.width, self.height);
        sum
    }

    /// Light to bytes.
    fn expose(&self, index: usize, sum: &Sum, rgb: &mut [u8], foreground: &mut [u8]) {
        let tables = self.lens.tables(index);
        let look_up = |c: usize, v: f32| tables[c][usize::from(byte(v))];
        let addends = sum.subject.pixels.iter().zip(&sum.rest.pixels);
        let planes = rgb.chunks_exact_mut(3).zip(foreground.chunks_exact_mut(3));
        for ((s, r), (rgb, foreground)) in addends.zip(planes) {
            for c in 0..3 {
                rgb[c] = look_up(c, s[c] + r[c]);
            }
            let n = if s[3] > 0.0 { 1.0 / s[3] } else { 0.0 };
            for c in 0..3 {
                foreground[c] = if s[3] > 0.0 { look_up(c, s[c] * n) } else { 0 };
            }
        }
        self.lens.record(rgb, self.width, self.height, index);
    }

    /// Which shot a frame belongs to: it grows by one at each cut.
    pub fn shot(&self, index: usize) -> usize {
        self.shots.iter().rposition(|shot| shot.first <= index).unwrap_or(0)
    }
}
