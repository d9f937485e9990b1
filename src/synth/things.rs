//! Plants, vehicles, vessels, hoops and lumps, drawn at random.
use super::dice::Dice;
use super::figure::Part;
use super::figure::swung;
use super::plane::Affine;
use super::plane::Point;
use super::shape::Contour;
use super::shape::blob;
use super::shape::capsule;
use super::shape::ellipse;
use super::shape::leaf;
use super::shape::mapped;
use super::shape::rectangle;
use super::shape::reversed;
use super::shape::shard;
use super::shape::turned;
use super::wardrobe::Wardrobe;

/// Leaves on stems, in a pot or not.
pub(super) fn plant(wardrobe: &Wardrobe, dice: &mut Dice) -> Vec<Part> {
    let (green, root) = (wardrobe.cloth(dice), [0.0, 0.6]);
    let (width, count) = (dice.range(0.06, 0.35), dice.count(6, 26));
    let mut parts = Vec::new();
    for _ in 0..count {
        let size = dice.range(0.5, 1.3);
        let turn = dice.range(-0.47, -0.03);
        let low = [dice.spread(0.15), root[1] - dice.range(0.0, 0.5)];
        let place = Affine::scale(size, size).then(Affine::turn(turn)).then(Affine::shift(low));
        let mut part = wardrobe.part(vec![mapped(&leaf(width), place)], &green);
        let shade = dice.range(0.7, 1.25);
        part.skin.tint = part.skin.tint.map(|v| v * shade);
        parts.push(swung(part, low, 0.02, dice));
    }
    if dice.chance(0.6) {
        let pot = turned(&[[0.34, 0.45], [0.34, 0.55], [0.3, 0.55], [0.22, 1.0]]);
        parts.push(wardrobe.part(vec![pot], &wardrobe.cloth(dice)));
    }
    parts
}

/// A body on wheels, with windows that one can see through.
pub(super) fn vehicle(wardrobe: &Wardrobe, dice: &mut Dice) -> Vec<Part> {
    let (roof, bonnet) = (dice.range(0.25, 0.7), dice.range(0.0, 0.3));
    let (back, front) = (dice.range(-0.9, -0.5), dice.range(0.15, 0.6));
    let outline = vec![
        [-1.0, 0.3],
        [-0.98, -bonnet],
        [back, -bonnet - 0.05],
        [back + 0.2, -roof],
        [front, -roof],
        [front + 0.2, -bonnet],
        [0.95, -bonnet + 0.08],
        [1.0, 0.3],
    ];
    let window = |from: f32, to: f32| {
        vec![
            [from + 0.07, -bonnet],
            [from + 0.14, -roof + 0.06],
            [to, -roof + 0.06],
            [to + 0.02, -bonnet],
        ]
    };
    let middle = 0.5 * (back + front) + 0.1;
    let panes = [window(back + 0.13, middle - 0.05), window(middle - 0.1, front)];
    let body: Vec<Contour> =
        [outline].into_iter().chain(panes.iter().cloned().map(reversed)).collect();
    let mut parts = Vec::new();
    let mut glass = wardrobe.part(panes.to_vec(), &wardrobe.plain([0.35, 0.42, 0.45]));
    glass.skin.opacity = dice.range(0.3, 1.0);
    parts.push(glass);
    parts.push(wardrobe.part(body, &wardrobe.cloth(dice)));
    let radius = dice.range(0.16, 0.26);
    for x in [-0.55, 0.58] {
        for (size, tint) in [(1.0, 0.08), (0.6, 0.5), (0.2, 0.15)] {
            let disc = ellipse([x, 0.32], [radius * size; 2], 0.0);
            parts.push(wardrobe.part(vec![disc], &wardrobe.plain([tint; 3])));
        }
    }
    parts
}

/// A bottle, a vase, a bowl: of glass more often than not.
pub(super) fn vessel(wardrobe: &Wardrobe, dice: &mut Dice) -> Vec<Part> {
    let mut profile: Vec<Point> =
        (0..dice.count(4, 7)).map(|i| [dice.range(0.15, 0.75), i as f32]).collect();
    let high = (profile.len() - 1) as f32;
    profile.iter_mut().for_each(|p| p[1] = 2.0 * p[1] / high - 1.0);
    let outline = turned(&profile);
    let cloth = wardrobe.cloth(dice);
    let mut wall = wardrobe.part(vec![outline.clone()], &cloth);
    if dice.chance(0.4) {
        return vec![wall];
    }
    wall.skin.opacity = dice.range(0.15, 0.7);
    let inner = mapped(&outline, Affine::scale(0.9, 0.96));
    let rim = wardrobe.part(vec![outline, reversed(inner)], &cloth);
    let glint = capsule([-0.3 * profile[1][0], -0.6], [-0.4 * profile[2][0], 0.3], [0.03, 0.05]);
    let mut glint = wardrobe.part(vec![glint], &wardrobe.plain([1.0; 3]));
    glint.skin.opacity = 0.7;
    vec![wall, rim, glint]
}

/// Rings, wheels and lattices: one sees the background through them.
pub(super) fn hoop(wardrobe: &Wardrobe, dice: &mut Dice) -> Vec<Part> {
    let (cloth, thin) = (wardrobe.cloth(dice), dice.range(0.06, 0.35));
    let squash = dice.range(0.5, 1.0);
    let outer = ellipse([0.0; 2], [1.0, squash], 0.0);
    let inner = ellipse([0.0; 2], [1.0 - thin, squash - thin.min(0.8 * squash)], 0.0);
    let mut parts = vec![wardrobe.part(vec![outer, reversed(inner)], &cloth)];
    for _ in 0..dice.index(9) {
        let place = Affine::turn(dice.range(0.0, 1.0)).then(Affine::scale(0.95, 0.95 * squash));
        let offset = dice.spread(0.8);
        let half = (1.0 - offset * offset).sqrt();
        let (from, to) = (place.map([-half, offset]), place.map([half, offset]));
        parts.push(wardrobe.part(vec![capsule(from, to, [0.3 * thin; 2])], &cloth));
    }
    parts
}

/// Anything else: a round or a sharp body with patches, boxes, or holes in it.
pub(super) fn lump(wardrobe: &Wardrobe, dice: &mut Dice) -> Vec<Part> {
    let corners = dice.count(3, 9);
    let (unrest, shape) = (dice.range(0.0, 1.0), dice.index(3));
    let outline = match shape {
        0 => blob(dice, unrest),
        1 => shard(dice, corners),
        _ => rectangle([-dice.range(0.3, 1.0), -dice.range(0.3, 1.0)], [0.8, 0.8]),
    };
    let mut contours = vec![outline.clone()];
    if dice.chance(0.25) {
        let place =
            Affine::scale(0.3, 0.3).then(Affine::shift([dice.spread(0.2), dice.spread(0.2)]));
        contours.push(reversed(mapped(&blob(dice, 0.3), place)));
    }
    let mut body = wardrobe.part(contours, &wardrobe.cloth(dice));
    let hairy = dice.chance(0.35);
    if hairy {
        wardrobe.dress(&mut body, &wardrobe.coat(dice), dice);
    }
    let mut parts = vec![body];
    for _ in 0..if hairy { 0 } else { dice.index(4) } {
        // Patches stay inside: smaller copies of the outline.
        let size = dice.range(0.1, 0.5);
        let place =
            Affine::scale(size, size).then(Affine::shift([dice.spread(0.4), dice.spread(0.4)]));
        parts.push(wardrobe.part(vec![mapped(&outline, place)], &wardrobe.cloth(dice)));
    }
    parts
}
