//! What figures and backgrounds of one scene are painted with: the same for both.
use std::sync::Arc;

use super::dice::Dice;
use super::figure::Light;
use super::figure::Part;
use super::figure::Skin;
use super::figure::Swing;
use super::hair::Coat;
use super::hair::grow;
use super::pattern::palette;
use super::pattern::shade;
use super::plane::Affine;
use super::plane::Point;
use super::shape::Contour;
use super::texture::Texture;

/// A scene's textures and its light.
#[derive(Debug, Clone)]
pub(super) struct Wardrobe {
    pub textures: Vec<Arc<Texture>>,
    /// Where light comes from, and how strong it is there.
    pub toward: Point,
    /// Multiplies the colours of all that it falls on.
    pub colour: [f32; 3],
    /// A colour that cloths should stand out from.
    pub against: Option<[f32; 3]>,
    /// How many strands a coat may have, at most.
    pub hairs: usize,
}

/// A texture in one tint and scale: several parts may wear the same.
#[derive(Debug, Clone)]
pub(super) struct Cloth {
    texture: Arc<Texture>,
    map: Affine,
    tint: [f32; 3],
    falloff: f32,
}

impl Wardrobe {
    /// Any of the textures, in a tint, size and turn of its own; mostly unlike `against`.
    pub fn cloth(&self, dice: &mut Dice) -> Cloth {
        let mut cloth = self.any_cloth(dice);
        for _ in 0..4 {
            let contrast = |other: &[f32; 3]| -> f32 {
                let mean = cloth.texture.mean();
                (0..3).map(|c| (mean[c] * cloth.tint[c] - other[c]).abs()).sum()
            };
            if self.against.as_ref().is_none_or(|other| contrast(other) > 0.45) {
                break;
            }
            cloth = self.any_cloth(dice);
        }
        cloth
    }

    fn any_cloth(&self, dice: &mut Dice) -> Cloth {
        let texture = self.textures[dice.index(self.textures.len())].clone();
        // A figure is two units wide and shows a third of the tile, or all of it.
        let scale = 0.5 * texture.side() as f32 * dice.range(0.35, 1.0);
        let map = Affine::turn(dice.range(0.0, 1.0))
            .then(Affine::scale(scale, scale))
            .then(Affine::shift([0.0; 2].map(|_: f32| dice.range(0.0, 4.0 * scale))));
        let bright = dice.range(0.6, 1.35);
        let colours = palette(dice);
        let dyed = dice.chance(0.35);
        let tint = shade(&colours, 0.8).map(|v| if dyed { 1.6 * v } else { 1.0 });
        let tint = std::array::from_fn(|c| bright * tint[c] * self.colour[c]);
        Cloth { texture, map, tint, falloff: dice.range(0.0, 0.35) }
    }

    /// One colour, under the scene's light.
    pub fn plain(&self, tint: [f32; 3]) -> Cloth {
        let texture = Arc::new(Texture::white());
        let tint = std::array::from_fn(|c| tint[c] * self.colour[c]);
        Cloth { texture, map: Affine::IDENTITY, tint, falloff: 0.2 }
    }

    /// A part in a cloth, lit as if it were round.
    pub fn part(&self, contours: Vec<Contour>, cloth: &Cloth) -> Part {
        let points = contours.iter().flatten();
        let n = contours.iter().flatten().count().max(1) as f32;
        let centre = [0, 1].map(|axis| points.clone().map(|p| p[axis]).sum::<f32>() / n);
        let reach = |p: &Point| (p[0] - centre[0]).abs().max((p[1] - centre[1]).abs());
        let radius = points.map(reach).fold(0.01, f32::max);
        let light = Light { centre, radius, toward: self.toward, falloff: cloth.falloff };
        let Cloth { texture, map, tint, .. } = cloth.clone();
        let skin = Skin { texture, map, tint, opacity: 1.0, light };
        Part { contours, skin, strands: Vec::new(), swing: Swing::default() }
    }

    /// Gives a part a coat of hair in its own colours.
    pub fn dress(&self, part: &mut Part, coat: &Coat, dice: &mut Dice) {
        let coat = Coat { count: coat.count.min(self.hairs), ..coat.clone() };
        let skin = part.skin.clone();
        if let Some(outer) = part.contours.first() {
            part.strands = grow(outer, &coat, dice, |p| {
                let [r, g, b, _] = skin.at(p);
                [r, g, b]
            });
        }
    }

    /// A coat for a figure about two units wide.
    pub fn coat(&self, dice: &mut Dice) -> Coat {
        Coat {
            count: dice.count(self.hairs / 4, self.hairs),
            length: dice.ratio(0.06, 0.3),
            width: dice.range(0.008, 0.024),
            comb: [dice.spread(0.6), dice.range(-0.2, 0.8)],
            mess: dice.range(0.1, 0.8),
            sway: dice.range(0.0, 0.2),
            depth: dice.range(0.1, 0.6),
        }
    }
}
