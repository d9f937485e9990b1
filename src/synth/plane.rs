//! Points, and the affine maps that move them.

/// x to the right, y down.
pub(super) type Point = [f32; 2];

/// Sine of an angle in turns, to 0.1 %.
///
/// Made of exact operations: the standard library's differs in its last bits between platforms.
pub(super) fn sine(turns: f32) -> f32 {
    // To the nearest whole turn; `floor` would be a call on older machines.
    let x = turns - (turns + if turns < 0.0 { -0.5 } else { 0.5 }) as i32 as f32;
    let y = 8.0 * x - 16.0 * x * x.abs();
    y + 0.225 * (y * y.abs() - y)
}

/// Cosine of an angle in turns; see [`sine`].
pub(super) fn cosine(turns: f32) -> f32 {
    sine(turns + 0.25)
}

/// From `a` at 0 to `b` at 1.
pub(super) fn mix(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}

/// 0 below `low`, 1 above `high`, smooth between.
pub(super) fn smoothstep(low: f32, high: f32, x: f32) -> f32 {
    let t = ((x - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// Length of a vector.
pub(super) fn length(v: Point) -> f32 {
    (v[0] * v[0] + v[1] * v[1]).sqrt()
}

/// `x' = xx x + xy y + x0`, `y' = yx x + yy y + y0`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Affine {
    pub xx: f32,
    pub xy: f32,
    pub x0: f32,
    pub yx: f32,
    pub yy: f32,
    pub y0: f32,
}

impl Affine {
    pub const IDENTITY: Affine = Affine { xx: 1.0, xy: 0.0, x0: 0.0, yx: 0.0, yy: 1.0, y0: 0.0 };

    pub fn scale(x: f32, y: f32) -> Self {
        Affine { xx: x, yy: y, ..Self::IDENTITY }
    }

    pub fn shift(by: Point) -> Self {
        Affine { x0: by[0], y0: by[1], ..Self::IDENTITY }
    }

    pub fn turn(turns: f32) -> Self {
        let (s, c) = (sine(turns), cosine(turns));
        // The sine is approximate: dividing by the length keeps a turn from changing sizes.
        let n = 1.0 / length([s, c]);
        Affine { xx: c * n, xy: -s * n, yx: s * n, yy: c * n, ..Self::IDENTITY }
    }

    /// First `self`, then `next`.
    pub fn then(self, next: Affine) -> Self {
        let [x0, y0] = next.map([self.x0, self.y0]);
        Affine {
            xx: next.xx * self.xx + next.xy * self.yx,
            xy: next.xx * self.xy + next.xy * self.yy,
            x0,
            yx: next.yx * self.xx + next.yy * self.yx,
            yy: next.yx * self.xy + next.yy * self.yy,
            y0,
        }
    }

    pub fn map(self, p: Point) -> Point {
        [self.xx * p[0] + self.xy * p[1] + self.x0, self.yx * p[0] + self.yy * p[1] + self.y0]
    }

    /// The way back; maps everything to one point when there is none.
    pub fn inverse(self) -> Self {
        let determinant = self.xx * self.yy - self.xy * self.yx;
        let n = if determinant == 0.0 { 0.0 } else { 1.0 / determinant };
        let turned = Affine {
            xx: self.yy * n,
            xy: -self.xy * n,
            x0: 0.0,
            yx: -self.yx * n,
            yy: self.xx * n,
            y0: 0.0,
        };
        let [x0, y0] = turned.map([-self.x0, -self.y0]);
        Affine { x0, y0, ..turned }
    }

    /// How many times longer lines get, on average over directions.
    pub fn growth(self) -> f32 {
        (self.xx * self.yy - self.xy * self.yx).abs().sqrt()
    }
}
