//! What the frame code should give, slowly, in f64, from the definitions.
use crate::pictures::{Picture, packed_offsets};
use gstmgdsam2::frame::{Colorimetry, Matrix, PixelFormat};

/// `(Kr, Kb)`.
fn luma_weights(matrix: Matrix) -> (f64, f64) {
    match matrix {
        Matrix::Bt601 => (0.299, 0.114),
        Matrix::Bt709 => (0.2126, 0.0722),
        Matrix::Bt2020 => (0.2627, 0.0593),
    }
}

/// Y' in 0..=1 and Cb, Cr in -0.5..=0.5 from code values of `bits`.
fn normalise([y, u, v]: [f64; 3], full_range: bool, bits: i32) -> [f64; 3] {
    let step = 2f64.powi(bits - 8);
    if full_range {
        let white = 2f64.powi(bits) - 1.0;
        return [y / white, (u - 128.0 * step) / white, (v - 128.0 * step) / white];
    }
    let chroma = |c: f64| (c / step - 128.0) / 224.0;
    [(y / step - 16.0) / 219.0, chroma(u), chroma(v)]
}

/// R'G'B' in 0..=1, not clipped.
fn rgb_from_yuv([y, u, v]: [f64; 3], matrix: Matrix) -> [f64; 3] {
    let (kr, kb) = luma_weights(matrix);
    let red = y + 2.0 * (1.0 - kr) * v;
    let blue = y + 2.0 * (1.0 - kb) * u;
    [red, (y - kr * red - kb * blue) / (1.0 - kr - kb), blue]
}

/// 8-bit code values, not rounded, of R'G'B' in 0..=1.
pub fn yuv_from_rgb([r, g, b]: [f64; 3], colorimetry: Colorimetry) -> [f64; 3] {
    let (kr, kb) = luma_weights(colorimetry.matrix);
    let y = kr * r + (1.0 - kr - kb) * g + kb * b;
    let (u, v) = ((b - y) / (2.0 * (1.0 - kb)), (r - y) / (2.0 * (1.0 - kr)));
    match colorimetry.full_range {
        true => [255.0 * y, 128.0 + 255.0 * u, 128.0 + 255.0 * v],
        false => [16.0 + 219.0 * y, 128.0 + 224.0 * u, 128.0 + 224.0 * v],
    }
}

/// The colour of a pixel: R'G'B' in 0..=1, not clipped; chroma enlarged linearly, from samples on
/// the even columns and between the rows.
pub fn rgb_at(picture: &Picture, x: usize, y: usize) -> [f64; 3] {
    use PixelFormat::*;
    let bits = if picture.format == P010Le { 10 } else { 8 };
    let Colorimetry { matrix, full_range } = picture.colorimetry;
    let codes = match picture.format {
        Gray8 => {
            let luma = f64::from(picture.at(0, x, y));
            return [normalise([luma, 0.0, 0.0], full_range, 8)[0]; 3];
        }
        Nv12 | I420 | Yv12 | A420 => {
            let [u, v] = chroma_at(picture, x, y);
            [f64::from(picture.at(0, x, y)), u, v]
        }
        P010Le => {
            let [u, v] = chroma_at(picture, x, y);
            [f64::from(picture.ten_bits(0, x, y)), u, v]
        }
        packed => {
            let ([r, g, b, _], bytes) = packed_offsets(packed);
            let codes = [r, g, b].map(|i| f64::from(picture.at(0, x * bytes + i, y)));
            if packed != Ayuv {
                return codes.map(|code| code / 255.0);
            }
            codes
        }
    };
    rgb_from_yuv(normalise(codes, full_range, bits), matrix)
}

fn chroma_at(picture: &Picture, x: usize, y: usize) -> [f64; 2] {
    let (columns, rows) = (picture.width.div_ceil(2), picture.height.div_ceil(2));
    let across = (x as f64 / 2.0).min((columns - 1) as f64);
    let down = ((y as f64 - 0.5) / 2.0).clamp(0.0, (rows - 1) as f64);
    let (left, top) = (across as usize, down as usize);
    let (right, bottom) = ((left + 1).min(columns - 1), (top + 1).min(rows - 1));
    let mix = |a: f64, b: f64, at: f64| a + (b - a) * at.fract();
    [0, 1].map(|i| {
        let row = |y| mix(picture.chroma(left, y)[i], picture.chroma(right, y)[i], across);
        mix(row(top), row(bottom), down)
    })
}

/// BT.709's luma of a colour in 0..=1, clamped.
pub fn guidance([r, g, b]: [f64; 3]) -> f64 {
    (0.2126 * r + 0.7152 * g + 0.0722 * b).clamp(0.0, 1.0)
}

/// Saturates where 8 bits do.
pub fn sigmoid(logit: f32) -> f64 {
    match 1.0 / (1.0 + (-f64::from(logit)).exp()) {
        alpha if alpha * 255.0 > 254.5 => 1.0,
        alpha if alpha * 255.0 < 0.5 => 0.0,
        alpha => alpha,
    }
}

/// A square plane, to be looked at bilinearly.
pub struct Square {
    pub side: usize,
    pub values: Vec<f64>,
}

impl Square {
    /// At the centre of pixel `(x, y)` of a picture of `size`.
    pub fn at(&self, (x, y): (usize, usize), size: (usize, usize)) -> f64 {
        let last = self.side - 1;
        let place = |at: usize, of: usize| {
            ((at as f64 + 0.5) * self.side as f64 / of as f64 - 0.5).clamp(0.0, last as f64)
        };
        let (x, y) = (place(x, size.0), place(y, size.1));
        let (left, top) = (x as usize, y as usize);
        let row = |y: usize| {
            let value = |x: usize| self.values[y * self.side + x];
            value(left) + (value((left + 1).min(last)) - value(left)) * x.fract()
        };
        row(top) + (row((top + 1).min(last)) - row(top)) * y.fract()
    }
}

/// The guided filter's slope and offset, from `image` (side, side, 3) and `logits`.
pub fn coefficients(image: &[u8], logits: &[f32], side: usize) -> (Square, Square) {
    let colour = |i: usize| [0, 1, 2].map(|c| f64::from(image[3 * i + c]) / 255.0);
    let luma: Vec<f64> = (0..side * side).map(|i| guidance(colour(i))).collect();
    let alpha: Vec<f64> = logits.iter().map(|&l| sigmoid(l)).collect();
    let cell = [4, 2, 1].into_iter().find(|cell| side.is_multiple_of(*cell)).unwrap();
    let grid = side / cell;
    let raw: Vec<f64> = neighbourhoods(grid)
        .map(|cells| {
            let pixels: Vec<usize> = cells
                .iter()
                .flat_map(|&(x, y)| {
                    let row = move |y| (x * cell..(x + 1) * cell).map(move |x| y * side + x);
                    (y * cell..(y + 1) * cell).flat_map(row)
                })
                .collect();
            let mean = |of: &dyn Fn(usize) -> f64| {
                pixels.iter().map(|&i| of(i)).sum::<f64>() / pixels.len() as f64
            };
            let (l, a) = (mean(&|i| luma[i]), mean(&|i| alpha[i]));
            mean(&|i| (luma[i] - l) * (alpha[i] - a)) / (mean(&|i| (luma[i] - l).powi(2)) + 1e-3)
        })
        .collect();
    let mean = |cells: Vec<(usize, usize)>| {
        cells.iter().map(|(x, y)| raw[y * grid + x]).sum::<f64>() / cells.len() as f64
    };
    let slope = Square { side: grid, values: neighbourhoods(grid).map(mean).collect() };
    let offset = |i: usize| alpha[i] - slope.at((i % side, i / side), (side, side)) * luma[i];
    let offset = Square { side, values: (0..side * side).map(offset).collect() };
    (slope, offset)
}

/// Of every cell in order: the cells at most one away.
fn neighbourhoods(grid: usize) -> impl Iterator<Item = Vec<(usize, usize)>> {
    let near = move |a: usize| a.saturating_sub(1)..(a + 2).min(grid);
    (0..grid * grid)
        .map(move |i| near(i / grid).flat_map(|y| near(i % grid).map(move |x| (x, y))).collect())
}
