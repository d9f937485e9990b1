//! Strands: tapered, bent and waving, for fur, hair, feathers and grass.
use super::canvas::Canvas;
use super::canvas::over;
use super::dice::Dice;
use super::plane::Affine;
use super::plane::Point;
use super::plane::length;
use super::plane::mix;
use super::plane::sine;
use super::raster::Rasterizer;
use super::raster::Window;
use super::shape::Contour;

/// One hair in its object's units.
#[derive(Debug, Clone)]
pub(super) struct Strand {
    pub root: Point,
    /// From the root to where the tip would be without bend.
    pub along: Point,
    /// Sideways shift of the tip, in lengths.
    pub bend: f32,
    /// Width at the root; the tip has none.
    pub width: f32,
    /// How far the wind moves the tip, in lengths.
    pub sway: f32,
    /// Where in the wind's swing it is, in turns.
    pub phase: f32,
    /// Straight colour and opacity.
    pub colour: [f32; 4],
}

impl Strand {
    /// The outline at a time in seconds: up one side of a parabola, down the other.
    fn outline(&self, seconds: f32, steps: usize, out: &mut Contour) {
        let wind = sine(0.55 * seconds + self.phase) + 0.4 * sine(1.3 * seconds + 2.0 * self.phase);
        let bend = self.bend + self.sway * wind;
        let [ax, ay] = self.along;
        let n = 1.0 / length(self.along).max(1e-6);
        let at = |t: f32, side: f32| {
            // The normal of the straight strand is near enough for a thin one.
            let across = bend * t * t + side * 0.5 * self.width * (1.0 - t * t) * n;
            [self.root[0] + ax * t - ay * across, self.root[1] + ay * t + ax * across]
        };
        out.clear();
        out.extend((0..=steps).map(|i| at(i as f32 / steps as f32, 1.0)));
        out.extend((0..steps).rev().map(|i| at(i as f32 / steps as f32, -1.0)));
    }
}

/// Paints strands in order, each over those before.
pub(super) fn paint_strands(
    strands: &[Strand],
    map: Affine,
    seconds: f32,
    canvas: &mut Canvas,
    rasterizer: &mut Rasterizer,
) {
    let mut outline = [Contour::new()];
    let growth = map.growth();
    for strand in strands {
        let steps = (length(strand.along) * growth * 0.15) as usize;
        strand.outline(seconds, steps.clamp(2, 6), &mut outline[0]);
        let Some(window) = rasterizer.fill(&outline, map, &canvas.window) else { continue };
        cover(strand.colour, &window, canvas, rasterizer);
    }
}

/// Puts one colour over a window by the rasterizer's coverage.
fn cover(colour: [f32; 4], window: &Window, canvas: &mut Canvas, rasterizer: &Rasterizer) {
    let [r, g, b, opacity] = colour;
    for y in 0..window.height {
        let (first, covered) = rasterizer.row(y);
        let row = canvas.row_mut(window.top + y as i32, window.left, window.width);
        for (pixel, covered) in row[first..].iter_mut().zip(covered) {
            let a = covered * opacity;
            *pixel = over([r * a, g * a, b * a, a], *pixel);
        }
    }
}

/// What a coat of fur looks like.
#[derive(Debug, Clone)]
pub(super) struct Coat {
    /// Strands around the whole contour.
    pub count: usize,
    /// In the object's units; each strand's own varies by a third.
    pub length: f32,
    pub width: f32,
    /// Added to every direction, in lengths: where gravity or a comb pulls.
    pub comb: Point,
    /// 0 lies in order, 1 is tousled.
    pub mess: f32,
    pub sway: f32,
    /// How far inside the contour roots go, 0..=1 of the way to its centre.
    pub depth: f32,
}

/// Grows a coat outward from a contour; `colour` gives the skin's colour at a point.
pub(super) fn grow(
    contour: &[Point],
    coat: &Coat,
    dice: &mut Dice,
    colour: impl Fn(Point) -> [f32; 3],
) -> Vec<Strand> {
    let n = contour.len() as f32;
    let centre = [0, 1].map(|axis| contour.iter().map(|p| p[axis]).sum::<f32>() / n);
    let mut strands: Vec<(f32, Strand)> = (0..coat.count)
        .map(|_| {
            let skin = edge_point(contour, dice);
            // The square root spreads roots evenly over the area.
            let inward = (1.0 - dice.range(0.0, 1.0).sqrt()) * coat.depth;
            let root = [0, 1].map(|axis| mix(skin[axis], centre[axis], inward));
            (inward, strand(root, centre, coat, colour(root), dice))
        })
        .collect();
    // Outer strands first, so that inner ones lie over their roots.
    strands.sort_by(|a, b| a.0.total_cmp(&b.0));
    strands.into_iter().map(|(_, strand)| strand).collect()
}

fn strand(root: Point, centre: Point, coat: &Coat, skin: [f32; 3], dice: &mut Dice) -> Strand {
    let out = [root[0] - centre[0], root[1] - centre[1]];
    let n = 1.0 / (length(out) + coat.length);
    let size = coat.length * dice.range(0.67, 1.33);
    let along =
        [0, 1].map(|axis| (out[axis] * n + coat.comb[axis] + dice.spread(coat.mess)) * size);
    let shade = dice.range(0.72, 1.28);
    let [r, g, b] = skin.map(|v| (v * shade).min(1.0));
    Strand {
        root,
        along,
        bend: dice.spread(0.5 * (0.3 + coat.mess)),
        width: coat.width * dice.range(0.6, 1.4),
        sway: coat.sway,
        // Neighbours swing nearly together.
        phase: 0.7 * root[0] + 0.2 * root[1] + dice.spread(0.12),
        colour: [r, g, b, dice.range(0.75, 1.0)],
    }
}

/// A random point of a contour.
fn edge_point(contour: &[Point], dice: &mut Dice) -> Point {
    let place = dice.range(0.0, contour.len() as f32);
    let i = (place as usize).min(contour.len() - 1);
    let (a, b) = (contour[i], contour[(i + 1) % contour.len()]);
    let t = place - i as f32;
    [mix(a[0], b[0], t), mix(a[1], b[1], t)]
}
