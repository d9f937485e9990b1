//! Training scenes: the subject is the large, whole, sharp thing near the middle, and not the
//! pasted one, because everything is.
//!
//! Surfaces of the subject, of the other objects and of the background come from one wardrobe, the
//! figures from one bestiary, under one light and through one lens.
use std::sync::Arc;

use super::Shot;
use super::bestiary::figure;
use super::dice::Dice;
use super::figure::Figure;
use super::material::Materials;
use super::pattern::surface;
use super::plane::Affine;
use super::plane::Point;
use super::plane::cosine;
use super::plane::sine;
use super::scene::Backdrop;
use super::scene::Camera;
use super::scene::Layer;
use super::scene::Object;
use super::scene::Path;
use super::scene::Scene;
use super::texture::Texture;
use super::wardrobe::Wardrobe;

/// Draws a clip's scenes: one, or now and then two with a cut between.
pub(super) fn shots(
    width: usize,
    height: usize,
    materials: &Materials,
    dice: &mut Dice,
) -> Vec<Shot> {
    let mut firsts = vec![0];
    if dice.chance(0.07) {
        firsts.push(dice.count(3, 12));
    }
    firsts
        .into_iter()
        .map(|first| {
            let mut stage = Stage::new(width, height, materials, dice.fork());
            Shot { first, scene: stage.scene() }
        })
        .collect()
}

/// What a scene is built from.
struct Stage<'a> {
    materials: &'a Materials,
    wardrobe: Wardrobe,
    /// Half the frame in world units.
    half: Point,
    /// Texels of a texture's side.
    side: usize,
    /// Blur of the far background, in world units.
    depth_of_field: f32,
    camera: Camera,
    dice: Dice,
}

impl<'a> Stage<'a> {
    fn new(width: usize, height: usize, materials: &'a Materials, mut dice: Dice) -> Self {
        let shorter = width.min(height).max(1);
        let side = (shorter / 2).clamp(16, 512).next_power_of_two();
        let textures = (0..dice.count(3, 5))
            .map(|_| {
                let photos = &materials.photos;
                let real = !photos.is_empty() && dice.chance(0.65);
                let photo = real.then(|| dice.index(photos.len()));
                Arc::new(match photo {
                    Some(i) => photos[i].surface(side, &mut dice),
                    None => surface(&mut dice, side),
                })
            })
            .collect();
        let turn = dice.range(0.5, 1.0);
        let strength = dice.range(0.0, 0.45);
        let warmth = dice.spread(0.2);
        let wardrobe = Wardrobe {
            textures,
            toward: [cosine(turn) * strength, sine(turn) * strength],
            colour: [1.0 + warmth, 1.0, 1.0 - warmth],
            against: None,
            hairs: 140,
        };
        let half = [width, height].map(|v| 0.5 * v as f32 / shorter as f32);
        let depth_of_field = if dice.chance(0.6) { dice.range(0.0, 0.025) } else { 0.0 };
        let camera = camera(&mut dice);
        Stage { materials, wardrobe, half, side, depth_of_field, camera, dice }
    }

    fn scene(&mut self) -> Scene {
        let (mut layers, air) = self.background();
        let size = self.dice.ratio(0.17, 0.5);
        layers.extend(self.distractors(size, air));
        let subject = layers.len();
        // One in five is hard to tell from what is behind it.
        self.wardrobe.against = self.dice.chance(0.8).then_some(air);
        layers.push(Layer::Object(self.subject(size)));
        self.wardrobe.against = None;
        layers.extend(self.occluders());
        let shutter = if self.dice.chance(0.5) { self.dice.range(0.0, 0.03) } else { 0.0 };
        Scene { layers, subject, camera: self.camera, shutter }
    }

    /// One to three surfaces with straight or wavy borders, and the colour of the air.
    fn background(&mut self) -> (Vec<Layer>, [f32; 3]) {
        let count = self.dice.count(1, 3);
        let mut air = [0.5; 3];
        let mut layers = Vec::new();
        for i in 0..count {
            let textures = &self.wardrobe.textures;
            let texture = textures[self.dice.index(textures.len())].clone();
            // A tile is about as large as the frame, so that a photograph stays a place.
            let scale = texture.side() as f32 * self.dice.range(0.55, 1.0);
            let blur = self.depth_of_field * (1.0 - 0.3 * i as f32) * scale;
            let light = self.dice.range(0.75, 1.15);
            let tint = self.wardrobe.colour.map(|v| v * light);
            let texture = Texture::clone(&texture)
                .map(|[r, g, b, a]| {
                    let [r, g, b] = [r * tint[0], g * tint[1], b * tint[2]].map(|v| v.min(1.0));
                    [r, g, b, a]
                })
                .blurred(blur);
            if i == 0 {
                air = texture.mean();
            }
            let contour = (i > 0).then(|| self.border());
            let shift = [self.dice.range(0.0, 2.0), self.dice.range(0.0, 2.0)];
            let map = Affine::shift(shift).then(Affine::scale(scale, scale));
            let texture = Arc::new(texture);
            let parallax = self.dice.range(0.3, 0.6) + 0.2 * i as f32;
            layers.push(Layer::Backdrop(Backdrop { texture, map, parallax, contour }));
        }
        (layers, air)
    }

    /// Everything on one side of a line: ground more often than walls.
    fn border(&mut self) -> Vec<Point> {
        let dice = &mut self.dice;
        let (waves, height) = (dice.range(0.5, 4.0), dice.range(0.0, 0.06));
        let (phase, offset) = (dice.range(0.0, 1.0), dice.range(-0.15, 0.4));
        let turn = if dice.chance(0.75) { dice.spread(0.04) } else { dice.range(0.0, 1.0) };
        let place = Affine::shift([0.0, offset]).then(Affine::turn(turn));
        let line = (0..=96).map(|i| {
            let x = i as f32 / 8.0 - 6.0;
            [x, height * sine(waves * x + phase)]
        });
        line.chain([[6.0, 9.0], [-6.0, 9.0]]).map(|p| place.map(p)).collect()
    }

    /// A figure or a cut-out, of which the wardrobe's is the style.
    fn figure(&mut self) -> Figure {
        let cutouts = &self.materials.cutouts;
        if !cutouts.is_empty() && self.dice.chance(0.5) {
            let bright = self.dice.range(0.7, 1.2);
            let tint = self.wardrobe.colour.map(|v| v * bright);
            return cutouts[self.dice.index(cutouts.len())].figure(self.side, tint);
        }
        figure(&self.wardrobe, &mut self.dice)
    }

    /// Things that are not the subject: smaller, farther, mostly aside and less sharp.
    fn distractors(&mut self, subject: f32, air: [f32; 3]) -> Vec<Layer> {
        let count = if self.dice.chance(0.25) { 0 } else { self.dice.count(1, 5) };
        let mut objects: Vec<Object> = (0..count)
            .map(|_| {
                let size = subject * self.dice.range(0.15, 0.55);
                let far = self.dice.range(0.2, 1.0);
                let mut object = self.object(size);
                object.path = self.aside();
                object.parallax = 1.0 - 0.5 * far;
                object.blur = self.depth_of_field * far;
                let thick = if self.dice.chance(0.4) { 0.5 * far } else { 0.0 };
                object.haze = [air[0], air[1], air[2], thick];
                object
            })
            .collect();
        objects.sort_by(|a, b| a.parallax.total_cmp(&b.parallax));
        objects.into_iter().map(Layer::Object).collect()
    }

    /// A way that stays away from the middle.
    fn aside(&mut self) -> Path {
        let dice = &mut self.dice;
        let side = if dice.chance(0.5) { -1.0 } else { 1.0 };
        let start = [side * self.half[0] * dice.range(0.3, 1.05), self.half[1] * dice.spread(0.9)];
        let velocity =
            if dice.chance(0.5) { [dice.spread(0.5), dice.spread(0.1)] } else { [0.0; 2] };
        Path { start, velocity, ..Path::default() }
    }

    fn object(&mut self, size: f32) -> Object {
        let mut figure = self.figure();
        if self.dice.chance(0.12) {
            figure = figure.joined(self.figure(), &mut self.dice);
        }
        Object {
            figure: Arc::new(figure),
            path: Path::default(),
            parallax: 1.0,
            size,
            flipped: self.dice.chance(0.5),
            blur: 0.0,
            haze: [0.0; 4],
            shadow: if self.dice.chance(0.6) { self.dice.range(0.0, 0.7) } else { 0.0 },
        }
    }

    /// The subject, near the middle; the camera follows it more or less.
    fn subject(&mut self, size: f32) -> Object {
        let mut object = self.object(size);
        let dice = &mut self.dice;
        let drift = self.camera.drift;
        let follow = dice.range(0.5, 1.1);
        let speed = if dice.chance(0.15) { 1.2 } else { 0.25 };
        let mut path = Path {
            start: [self.half[0] * dice.spread(0.6), self.half[1] * dice.spread(0.5)],
            velocity: [0, 1].map(|i| follow * drift[i] + dice.spread(speed) * [1.0, 0.3][i]),
            swing: [dice.range(0.0, 0.06), dice.range(0.0, 0.04)],
            rate: [dice.range(0.2, 1.5), dice.range(0.2, 2.0)],
            phase: [dice.range(0.0, 1.0), dice.range(0.0, 1.0)],
            tilt: dice.range(0.0, 0.03),
            pulse: dice.range(0.0, 0.08),
            hop: if dice.chance(0.2) { dice.range(0.0, 0.12) } else { 0.0 },
        };
        if dice.chance(0.06) {
            // Out of the frame and back within a second or two.
            path.swing[0] = self.half[0] + 1.5 * size;
            path.phase[0] = 0.0;
            path.rate[0] = dice.range(0.5, 1.0);
        }
        object.path = path;
        object
    }

    /// Things close to the camera: blurred at the edge, or passing by.
    fn occluders(&mut self) -> Vec<Layer> {
        let mut layers = Vec::new();
        if self.dice.chance(0.15) {
            let mut near = self.object(0.35);
            let (turn, away) = (self.dice.range(0.0, 1.0), self.dice.range(1.15, 1.5));
            near.path =
                Path::still([self.half[0] * away * cosine(turn), self.half[1] * away * sine(turn)]);
            (near.parallax, near.blur, near.shadow) = (1.4, self.dice.range(0.01, 0.03), 0.0);
            layers.push(Layer::Object(near));
        }
        if self.dice.chance(0.12) {
            let size = self.dice.range(0.1, 0.35);
            let mut passing = self.object(size);
            let side = if self.dice.chance(0.5) { -1.0 } else { 1.0 };
            let speed = self.dice.range(0.8, 2.0);
            passing.path.start = [side * (self.half[0] + size), self.dice.spread(0.3)];
            passing.path.velocity = [-side * speed, 0.0];
            (passing.blur, passing.shadow) = (self.dice.range(0.0, 0.02), 0.0);
            layers.push(Layer::Object(passing));
        }
        layers
    }
}

/// Fixed, hand-held or on its way.
fn camera(dice: &mut Dice) -> Camera {
    let moving = dice.chance(0.5);
    let reach = if moving { 0.6 } else { 0.0 };
    Camera {
        drift: [dice.spread(reach), dice.spread(0.3 * reach)],
        shake: if dice.chance(0.5) { dice.range(0.0, 0.02) } else { 0.0 },
        zoom: if dice.chance(0.3) { dice.range(0.0, 0.15) } else { 0.0 },
        roll: if dice.chance(0.2) { dice.range(0.0, 0.02) } else { 0.0 },
        rate: dice.range(0.1, 0.6),
        ..Camera::default()
    }
}
