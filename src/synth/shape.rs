//! Outlines: closed polygons in an object's own units.
use super::dice::Dice;
use super::plane::Affine;
use super::plane::Point;
use super::plane::cosine;
use super::plane::length;
use super::plane::mix;
use super::plane::sine;

/// A closed polygon; the last point joins the first.
pub(super) type Contour = Vec<Point>;

/// An ellipse with `turns` between its first axis and the x axis.
pub(super) fn ellipse(centre: Point, radii: Point, turns: f32) -> Contour {
    let place =
        Affine::scale(radii[0], radii[1]).then(Affine::turn(turns)).then(Affine::shift(centre));
    ring(48).map(|p| place.map(p)).collect()
}

/// A rectangle between two corners.
pub(super) fn rectangle(low: Point, high: Point) -> Contour {
    vec![low, [high[0], low[1]], high, [low[0], high[1]]]
}

/// A limb from `from` to `to`, round at both ends, with a radius at each.
pub(super) fn capsule(from: Point, to: Point, radii: [f32; 2]) -> Contour {
    let along = [to[0] - from[0], to[1] - from[1]];
    let n = 1.0 / length(along).max(1e-6);
    let (u, v) = (along[0] * n, along[1] * n);
    let end = |centre: Point, radius: f32, first: f32| {
        (0..=12).map(move |i| {
            let turns = first + i as f32 / 24.0;
            let (c, s) = (cosine(turns) * radius, sine(turns) * radius);
            [centre[0] + u * c - v * s, centre[1] + v * c + u * s]
        })
    };
    end(to, radii[1], -0.25).chain(end(from, radii[0], 0.25)).collect()
}

/// A closed curve around the origin whose radius, about 1, wanders with `unrest` 0..=1.
pub(super) fn blob(dice: &mut Dice, unrest: f32) -> Contour {
    let waves: Vec<[f32; 3]> = (1..=dice.count(2, 6))
        .map(|k| [k as f32, dice.spread(0.5 * unrest) / k as f32, dice.range(0.0, 1.0)])
        .collect();
    let radius = |turns: f32| -> f32 {
        let sum: f32 = waves.iter().map(|[k, size, phase]| size * sine(k * turns + phase)).sum();
        (1.0 + sum).max(0.2)
    };
    ring(72).enumerate().map(|(i, p)| p.map(|v| v * radius(i as f32 / 72.0))).collect()
}

/// A polygon around the origin with straight sides and `corners` corners.
pub(super) fn shard(dice: &mut Dice, corners: usize) -> Contour {
    (0..corners)
        .map(|i| {
            let turns = (i as f32 + dice.spread(0.4)) / corners as f32;
            let radius = dice.range(0.55, 1.0);
            [cosine(turns) * radius, sine(turns) * radius]
        })
        .collect()
}

/// A leaf or a feather from the origin along +x, of length 1.
pub(super) fn leaf(width: f32) -> Contour {
    let side = |x: f32| 2.6 * width * x.sqrt() * (1.0 - x);
    let above = (0..=10).map(|i| i as f32 / 10.0).map(|x| [x, -side(x)]);
    let below = (1..10).rev().map(|i| i as f32 / 10.0).map(|x| [x, side(x)]);
    above.chain(below).collect()
}

/// The contour of a profile turned about the y axis: half widths at heights, top first.
pub(super) fn turned(profile: &[Point]) -> Contour {
    let fine: Vec<Point> = profile
        .windows(2)
        .flat_map(|pair| {
            let [a, b] = [pair[0], pair[1]];
            (0..6).map(move |i| {
                let t = i as f32 / 6.0;
                let eased = t * t * (3.0 - 2.0 * t);
                [mix(a[0], b[0], eased), mix(a[1], b[1], t)]
            })
        })
        .chain(profile.last().copied())
        .collect();
    let right = fine.iter().copied();
    let left = fine.iter().rev().map(|[half, y]| [-half, *y]);
    right.chain(left).collect()
}

/// The same contour the other way round: a hole.
pub(super) fn reversed(mut contour: Contour) -> Contour {
    contour.reverse();
    contour
}

/// A contour's points after `map`.
pub(super) fn mapped(contour: &[Point], map: Affine) -> Contour {
    contour.iter().map(|p| map.map(*p)).collect()
}

/// Points of the unit circle, in order.
fn ring(count: usize) -> impl Iterator<Item = Point> {
    (0..count).map(move |i| {
        let turns = i as f32 / count as f32;
        [cosine(turns), sine(turns)]
    })
}
