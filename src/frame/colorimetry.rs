//! What samples mean: the matrix and range of Y'CbCr as an affine map of sample triples.

/// The matrix between RGB and Y'CbCr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Matrix {
    Bt601,
    Bt709,
    Bt2020,
}

impl Matrix {
    /// `(Kr, Kb)` of ITU-R BT.601, BT.709 and BT.2020.
    fn luma_weights(self) -> (f64, f64) {
        match self {
            Self::Bt601 => (0.299, 0.114),
            Self::Bt709 => (0.2126, 0.0722),
            Self::Bt2020 => (0.2627, 0.0593),
        }
    }
}

/// How samples become R'G'B' in 0..=1. Ignored for RGB formats, but for `full_range` of GRAY8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Colorimetry {
    /// Which luma coefficients.
    pub matrix: Matrix,
    /// 0..=255 where true, 16..=235 (luma) and 16..=240 (chroma) otherwise.
    pub full_range: bool,
}

/// `out = m * in + k` on triples of samples: R'G'B' in 0..=255, or Y'CbCr in code values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Affine {
    m: [[f64; 3]; 3],
    k: [f64; 3],
}

impl Affine {
    pub(super) const IDENTITY: Self =
        Self { m: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], k: [0.0; 3] };

    /// Y'CbCr of `depth` bits to R'G'B' in 0..=255; chroma comes multiplied by `chroma_scale`.
    pub(super) fn to_rgb(colorimetry: Colorimetry, depth: u32, chroma_scale: f64) -> Self {
        let (kr, kb) = colorimetry.matrix.luma_weights();
        let kg = 1.0 - kr - kb;
        let codes = Codes::new(colorimetry.full_range, depth);
        let y = 255.0 / codes.luma_range;
        let c = 255.0 / (codes.chroma_range * chroma_scale);
        let (red_v, blue_u) = (2.0 * (1.0 - kr), 2.0 * (1.0 - kb));
        let m = [
            [y, 0.0, c * red_v],
            [y, -c * blue_u * kb / kg, -c * red_v * kr / kg],
            [y, c * blue_u, 0.0],
        ];
        let centre = codes.chroma_centre * chroma_scale;
        let k = m.map(|[y, u, v]| -y * codes.black - (u + v) * centre);
        Self { m, k }
    }

    /// R'G'B' in 0..=255 to 8-bit Y'CbCr.
    pub(super) fn from_rgb(colorimetry: Colorimetry) -> Self {
        let (kr, kb) = colorimetry.matrix.luma_weights();
        let luma = [kr, 1.0 - kr - kb, kb];
        let codes = Codes::new(colorimetry.full_range, 8);
        let row = |from: [f64; 3], scale: f64| from.map(|w| w * scale / 255.0);
        let difference = |colour: usize, weight: f64| {
            let of = [0, 1, 2].map(|i| f64::from(u8::from(i == colour)) - luma[i]);
            row(of, codes.chroma_range / (2.0 * (1.0 - weight)))
        };
        let m = [row(luma, codes.luma_range), difference(2, kb), difference(0, kr)];
        Self { m, k: [codes.black, codes.chroma_centre, codes.chroma_centre] }
    }

    /// First `self`, then `next`, with no clipping in between.
    pub(super) fn then(&self, next: &Self) -> Self {
        let mut m = [[0.0; 3]; 3];
        let mut k = next.k;
        for i in 0..3 {
            for j in 0..3 {
                m[i][j] = (0..3).map(|n| next.m[i][n] * self.m[n][j]).sum();
                k[i] += next.m[i][j] * self.k[j];
            }
        }
        Self { m, k }
    }

    /// Y'CbCr of one range and depth to 8 bits of another, in the same matrix.
    pub(super) fn requantise(from: bool, depth: u32, chroma_scale: f64, to: bool) -> Self {
        let (from, to) = (Codes::new(from, depth), Codes::new(to, 8));
        let y = to.luma_range / from.luma_range;
        let c = to.chroma_range / from.chroma_range;
        let centre = to.chroma_centre - c * from.chroma_centre;
        let c = c / chroma_scale;
        let m = [[y, 0.0, 0.0], [0.0, c, 0.0], [0.0, 0.0, c]];
        Self { m, k: [to.black - y * from.black, centre, centre] }
    }

    /// The weights and the constant of one output.
    pub(super) fn output(&self, i: usize) -> ([f32; 3], f32) {
        (self.m[i].map(|w| w as f32), self.k[i] as f32)
    }

    /// One 8-bit triple.
    pub(super) fn apply(&self, from: [u8; 3]) -> [u8; 3] {
        [0, 1, 2].map(|i| {
            let sum: f64 = (0..3).map(|j| self.m[i][j] * f64::from(from[j])).sum();
            (sum + self.k[i]).round() as u8
        })
    }
}

/// Which code values stand for black, white and no colour.
struct Codes {
    black: f64,
    luma_range: f64,
    chroma_centre: f64,
    chroma_range: f64,
}

impl Codes {
    fn new(full_range: bool, depth: u32) -> Self {
        let step = f64::from(1u32 << (depth - 8));
        let chroma_centre = 128.0 * step;
        if full_range {
            let range = 256.0 * step - 1.0;
            return Self { black: 0.0, luma_range: range, chroma_centre, chroma_range: range };
        }
        let (luma_range, chroma_range) = (219.0 * step, 224.0 * step);
        Self { black: 16.0 * step, luma_range, chroma_centre, chroma_range }
    }
}
