//! The demo's subject: a furry creature.
use std::sync::Arc;

use super::dice::Dice;
use super::figure::Figure;
use super::figure::Light;
use super::figure::Part;
use super::figure::Swing;
use super::hair::Coat;
use super::hair::Strand;
use super::hair::grow;
use super::plane::Point;
use super::shape::Contour;
use super::shape::capsule;
use super::shape::ellipse;
use super::texture::Texture;

/// The creature: tail, feet, ears and body in fur, a crest of long hair, a face.
pub(super) fn creature(dice: &mut Dice) -> Figure {
    let orange = [0.88, 0.47, 0.2];
    let cream = [0.97, 0.86, 0.7];
    let white = Arc::new(Texture::white());
    let mut parts = vec![tail(&white, orange, dice)];
    for side in [-1.0, 1.0] {
        let mut ear = furry(
            &white,
            capsule([0.28 * side, -0.3], [0.44 * side, -0.66], [0.14, 0.05]),
            orange,
            260,
            dice,
        );
        ear.swing = Swing { pivot: [0.3 * side, -0.3], reach: 0.012, rate: 0.9, phase: 0.2 * side };
        parts.push(ear);
        parts.push(lit(
            &white,
            ellipse([0.24 * side, 0.86], [0.2, 0.11], 0.02 * side),
            [0.45, 0.25, 0.16],
        ));
    }
    let body = ellipse([0.0, 0.22], [0.62, 0.66], 0.0);
    parts.push(furry(&white, body, orange, 5200, dice));
    parts.push(belly(&white, cream, dice));
    for side in [-1.0, 1.0] {
        let mut arm = furry(
            &white,
            capsule([0.5 * side, 0.2], [0.68 * side, 0.5], [0.12, 0.09]),
            orange,
            300,
            dice,
        );
        arm.swing = Swing { pivot: [0.5 * side, 0.2], reach: 0.035, rate: 1.1, phase: 0.25 * side };
        parts.push(arm);
    }
    parts.extend(face(&white));
    parts.push(crest(&white, dice));
    Figure { parts }
}

/// A part lit from the upper left, as if round.
fn lit(white: &Arc<Texture>, contour: Contour, tint: [f32; 3]) -> Part {
    let n = contour.len() as f32;
    let centre = [0, 1].map(|axis| contour.iter().map(|p| p[axis]).sum::<f32>() / n);
    let reach = |p: &Point| (p[0] - centre[0]).abs().max((p[1] - centre[1]).abs());
    let radius = contour.iter().map(reach).fold(0.01, f32::max);
    let mut part = Part::plain(white, contour, tint);
    part.skin.light = Light { centre, radius, toward: [-0.2, -0.28], falloff: 0.22 };
    part
}

/// A lit part with short fur all over.
fn furry(
    white: &Arc<Texture>,
    contour: Contour,
    tint: [f32; 3],
    count: usize,
    dice: &mut Dice,
) -> Part {
    let mut part = lit(white, contour, tint);
    let coat = Coat {
        count,
        length: 0.15,
        width: 0.014,
        comb: [0.0, 0.45],
        mess: 0.35,
        sway: 0.1,
        depth: 0.95,
    };
    part.strands = grow(&part.contours[0], &coat, dice, |p| {
        let [r, g, b, _] = part.skin.at(p);
        [r, g, b]
    });
    part
}

fn belly(white: &Arc<Texture>, cream: [f32; 3], dice: &mut Dice) -> Part {
    furry(white, ellipse([0.0, 0.42], [0.34, 0.36], 0.0), cream, 1500, dice)
}

/// Long thin hair that streams behind.
fn tail(white: &Arc<Texture>, tint: [f32; 3], dice: &mut Dice) -> Part {
    let mut part = Part::plain(white, Contour::new(), tint);
    part.strands = (0..420)
        .map(|_| {
            let t = dice.range(0.6, 1.25);
            Strand {
                root: [0.5 + dice.spread(0.08), 0.55 + dice.spread(0.09)],
                along: [0.5 + dice.spread(0.3), -0.42 + dice.spread(0.45)],
                bend: 0.35 + dice.spread(0.4),
                width: 0.016,
                sway: 0.13,
                phase: dice.spread(0.16),
                colour: [(tint[0] * t).min(1.0), tint[1] * t * 0.9, tint[2] * t, 0.9],
            }
        })
        .collect();
    part.swing = Swing { pivot: [0.5, 0.55], reach: 0.03, rate: 0.7, phase: 0.1 };
    part
}

/// A crest of fine hair on the head, blown by the wind.
fn crest(white: &Arc<Texture>, dice: &mut Dice) -> Part {
    let mut part = Part::plain(white, Contour::new(), [1.0; 3]);
    part.strands = (0..520)
        .map(|_| {
            let x = dice.spread(0.26);
            let t = dice.range(0.55, 1.3);
            Strand {
                root: [x, -0.38 + 0.9 * x * x],
                along: [1.1 * x + dice.spread(0.3) - 0.08, -0.42 + dice.spread(0.25)],
                bend: -0.35 + dice.spread(0.7),
                width: 0.011,
                sway: 0.18,
                phase: 0.5 * x + dice.spread(0.12),
                colour: [0.52 * t, 0.22 * t, 0.12 * t, 0.92],
            }
        })
        .collect();
    part
}

/// Eyes with a glint, a nose and a mouth.
fn face(white: &Arc<Texture>) -> Vec<Part> {
    let spot = |centre: Point, radii: Point, tint: [f32; 3]| {
        Part::plain(white, ellipse(centre, radii, 0.0), tint)
    };
    let mut parts = Vec::new();
    for side in [-1.0, 1.0] {
        let x = 0.2 * side;
        parts.push(lit(white, ellipse([x, -0.02], [0.155, 0.17], 0.0), [0.97, 0.97, 0.95]));
        parts.push(spot([x - 0.025 * side, 0.0], [0.1, 0.115], [0.2, 0.45, 0.42]));
        parts.push(spot([x - 0.03 * side, 0.005], [0.062, 0.075], [0.05, 0.04, 0.05]));
        parts.push(spot([x - 0.03 * side - 0.03, -0.04], [0.026, 0.028], [1.0; 3]));
    }
    parts.push(lit(white, ellipse([0.0, 0.17], [0.075, 0.05], 0.0), [0.3, 0.13, 0.12]));
    let smile = |side: f32| capsule([0.0, 0.262], [0.1 * side, 0.235], [0.012, 0.009]);
    parts.extend([-1.0, 1.0].map(|side| Part::plain(white, smile(side), [0.3, 0.13, 0.1])));
    parts
}
