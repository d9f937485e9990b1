//! The trials of a tracker: one difficulty each, with exact truth.
use std::sync::Arc;

use super::Shot;
use super::bestiary::figure;
use super::dice::Dice;
use super::figure::Figure;
use super::living::animal;
use super::pattern::surface;
use super::plane::Affine;
use super::plane::Point;
use super::scene::Backdrop;
use super::scene::Camera;
use super::scene::Layer;
use super::scene::Object;
use super::scene::Path;
use super::scene::Scene;
use super::shape::rectangle;
use super::texture::Texture;
use super::wardrobe::Wardrobe;

/// Frames until a trial's motion starts over; what is hard happens in their middle.
pub const TRIAL_FRAMES: usize = 60;

/// Rounds of [`TRIAL_FRAMES`] a second.
const RATE: f32 = super::FRAMES_PER_SECOND as f32 / TRIAL_FRAMES as f32;
/// Half the subject's size: its hair stays within 1.5 times that.
const SIZE: f32 = 0.12;

/// The subject crosses behind a wide pillar, and comes back the same way.
pub(super) fn occlusion(width: usize, height: usize, dice: &mut Dice) -> Vec<Shot> {
    let mut scene = stage(dice);
    let half = 1.6 * SIZE;
    let clear = half + 1.25 * SIZE;
    let far = clear.max(0.5 * across(width, height));
    subject(&mut scene, to_and_fro(far), dice);
    let wall = Arc::new(surface(dice, 128));
    let scale = wall.side() as f32;
    let high = 0.5 * height as f32 / width.min(height).max(1) as f32 + 0.5;
    scene.layers.push(Layer::Backdrop(Backdrop {
        texture: wall,
        map: Affine::scale(scale, scale),
        parallax: 1.0,
        contour: Some(rectangle([-half, -high], [half, high])),
    }));
    vec![Shot { first: 0, scene }]
}

/// The subject leaves the frame to the right, stays away, and returns.
pub(super) fn leave_and_return(width: usize, height: usize, dice: &mut Dice) -> Vec<Shot> {
    let mut scene = stage(dice);
    let reach = 0.5 * (across(width, height) + 3.0 * SIZE);
    let path = Path {
        start: [reach - 0.15, 0.05],
        swing: [reach, 0.0],
        rate: [RATE, 0.0],
        phase: [-0.25, 0.0],
        ..Path::default()
    };
    subject(&mut scene, path, dice);
    vec![Shot { first: 0, scene }]
}

/// Two scenes with nothing in common, the second from the middle on.
pub(super) fn cut(dice: &mut Dice) -> Vec<Shot> {
    [0, TRIAL_FRAMES / 2]
        .map(|first| {
            let mut scene = stage(dice);
            subject(&mut scene, to_and_fro(0.15), dice);
            Shot { first, scene }
        })
        .into()
}

/// The subject and its twin change places; the subject passes in front.
pub(super) fn crossing(dice: &mut Dice) -> Vec<Shot> {
    let mut scene = stage(dice);
    let subject = subject(&mut scene, to_and_fro(0.28), dice);
    let mut twin = subject.clone();
    twin.flipped = true;
    twin.path.swing[0] *= -1.0;
    twin.path.start[1] -= 0.02;
    scene.layers.insert(scene.subject, Layer::Object(twin));
    scene.subject += 1;
    vec![Shot { first: 0, scene }]
}

/// The subject races to and fro, up to 8 % of the frame's shorter side a frame.
pub(super) fn fast_motion(dice: &mut Dice) -> Vec<Shot> {
    let mut scene = stage(dice);
    let path =
        Path { swing: [0.3, 0.12], rate: [1.05, 0.73], phase: [0.25, 0.0], ..Path::default() };
    subject(&mut scene, path, dice);
    scene.shutter = 0.02;
    vec![Shot { first: 0, scene }]
}

/// The subject strolls; the light, which is the lens's, jumps.
pub(super) fn stroll(dice: &mut Dice) -> Vec<Shot> {
    let mut scene = stage(dice);
    subject(&mut scene, to_and_fro(0.15), dice);
    vec![Shot { first: 0, scene }]
}

/// Half the frame's width in world units.
fn across(width: usize, height: usize) -> f32 {
    0.5 * width as f32 / width.min(height).max(1) as f32
}

/// From the left to the right in a round of the trial, and back in the next.
fn to_and_fro(far: f32) -> Path {
    Path {
        start: [0.0, 0.05],
        swing: [far, 0.01],
        rate: [0.5 * RATE, 1.0],
        phase: [-0.25, 0.0],
        ..Path::default()
    }
}

/// A background with a ground and things on it, none of them the subject.
fn stage(dice: &mut Dice) -> Scene {
    let textures: Vec<Arc<Texture>> = (0..2).map(|_| Arc::new(surface(dice, 256))).collect();
    let floor = rectangle([-9.0, 0.15], [9.0, 9.0]);
    let mut layers = Vec::new();
    for (texture, contour) in textures.iter().zip([None, Some(floor)]) {
        let scale = texture.side() as f32;
        let map = Affine::shift([0.5, 0.5]).then(Affine::scale(scale, scale));
        let texture = texture.clone();
        layers.push(Layer::Backdrop(Backdrop { texture, map, parallax: 0.7, contour }));
    }
    let wardrobe = wardrobe(dice);
    for side in [-1.0, 1.0] {
        let place = [side * dice.range(0.25, 0.45), dice.range(-0.1, 0.12)];
        let thing = Arc::new(figure(&wardrobe, dice));
        let path = Path::still(place);
        layers.push(Layer::Object(object(thing, path, dice.range(0.04, 0.07))));
    }
    let camera = Camera { shake: 0.006, zoom: 0.01, rate: 0.3, ..Camera::default() };
    Scene { subject: layers.len(), layers, camera, shutter: 0.008 }
}

/// The mean colour of a backdrop.
fn mean(layer: &Layer) -> Option<[f32; 3]> {
    match layer {
        Layer::Backdrop(backdrop) => Some(backdrop.texture.mean()),
        Layer::Object(_) => None,
    }
}

/// Puts a furry animal on the stage, unlike the background and in front of all that is there.
fn subject(scene: &mut Scene, path: Path, dice: &mut Dice) -> Object {
    let wardrobe = Wardrobe { against: scene.layers.first().and_then(mean), ..wardrobe(dice) };
    let parts = animal(&wardrobe, dice);
    let object = object(Arc::new(Figure { parts }.fitted()), path, SIZE);
    scene.subject = scene.layers.len();
    scene.layers.push(Layer::Object(object.clone()));
    object
}

fn object(figure: Arc<Figure>, path: Path, size: f32) -> Object {
    let (blur, haze, shadow) = (0.0, [0.0; 4], 0.4);
    Object { figure, path, parallax: 1.0, size, flipped: false, blur, haze, shadow }
}

fn wardrobe(dice: &mut Dice) -> Wardrobe {
    let textures = (0..3).map(|_| Arc::new(surface(dice, 128))).collect();
    let toward: Point = [-0.2, -0.3];
    Wardrobe { textures, toward, colour: [1.0; 3], against: None, hairs: 120 }
}
