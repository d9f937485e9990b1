//! Where a token is: tables computed when the graph is built, constants in it.
use crate::onnx::{Scope, Weight};
use std::f32::consts::TAU;

const TEMPERATURE: f32 = 10000.0;

/// SAM2's `PositionEmbeddingSine` with `normalize`: (1, channels, h, w); half of the channels
/// tell y, half x. `first` is the first row's position, 1 in SAM2 and 0.5 in MCEM.
pub fn sine<'c>(s: &Scope<'c>, [channels, h, w]: [usize; 3], first: f32) -> Weight<'c> {
    let name = format!("sine_{channels}x{h}x{w}_from_{first}");
    s.constant(&name, &[1, channels, h, w], sine_table([channels, h, w], first))
}

fn sine_table([channels, h, w]: [usize; 3], first: f32) -> Vec<f32> {
    let half = channels / 2;
    let encode = |channel: usize, index: usize, size: usize| {
        let position = (index as f32 + first) / (size as f32 + 1e-6) * TAU;
        let exponent = (2 * (channel / 2)) as f32 / half as f32;
        let angle = position / TEMPERATURE.powf(exponent);
        if channel.is_multiple_of(2) { angle.sin() } else { angle.cos() }
    };
    let mut table = Vec::with_capacity(channels * h * w);
    for channel in 0..channels {
        for y in 0..h {
            table.extend((0..w).map(|x| match channel < half {
                true => encode(channel, y, h),
                false => encode(channel - half, x, w),
            }));
        }
    }
    table
}

/// SAM2's `PositionEmbeddingRandom` of a dense grid: (1, channels, h, w), of the checkpoint's
/// `positional_encoding_gaussian_matrix` (2, channels / 2) under `s`.
pub fn random_dense<'c>(s: &Scope<'c>, [channels, h, w]: [usize; 3]) -> Weight<'c> {
    let half = channels / 2;
    let matrix = s.weight("positional_encoding_gaussian_matrix", &[2, half]);
    matrix.map(&format!("dense {h}x{w}"), &[1, channels, h, w], move |m| {
        let centre = |i: usize, size: usize| 2.0 * ((i as f32 + 0.5) / size as f32) - 1.0;
        let mut table = Vec::with_capacity(channels * h * w);
        for channel in 0..channels {
            let (mx, my) = (m[channel % half], m[half + channel % half]);
            for y in 0..h {
                table.extend((0..w).map(|x| {
                    let angle = TAU * (centre(x, w) * mx + centre(y, h) * my);
                    if channel < half { angle.sin() } else { angle.cos() }
                }));
            }
        }
        table
    })
}

/// (1, C, H, W) resampled to (1, C, h, w) as PyTorch's `interpolate(mode="bicubic")` does it:
/// a = -0.75, half-pixel centres, edges repeated, no antialiasing.
pub fn bicubic<'c>(table: &Weight<'c>, [h, w]: [usize; 2]) -> Weight<'c> {
    let [_, c, from_h, from_w] = table.shape[..] else { return table.clone() };
    if [h, w] == [from_h, from_w] {
        return table.clone();
    }
    let (rows, columns) = (cubic_taps(from_h, h), cubic_taps(from_w, w));
    table.map(&format!("bicubic {h}x{w}"), &[1, c, h, w], move |v| {
        let sample = |plane: &[f32], y: usize, x: usize| -> f32 {
            let row = |&(iy, wy): &(usize, f32)| {
                let across = columns[x].iter().map(|&(ix, wx)| plane[iy * from_w + ix] * wx);
                wy * across.sum::<f32>()
            };
            rows[y].iter().map(row).sum()
        };
        let planes = v.chunks_exact(from_h * from_w);
        planes.flat_map(|p| (0..h * w).map(move |i| sample(p, i / w, i % w))).collect()
    })
}

/// For each of `to` samples, the four of `from` it is made of and their weights.
fn cubic_taps(from: usize, to: usize) -> Vec<[(usize, f32); 4]> {
    const A: f32 = -0.75;
    let near = |t: f32| ((A + 2.0) * t - (A + 3.0)) * t * t + 1.0;
    let far = |t: f32| ((A * t - 5.0 * A) * t + 8.0 * A) * t - 4.0 * A;
    let scale = from as f32 / to as f32;
    let taps = |i: usize| {
        let centre = (i as f32 + 0.5) * scale - 0.5;
        let (floor, t) = (centre.floor(), centre - centre.floor());
        let weights = [far(t + 1.0), near(t), near(1.0 - t), far(2.0 - t)];
        std::array::from_fn(|k| {
            let index = floor as isize - 1 + k as isize;
            (index.clamp(0, from as isize - 1) as usize, weights[k])
        })
    };
    (0..to).map(taps).collect()
}
