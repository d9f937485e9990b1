//! Procedural surfaces: the families that objects and backgrounds alike are painted with.
use std::sync::Arc;

use super::canvas::Canvas;
use super::canvas::Rgba;
use super::dice::Dice;
use super::figure::Figure;
use super::figure::Part;
use super::hair::Strand;
use super::plane::Affine;
use super::plane::cosine;
use super::plane::mix;
use super::plane::sine;
use super::plane::smoothstep;
use super::raster::Rasterizer;
use super::raster::Window;
use super::shape::Contour;
use super::shape::ellipse;
use super::shape::leaf;
use super::shape::mapped;
use super::texture::Texture;

/// Colours that go together, from dark to light.
pub(super) type Palette = [[f32; 3]; 4];

/// A colour of a hue in turns, with saturation and brightness 0..=1.
pub(super) fn hue(turns: f32, saturation: f32, brightness: f32) -> [f32; 3] {
    [0.0, 1.0 / 3.0, 2.0 / 3.0].map(|shift| {
        let wave = 0.5 + 0.5 * cosine(turns - shift);
        (brightness * mix(1.0, wave, saturation)).clamp(0.0, 1.0)
    })
}

/// A palette around one hue, with now and then a colour of another.
pub(super) fn palette(dice: &mut Dice) -> Palette {
    let base = dice.range(0.0, 1.0);
    // Most of the world is nearly grey.
    let saturation = 0.9 * dice.range(0.1, 1.0) * dice.range(0.1, 1.0);
    let (dark, light) = (dice.range(0.05, 0.5), dice.range(0.45, 1.1));
    std::array::from_fn(|i| {
        let other = if dice.chance(0.2) { 0.4 } else { 0.06 };
        let turns = base + dice.spread(other);
        hue(turns, saturation * dice.range(0.6, 1.2), mix(dark, light, i as f32 / 3.0))
    })
}

/// The palette's colour at 0..=1 from dark to light.
pub(super) fn shade(palette: &Palette, t: f32) -> [f32; 3] {
    let place = (t * 3.0).clamp(0.0, 2.999);
    let i = place as usize;
    std::array::from_fn(|c| mix(palette[i][c], palette[i + 1][c], place - i as f32))
}

/// Smooth noise 0..=1 over a square, `cells` bumps to a side.
pub(super) fn noise(dice: &mut Dice, side: usize, cells: usize) -> Vec<f32> {
    let across = cells + 2;
    let lattice: Vec<f32> = (0..across * across).map(|_| dice.range(0.0, 1.0)).collect();
    let steps: Vec<(usize, f32)> = (0..side)
        .map(|i| {
            let place = (i as f32 + 0.5) * cells as f32 / side as f32;
            (place as usize, smoothstep(0.0, 1.0, place - place.floor()))
        })
        .collect();
    let mut out = Vec::with_capacity(side * side);
    for (row, ty) in &steps {
        let (above, below) = (&lattice[row * across..], &lattice[(row + 1) * across..]);
        out.extend(steps.iter().map(|(x, tx)| {
            mix(mix(above[*x], above[x + 1], *tx), mix(below[*x], below[x + 1], *tx), *ty)
        }));
    }
    out
}

/// Noise over several scales, 0..=1; each octave has `gain` of the one before.
pub(super) fn clouds(dice: &mut Dice, side: usize, cells: usize, gain: f32) -> Vec<f32> {
    let mut sum = vec![0.0; side * side];
    let (mut cells, mut weight, mut total) = (cells, 1.0, 0.0);
    while cells <= side / 2 && weight > 0.04 {
        for (s, v) in sum.iter_mut().zip(noise(dice, side, cells)) {
            *s += weight * v;
        }
        total += weight;
        (cells, weight) = (cells * 2, weight * gain);
    }
    // Sums of noise crowd around a half: spread them out.
    let n = 1.0 / f32::max(total, 1e-6);
    sum.into_iter().map(|v| smoothstep(0.2, 0.8, v * n)).collect()
}

/// A surface of a family drawn at random.
pub(super) fn surface(dice: &mut Dice, side: usize) -> Texture {
    let side = side.next_power_of_two();
    let colours = palette(dice);
    let plain = match dice.index(8) {
        0 | 1 => cloudy(dice, side, &colours),
        2 => stripes(dice, side, &colours),
        3 => tiles(dice, side, &colours),
        4 => leaves(dice, side, &colours),
        5 => bristles(dice, side, &colours),
        6 => dapples(dice, side, &colours),
        _ => plain(dice, side, &colours),
    };
    if dice.chance(0.6) { weathered(dice, plain) } else { plain }
}

fn opaque(colour: [f32; 3]) -> Rgba {
    [colour[0], colour[1], colour[2], 1.0]
}

fn cloudy(dice: &mut Dice, side: usize, colours: &Palette) -> Texture {
    let (cells, gain) = (dice.count(2, 12), dice.range(0.4, 0.8));
    let field = clouds(dice, side, cells, gain);
    Texture::from_fn(side, |x, y| opaque(shade(colours, field[y * side + x])))
}

/// Planks, cloth, corduroy: parallel lines, more or less bent.
fn stripes(dice: &mut Dice, side: usize, colours: &Palette) -> Texture {
    let (turns, count) = (dice.range(0.0, 1.0), dice.ratio(3.0, 30.0));
    let (c, s) = (cosine(turns) * count / side as f32, sine(turns) * count / side as f32);
    let bend = dice.range(0.0, 2.5);
    let hard = dice.range(0.5, 6.0);
    let field = clouds(dice, side, 3, 0.5);
    Texture::from_fn(side, |x, y| {
        let at = x as f32 * c + y as f32 * s + bend * field[y * side + x];
        opaque(shade(colours, 0.5 + (0.5 * hard * sine(at)).clamp(-0.5, 0.5)))
    })
}

/// Bricks, tiles, windows: a grid of plates with joints between.
fn tiles(dice: &mut Dice, side: usize, colours: &Palette) -> Texture {
    let (across, down) = (dice.count(3, 14), dice.count(3, 20));
    let shifted = if dice.chance(0.5) { 0.5 } else { 0.0 };
    let joint = dice.range(0.02, 0.14);
    let plates: Vec<f32> = (0..(across + 1) * down).map(|_| dice.range(0.3, 1.0)).collect();
    Texture::from_fn(side, |x, y| {
        let v = y as f32 * down as f32 / side as f32;
        let row = v as usize;
        let u = x as f32 * across as f32 / side as f32 + shifted * (row % 2) as f32;
        let (fu, fv) = (u - u.floor(), v - v.floor());
        let rim = fu.min(1.0 - fu).min(fv).min(1.0 - fv);
        let plate = plates[row * (across + 1) + (u as usize).min(across)];
        opaque(shade(colours, plate * smoothstep(0.4 * joint, joint, rim)))
    })
}

/// Blots, petals and stones scattered over each other.
fn leaves(dice: &mut Dice, side: usize, colours: &Palette) -> Texture {
    let size = dice.ratio(0.02, 0.12);
    let round = dice.chance(0.4);
    let outline = if round { ellipse([0.5, 0.0], [0.5, 0.4], 0.0) } else { leaf(0.3) };
    let count = ((1.6 / (size * size)) as usize).clamp(60, 900);
    let mut figure = Figure::default();
    let white = Arc::new(Texture::white());
    for i in 0..count {
        // Light ones last: they catch the light above the dark.
        let t = mix(dice.range(0.0, 1.0), i as f32 / count as f32, 0.6);
        let place = Affine::scale(size, size * dice.range(0.5, 1.2))
            .then(Affine::turn(dice.range(0.0, 1.0)))
            .then(Affine::shift([dice.range(-0.05, 1.05), dice.range(-0.05, 1.05)]));
        figure.parts.push(Part::plain(&white, mapped(&outline, place), shade(colours, t)));
    }
    paint_tile(side, colours[0], &figure)
}

/// Grass, hay, fur: strands that lie about in one direction.
fn bristles(dice: &mut Dice, side: usize, colours: &Palette) -> Texture {
    let (turns, mess) = (dice.range(0.0, 1.0), dice.range(0.2, 1.4));
    let (size, width) = (dice.range(0.06, 0.25), dice.range(0.004, 0.016));
    let strands = (0..dice.count(300, 900)).map(|_| {
        let direction = [cosine(turns) + dice.spread(mess), sine(turns) + dice.spread(mess)];
        let [r, g, b] = shade(colours, dice.range(0.0, 1.0));
        Strand {
            root: [dice.range(-0.1, 1.1), dice.range(-0.1, 1.1)],
            along: direction.map(|v| v * size),
            bend: dice.spread(0.6),
            width,
            sway: 0.0,
            phase: 0.0,
            colour: [r, g, b, 1.0],
        }
    });
    let strands = strands.collect();
    let mut part = Part::plain(&Arc::new(Texture::white()), Contour::new(), [1.0; 3]);
    part.strands = strands;
    paint_tile(side, shade(colours, 0.3), &Figure { parts: vec![part] })
}

/// Spots of light through leaves: bright discs, out of focus.
fn dapples(dice: &mut Dice, side: usize, colours: &Palette) -> Texture {
    let mut figure = Figure::default();
    let white = Arc::new(Texture::white());
    for _ in 0..dice.count(30, 120) {
        let radius = dice.ratio(0.015, 0.09);
        let centre = [dice.range(0.0, 1.0), dice.range(0.0, 1.0)];
        let mut part = Part::plain(
            &white,
            ellipse(centre, [radius; 2], 0.0),
            shade(colours, dice.range(0.2, 1.0)),
        );
        part.skin.opacity = dice.range(0.2, 0.8);
        figure.parts.push(part);
    }
    paint_tile(side, shade(colours, 0.2), &figure).blurred(dice.range(0.0, 0.02) * side as f32)
}

/// One colour that fades into another: walls, skies, skin, paint.
fn plain(dice: &mut Dice, side: usize, colours: &Palette) -> Texture {
    let turns = dice.range(0.0, 1.0);
    let (c, s) = (cosine(turns) / side as f32, sine(turns) / side as f32);
    let (from, contrast) = (dice.range(0.0, 1.0), dice.range(0.0, 0.8));
    Texture::from_fn(side, |x, y| {
        opaque(shade(colours, from + contrast * (x as f32 * c + y as f32 * s)))
    })
}

/// Uneven brightness and grain over another surface.
fn weathered(dice: &mut Dice, texture: Texture) -> Texture {
    let side = texture.side();
    let cells = dice.count(2, 6);
    let field = clouds(dice, side, cells, 0.7);
    let (depth, grain) = (dice.range(0.1, 0.6), dice.range(0.0, 0.12));
    Texture::from_fn(side, |x, y| {
        let light = 1.0 + depth * (field[y * side + x] - 0.5) + dice.spread(grain);
        let [r, g, b, a] = texture.texel(x, y);
        [(r * light).min(1.0), (g * light).min(1.0), (b * light).min(1.0), a]
    })
}

/// Paints a figure in units of the tile over a plain ground.
fn paint_tile(side: usize, ground: [f32; 3], figure: &Figure) -> Texture {
    let window = Window::of(side, side);
    let mut canvas = Canvas::clear(window);
    canvas.pixels.fill(opaque(ground));
    let map = Affine::scale(side as f32, side as f32);
    figure.paint(map, 0.0, &mut canvas, &mut Rasterizer::default());
    Texture::from_canvas(&canvas, side)
}
