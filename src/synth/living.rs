//! Animals, people and birds, drawn at random.
use super::dice::Dice;
use super::figure::Part;
use super::figure::swung;
use super::plane::Affine;
use super::plane::Point;
use super::shape::Contour;
use super::shape::capsule;
use super::shape::ellipse;
use super::shape::leaf;
use super::shape::mapped;
use super::wardrobe::Cloth;
use super::wardrobe::Wardrobe;

/// Four legs, a body, a neck and a head, seen from the side.
pub(super) fn animal(wardrobe: &Wardrobe, dice: &mut Dice) -> Vec<Part> {
    let coat = wardrobe.cloth(dice);
    let girth = dice.range(0.16, 0.38);
    let legs = dice.range(0.3, 0.9);
    let (rear, front) = ([-0.6, dice.spread(0.1)], [0.45, dice.spread(0.1)]);
    let mut parts = Vec::new();
    for (hip, side) in [(rear, -0.08), (front, -0.08), (rear, 0.08), (front, 0.08)] {
        let top = [hip[0] + side, hip[1] + 0.5 * girth];
        let foot = [top[0] + dice.spread(0.15), top[1] + legs];
        let leg = capsule(top, foot, [0.36 * girth, 0.2 * girth]);
        parts.push(swung(wardrobe.part(vec![leg], &coat), top, 0.07, dice));
    }
    let tail = [rear[0] - dice.range(0.2, 0.6), rear[1] + dice.spread(0.5)];
    let tail = capsule(rear, tail, [0.22 * girth, 0.08 * girth]);
    parts.push(swung(wardrobe.part(vec![tail], &coat), rear, 0.06, dice));
    let body = capsule(rear, front, [girth * dice.range(0.8, 1.1), girth]);
    parts.push(wardrobe.part(vec![body], &coat));
    let head = [front[0] + dice.range(0.1, 0.5), front[1] - dice.range(-0.1, 0.7)];
    let neck = capsule(front, head, [0.7 * girth, 0.5 * girth]);
    parts.push(wardrobe.part(vec![neck], &coat));
    let muzzle = [head[0] + girth * dice.range(0.5, 1.2), head[1] + 0.3 * girth];
    parts.push(wardrobe.part(vec![capsule(head, muzzle, [0.55 * girth, 0.3 * girth])], &coat));
    let up = [head[0] - 0.3 * girth, head[1] - girth * dice.range(0.6, 1.3)];
    parts.push(wardrobe.part(vec![capsule(head, up, [0.18 * girth, 0.07 * girth])], &coat));
    let eye = ellipse([head[0] + 0.2 * girth, head[1] - 0.12 * girth], [0.08 * girth; 2], 0.0);
    parts.push(wardrobe.part(vec![eye], &wardrobe.plain([0.05; 3])));
    if dice.chance(0.6) {
        let fur = wardrobe.coat(dice);
        let first = dice.index(2) * 4;
        parts[first..8].iter_mut().for_each(|part| wardrobe.dress(part, &fur, dice));
    }
    parts
}

/// Someone standing, walking or waving, dressed in the scene's textures.
pub(super) fn person(wardrobe: &Wardrobe, dice: &mut Dice) -> Vec<Part> {
    let skin = dice.range(0.25, 0.9);
    let skin = wardrobe.plain([skin, skin * 0.76, skin * 0.6]);
    let (shirt, trousers) = (wardrobe.cloth(dice), wardrobe.cloth(dice));
    let build = dice.range(0.07, 0.15);
    let (hip, neck) = ([0.0, 0.1], [dice.spread(0.12), -0.55]);
    let mut parts = Vec::new();
    for side in [-1.0, 1.0] {
        let top = [hip[0] + 0.09 * side, hip[1]];
        let knee = [top[0] + dice.spread(0.2), top[1] + 0.4];
        let foot = [knee[0] + dice.spread(0.15), knee[1] + 0.42];
        let thigh = capsule(top, knee, [build, 0.8 * build]);
        let shin = capsule(knee, foot, [0.8 * build, 0.5 * build]);
        parts.push(swung(wardrobe.part(vec![thigh], &trousers), top, 0.03, dice));
        parts.push(swung(wardrobe.part(vec![shin], &trousers), top, 0.0, dice));
    }
    let torso = capsule([neck[0], neck[1] + 0.15], hip, [1.7 * build, 1.5 * build]);
    parts.push(wardrobe.part(vec![torso], &shirt));
    for side in [-1.0, 1.0] {
        let shoulder = [neck[0] + 1.5 * build * side, neck[1] + 0.1];
        let reach = [dice.spread(0.35) + 0.15 * side, dice.range(-0.3, 0.35)];
        let elbow = [shoulder[0] + reach[0], shoulder[1] + reach[1]];
        let hand = [elbow[0] + dice.spread(0.4), elbow[1] + dice.spread(0.5)];
        let upper = capsule(shoulder, elbow, [0.7 * build, 0.55 * build]);
        let lower = capsule(elbow, hand, [0.5 * build, 0.4 * build]);
        parts.push(wardrobe.part(vec![upper], &shirt));
        parts.push(swung(wardrobe.part(vec![lower], &skin), elbow, 0.06, dice));
    }
    parts.extend(head([neck[0], neck[1] - 0.16], wardrobe, &skin, dice));
    parts
}

/// A head with hair, short or long, or a hat.
fn head(at: Point, wardrobe: &Wardrobe, skin: &Cloth, dice: &mut Dice) -> Vec<Part> {
    let neck = capsule(at, [at[0], at[1] + 0.2], [0.06, 0.06]);
    let face = ellipse(at, [0.12, 0.155], dice.spread(0.03));
    let mut cap = wardrobe
        .part(vec![ellipse([at[0], at[1] - 0.06], [0.13, 0.12], 0.0)], &wardrobe.cloth(dice));
    let mut fur = wardrobe.coat(dice);
    fur.comb = [dice.spread(0.8), dice.range(0.2, 1.6)];
    let long = dice.chance(0.5);
    if dice.chance(0.8) {
        wardrobe.dress(&mut cap, &fur, dice);
    }
    let neck = wardrobe.part(vec![neck], skin);
    let face = wardrobe.part(vec![face], skin);
    if long { vec![neck, cap, face] } else { vec![neck, face, cap] }
}

/// A body with feathered wings or fins, and a tail.
pub(super) fn bird(wardrobe: &Wardrobe, dice: &mut Dice) -> Vec<Part> {
    let (cloth, wing) = (wardrobe.cloth(dice), wardrobe.cloth(dice));
    let body = ellipse([0.0; 2], [dice.range(0.4, 0.7), dice.range(0.2, 0.42)], dice.spread(0.1));
    let mut parts = Vec::new();
    let feathers =
        |count: usize, from: Point, first: f32, fan: f32, dice: &mut Dice| -> Vec<Contour> {
            let size = dice.range(0.5, 1.0);
            (0..count)
                .map(|i| {
                    let turn = first + fan * i as f32 / count as f32;
                    let place = Affine::scale(size, size).then(Affine::turn(turn));
                    mapped(&leaf(0.12), place.then(Affine::shift(from)))
                })
                .collect()
        };
    for feather in feathers(dice.count(3, 7), [-0.35, 0.0], 0.42, 0.2, dice) {
        parts.push(wardrobe.part(vec![feather], &wing));
    }
    let mut trunk = wardrobe.part(vec![body], &cloth);
    if dice.chance(0.5) {
        wardrobe.dress(&mut trunk, &wardrobe.coat(dice), dice);
    }
    parts.push(trunk);
    parts.push(wardrobe.part(vec![ellipse([0.5, -0.25], [0.2, 0.18], 0.0)], &cloth));
    let beak = vec![[0.65, -0.32], [0.95, -0.2], [0.65, -0.16]];
    parts.push(wardrobe.part(vec![beak], &wardrobe.plain([0.8, 0.6, 0.2])));
    let first = dice.range(0.55, 0.8);
    for feather in feathers(dice.count(5, 9), [0.1, -0.05], first, 0.22, dice) {
        parts.push(swung(wardrobe.part(vec![feather], &wing), [0.1, 0.0], 0.05, dice));
    }
    parts
}
