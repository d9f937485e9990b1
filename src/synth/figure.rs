//! Figures: what an object is made of, and painting it in a pose.
use std::sync::Arc;

use super::canvas::Canvas;
use super::canvas::Rgba;
use super::canvas::over;
use super::dice::Dice;
use super::hair::Strand;
use super::hair::paint_strands;
use super::plane::Affine;
use super::plane::Point;
use super::plane::sine;
use super::raster::Bounds;
use super::raster::Rasterizer;
use super::raster::Window;
use super::shape::Contour;
use super::texture::Texture;

/// Parts from back to front, in units of the object's half size; y is down.
#[derive(Debug, Clone, Default)]
pub(super) struct Figure {
    pub parts: Vec<Part>,
}

/// One piece of skin with the hair that grows on it.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// Outlines; a reversed one inside another is a hole.
    pub contours: Vec<Contour>,
    pub skin: Skin,
    /// Painted over the skin.
    pub strands: Vec<Strand>,
    pub swing: Swing,
}

/// How a part's surface looks.
#[derive(Debug, Clone)]
pub(super) struct Skin {
    pub texture: Arc<Texture>,
    /// Object's units to texels.
    pub map: Affine,
    /// Multiplies the texture's colour.
    pub tint: [f32; 3],
    pub opacity: f32,
    pub light: Light,
}

/// Brightness over a part, as if it were round.
#[derive(Debug, Clone, Copy)]
pub(super) struct Light {
    pub centre: Point,
    pub radius: f32,
    /// Where light comes from, and how strong it is there.
    pub toward: Point,
    /// Loss of brightness at the radius.
    pub falloff: f32,
}

/// A joint that swings to and fro.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Swing {
    pub pivot: Point,
    /// To each side, in turns.
    pub reach: f32,
    /// Swings a second.
    pub rate: f32,
    /// In turns.
    pub phase: f32,
}

impl Swing {
    fn at(&self, seconds: f32) -> Affine {
        if self.reach == 0.0 {
            return Affine::IDENTITY;
        }
        let turns = self.reach * sine(self.rate * seconds + self.phase);
        Affine::shift(self.pivot.map(|v| -v))
            .then(Affine::turn(turns))
            .then(Affine::shift(self.pivot))
    }
}

impl Skin {
    /// Straight colour and coverage at a point in the object's units.
    pub fn at(&self, p: Point) -> Rgba {
        let [u, v] = self.map.map(p);
        let texel = self.texture.sample(u, v);
        let lit = self.light.at(p);
        std::array::from_fn(|c| match c {
            3 => texel[3],
            _ => (texel[c] * self.tint[c] * lit).min(texel[3]),
        })
    }
}

impl Part {
    /// One colour everywhere, without light or motion; `white` is a texture to share.
    pub fn plain(white: &Arc<Texture>, contour: Contour, tint: [f32; 3]) -> Self {
        let (texture, map) = (white.clone(), Affine::IDENTITY);
        let skin = Skin { texture, map, tint, opacity: 1.0, light: Light::FLAT };
        Part { contours: vec![contour], skin, strands: Vec::new(), swing: Swing::default() }
    }
}

impl Light {
    /// Even light.
    pub const FLAT: Light = Light { centre: [0.0; 2], radius: 1.0, toward: [0.0; 2], falloff: 0.0 };

    fn at(&self, p: Point) -> f32 {
        let n = 1.0 / self.radius;
        let [x, y] = [(p[0] - self.centre[0]) * n, (p[1] - self.centre[1]) * n];
        let round = (x * x + y * y).min(2.0);
        (1.0 + x * self.toward[0] + y * self.toward[1] - self.falloff * round).max(0.1)
    }
}

impl Figure {
    /// With a smaller figure that it holds, rides or stands by.
    pub fn joined(mut self, other: Figure, dice: &mut Dice) -> Self {
        let size = dice.range(0.3, 0.6);
        let place = Affine::scale(size, size)
            .then(Affine::shift([dice.spread(0.9), dice.range(-0.2, 0.9 - 0.5 * size)]));
        let other = other.moved(place, size);
        if dice.chance(0.5) {
            self.parts.extend(other.parts);
        } else {
            self.parts.splice(0..0, other.parts);
        }
        self.fitted()
    }

    /// Moved and scaled so that it is two units wide or high, and centred.
    pub fn fitted(self) -> Self {
        let mut bounds = Bounds::NONE;
        let points = self.parts.iter().flat_map(|part| part.contours.iter().flatten());
        points.for_each(|p| bounds.add(*p));
        let (centre, half) = bounds.centre_and_half();
        let scale = 1.0 / half.max(1e-3);
        self.moved(Affine::shift(centre.map(|v| -v)).then(Affine::scale(scale, scale)), scale)
    }

    /// After a map that scales by `scale` and neither turns nor mirrors.
    fn moved(mut self, map: Affine, scale: f32) -> Self {
        let back = map.inverse();
        for part in &mut self.parts {
            part.contours.iter_mut().flatten().for_each(|p| *p = map.map(*p));
            for strand in &mut part.strands {
                strand.root = map.map(strand.root);
                strand.along = strand.along.map(|v| v * scale);
                strand.width *= scale;
            }
            part.swing.pivot = map.map(part.swing.pivot);
            part.skin.map = back.then(part.skin.map);
            part.skin.light.centre = map.map(part.skin.light.centre);
            part.skin.light.radius *= scale;
        }
        self
    }

    /// The pixels that the figure may touch.
    pub fn window(&self, map: Affine, seconds: f32) -> Window {
        let mut bounds = Bounds::NONE;
        for part in &self.parts {
            let map = part.swing.at(seconds).then(map);
            part.contours.iter().flatten().for_each(|p| bounds.add(map.map(*p)));
            for strand in &part.strands {
                let tip = [0, 1].map(|axis| strand.root[axis] + strand.along[axis]);
                // Bend and sway move the tip sideways by about a length at most.
                let [x, y] = strand.along;
                bounds.add(map.map(strand.root));
                bounds.add(map.map([tip[0] - y, tip[1] + x]));
                bounds.add(map.map([tip[0] + y, tip[1] - x]));
            }
        }
        bounds.window()
    }

    /// Paints all parts; `map` takes the object's units to pixels.
    pub fn paint(
        &self,
        map: Affine,
        seconds: f32,
        canvas: &mut Canvas,
        rasterizer: &mut Rasterizer,
    ) {
        for part in &self.parts {
            let map = part.swing.at(seconds).then(map);
            if let Some(window) = rasterizer.fill(&part.contours, map, &canvas.window) {
                paint_skin(&part.skin, map, &window, canvas, rasterizer);
            }
            paint_strands(&part.strands, map, seconds, canvas, rasterizer);
        }
    }
}

/// Swings a part about a point; not all figures move.
pub(super) fn swung(mut part: Part, pivot: Point, reach: f32, dice: &mut Dice) -> Part {
    let rate = dice.range(0.5, 2.0);
    part.swing = Swing { pivot, reach: dice.range(0.0, reach), rate, phase: dice.range(0.0, 1.0) };
    part
}

fn paint_skin(
    skin: &Skin,
    map: Affine,
    window: &Window,
    canvas: &mut Canvas,
    rasterizer: &Rasterizer,
) {
    let back = map.inverse();
    for y in 0..window.height {
        let (first, covered) = rasterizer.row(y);
        let row = canvas.row_mut(window.top + y as i32, window.left, window.width);
        let py = window.top as f32 + y as f32 + 0.5;
        for (x, (pixel, covered)) in (first..).zip(row[first..].iter_mut().zip(covered)) {
            if *covered > 0.0 {
                let p = back.map([window.left as f32 + x as f32 + 0.5, py]);
                let a = covered * skin.opacity;
                *pixel = over(skin.at(p).map(|v| v * a), *pixel);
            }
        }
    }
}
