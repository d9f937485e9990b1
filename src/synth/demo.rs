//! The demo's scene: a furry creature hops through a meadow.
use std::sync::Arc;

use super::creature::creature;
use super::dice::Dice;
use super::figure::Figure;
use super::figure::Part;
use super::figure::Swing;
use super::hair::Strand;
use super::pattern::clouds;
use super::pattern::noise;
use super::plane::Affine;
use super::plane::Point;
use super::plane::mix;
use super::plane::sine;
use super::plane::smoothstep;
use super::scene::Backdrop;
use super::scene::Camera;
use super::scene::Layer;
use super::scene::Object;
use super::scene::Path;
use super::scene::Scene;
use super::shape::Contour;
use super::shape::ellipse;
use super::texture::Texture;

/// How often the camera goes to and fro, a second.
const RATE: f32 = 0.06;

/// Draws the demo's scene for a frame size.
pub(super) fn scene(width: usize, height: usize, dice: &mut Dice) -> Scene {
    let side = width.min(height).clamp(64, 1024).next_power_of_two();
    let wide = width as f32 / height.max(1) as f32;
    let roam = (0.3 * wide).min(0.5);
    let mut layers = vec![sky(side, dice), hills(side, dice), trees(side, dice)];
    layers.push(meadow(side, dice));
    layers.extend((0..9).map(|i| bush(i, dice)));
    let subject = layers.len();
    layers.push(creature_layer(roam, dice));
    layers.push(blades(dice));
    let camera = Camera {
        swing: [0.8 * roam, 0.015],
        shake: 0.004,
        zoom: 0.03,
        roll: 0.002,
        rate: RATE,
        ..Camera::default()
    };
    Scene { layers, subject, camera, shutter: 0.016 }
}

fn backdrop(texture: Texture, parallax: f32) -> Layer {
    // One tile spans 1.4 world units, which is more than the frame is high.
    let scale = texture.side() as f32 / 1.4;
    let map = Affine::shift([0.7, 0.7]).then(Affine::scale(scale, scale));
    Layer::Backdrop(Backdrop { texture: Arc::new(texture), map, parallax, contour: None })
}

fn sky(side: usize, dice: &mut Dice) -> Layer {
    let field = clouds(dice, side, 3, 0.55);
    let texture = Texture::from_fn(side, |x, y| {
        let v = y as f32 / side as f32;
        let low = smoothstep(0.0, 0.62, v);
        let cloud = smoothstep(0.52, 0.95, field[(2 * y) % side * side + x]) * (0.35 + 0.5 * low);
        let blue = [mix(0.25, 0.86, low), mix(0.52, 0.86, low), mix(0.84, 0.82, low)];
        let [r, g, b] = blue.map(|v| mix(v, 0.99, cloud));
        [r, g, b, 1.0]
    });
    backdrop(texture, 0.05)
}

/// A tile that is clear above a line, given in tiles from the left and from the top.
fn ridge(
    side: usize,
    softness: f32,
    line: impl Fn(f32) -> f32,
    colour: impl Fn(usize, usize) -> [f32; 3],
) -> Texture {
    let soft = (softness * side as f32).max(0.5);
    let texture = Texture::from_fn(side, |x, y| {
        let top = line(x as f32 / side as f32) * side as f32;
        let a = (y as f32 - top + 0.5).clamp(0.0, 1.0);
        let [r, g, b] = colour(x, y);
        [r * a, g * a, b * a, a]
    });
    texture.blurred(soft)
}

fn hills(side: usize, dice: &mut Dice) -> Layer {
    let field = clouds(dice, side, 6, 0.6);
    let phase = dice.range(0.0, 1.0);
    let line = |x: f32| 0.47 - 0.05 * sine(0.45 * x + phase) - 0.02 * sine(1.1 * x + 0.3);
    let texture = ridge(side, 0.003, line, |x, y| {
        let t = 0.8 + 0.4 * field[y * side + x];
        [0.42 * t, 0.55 * t, 0.6 * t]
    });
    backdrop(texture, 0.15)
}

/// Foliage far out of focus.
fn trees(side: usize, dice: &mut Dice) -> Layer {
    let (large, small) = (clouds(dice, side, 7, 0.6), noise(dice, side, 60));
    let crowns = clouds(dice, side, 5, 0.65);
    let line = |x: f32| 0.57 - 0.17 * crowns[(x * side as f32) as usize % side];
    let texture = ridge(side, 0.007, line, |x, y| {
        let (a, b) = (large[y * side + x], small[y * side + x]);
        let t = 0.4 + 0.75 * a + 0.9 * smoothstep(0.68, 0.95, b) * a;
        [0.27 * t, 0.4 * t, 0.16 * t]
    });
    backdrop(texture, 0.4)
}

/// Grass: brighter and blurrier toward the horizon.
fn meadow(side: usize, dice: &mut Dice) -> Layer {
    let (patches, tufts) = (clouds(dice, side, 4, 0.6), clouds(dice, side, side / 10, 0.9));
    let fringe = clouds(dice, side, side / 6, 0.5);
    let line = |x: f32| 0.622 + 0.006 * sine(x) - 0.012 * fringe[(x * side as f32) as usize % side];
    let texture = ridge(side, 0.0015, line, |x, y| {
        let near = smoothstep(0.6, 1.05, y as f32 / side as f32);
        let fine = mix(0.5, tufts[y * side + x], 0.3 + 0.5 * near);
        let t = (0.62 + 0.35 * patches[y * side + x]) * (0.7 + 0.6 * fine) * mix(1.15, 0.8, near);
        [mix(0.62, 0.42, near) * t, mix(0.72, 0.62, near) * t, 0.24 * t]
    });
    backdrop(texture, 0.75)
}

/// A tuft of grass in the middle distance, out of focus; never the subject.
fn bush(i: usize, dice: &mut Dice) -> Layer {
    let flowers = [[0.93, 0.85, 0.35], [0.9, 0.45, 0.5], [0.95, 0.93, 0.9], [0.62, 0.5, 0.85]];
    let flower = flowers[dice.index(4)];
    let mut part = Part::plain(&Arc::new(Texture::white()), Contour::new(), [1.0; 3]);
    part.strands = (0..60).map(|_| blade([dice.spread(0.5), 1.0], 1.3, 0.09, dice)).collect();
    let mut figure = Figure { parts: vec![part] };
    for _ in 0..6 {
        let place = [dice.spread(0.8), dice.range(-0.6, 0.2)];
        let petal = ellipse(place, [0.13, 0.12], 0.0);
        let mut part = Part::plain(&Arc::new(Texture::white()), petal, flower);
        part.swing = Swing { pivot: [0.0, 1.0], reach: 0.012, rate: 0.4, phase: place[0] };
        figure.parts.push(part);
    }
    let size = dice.range(0.05, 0.085);
    let place = [-2.0 + 0.5 * i as f32 + dice.spread(0.2), dice.range(0.14, 0.22)];
    Layer::Object(Object {
        figure: Arc::new(figure),
        path: Path::still(place),
        parallax: 0.8,
        size,
        flipped: false,
        blur: 0.005,
        haze: [0.7, 0.8, 0.6, 0.12],
        shadow: 0.35,
    })
}

/// A blade of grass that stands up from `root`.
fn blade(root: Point, length: f32, width: f32, dice: &mut Dice) -> Strand {
    let t = dice.range(0.55, 1.1);
    Strand {
        root,
        along: [dice.spread(0.5 * length), -length * dice.range(0.5, 1.1)],
        bend: dice.spread(0.5),
        width,
        sway: 0.05,
        phase: 0.3 * root[0] + dice.spread(0.1),
        colour: [0.4 * t, 0.58 * t, 0.2 * t, 1.0],
    }
}

/// Blades close to the camera, before the creature's feet.
fn blades(dice: &mut Dice) -> Layer {
    let mut part = Part::plain(&Arc::new(Texture::white()), Contour::new(), [1.0; 3]);
    part.strands = (0..420)
        .map(|_| blade([dice.range(-3.0, 3.0), dice.range(0.0, 0.1)], 0.16, 0.013, dice))
        .collect();
    Layer::Object(Object {
        figure: Arc::new(Figure { parts: vec![part] }),
        path: Path::still([0.0, 0.5]),
        parallax: 1.15,
        size: 1.0,
        flipped: false,
        blur: 0.003,
        haze: [0.0; 4],
        shadow: 0.0,
    })
}

fn creature_layer(roam: f32, dice: &mut Dice) -> Layer {
    let path = Path {
        start: [0.0, 0.1],
        swing: [1.15 * roam, 0.0],
        rate: [RATE, 1.1],
        hop: 0.085,
        tilt: 0.012,
        pulse: 0.018,
        ..Path::default()
    };
    Layer::Object(Object {
        figure: Arc::new(creature(dice)),
        path,
        parallax: 1.0,
        size: 0.36,
        flipped: false,
        blur: 0.0,
        haze: [0.0; 4],
        shadow: 0.55,
    })
}
