//! JPEG's losses: blocks of cosines, rounded; colours at half size.

/// A block's side.
const N: usize = 8;
type Block = [[f32; N]; N];

/// cos(k pi / 16) for k = 0..8, halved: the basis' values (k = 0 counts by 1/sqrt 2).
const COSINES: [f32; 9] = [
    0.5,
    0.490_392_64,
    0.461_939_77,
    0.415_734_8,
    0.353_553_39,
    0.277_785_12,
    0.191_341_72,
    0.097_545_16,
    0.0,
];

/// Brightness, and what blue and red differ from it at half size.
struct Planes {
    luma: Vec<f32>,
    blue: Vec<f32>,
    red: Vec<f32>,
}

/// Rounds a picture as JPEG does, with steps from `step` on (in 1/255) that grow with frequency.
pub(super) fn compress(rgb: &mut [u8], width: usize, height: usize, step: f32) {
    if rgb.is_empty() {
        return;
    }
    let basis = basis();
    let (across, down) = (width.div_ceil(2), height.div_ceil(2));
    let mut planes = split(rgb, width, height);
    round_plane(&mut planes.luma, width, height, 0.5 * step, &basis);
    round_plane(&mut planes.blue, across, down, step, &basis);
    round_plane(&mut planes.red, across, down, step, &basis);
    let rows = rgb.chunks_exact_mut(3 * width).zip(planes.luma.chunks_exact(width));
    for (y, (row, luma)) in rows.enumerate() {
        let blue = &planes.blue[y / 2 * across..][..across];
        let red = &planes.red[y / 2 * across..][..across];
        for (x, (pixel, luma)) in row.chunks_exact_mut(3).zip(luma).enumerate() {
            let (b, r) = (blue[x / 2], red[x / 2]);
            let green = luma - (0.299 * r + 0.114 * b) / 0.587;
            for (c, v) in pixel.iter_mut().zip([luma + r, green, luma + b]) {
                *c = (v + 0.5) as u8;
            }
        }
    }
}

fn split(rgb: &[u8], width: usize, height: usize) -> Planes {
    let (across, down) = (width.div_ceil(2), height.div_ceil(2));
    let mut luma = Vec::with_capacity(width * height);
    let (mut blue, mut red) = (vec![0.0; across * down], vec![0.0; across * down]);
    for (y, row) in rgb.chunks_exact(3 * width).enumerate() {
        let blue = &mut blue[y / 2 * across..][..across];
        let red = &mut red[y / 2 * across..][..across];
        // At an odd end fewer pixels share a cell, and each counts for more.
        let lonely =
            |i: usize, count: usize| if i + 1 == count && count % 2 == 1 { 1.0 } else { 0.5 };
        let down_share = lonely(y, height);
        for (x, pixel) in row.chunks_exact(3).enumerate() {
            let [r, g, b] = [0, 1, 2].map(|c| f32::from(pixel[c]));
            let v = 0.299 * r + 0.587 * g + 0.114 * b;
            luma.push(v);
            let share = down_share * lonely(x, width);
            blue[x / 2] += share * (b - v);
            red[x / 2] += share * (r - v);
        }
    }
    Planes { luma, blue, red }
}

/// Row k holds the k-th cosine.
fn basis() -> Block {
    std::array::from_fn(|k| {
        std::array::from_fn(|x| {
            if k == 0 {
                return COSINES[4];
            }
            // The angle in sixteenths of pi, brought into the first quarter.
            let angle = (2 * x + 1) * k % 32;
            let folded = if angle > 16 { 32 - angle } else { angle };
            if folded > 8 { -COSINES[16 - folded] } else { COSINES[folded] }
        })
    })
}

fn round_plane(plane: &mut [f32], width: usize, height: usize, step: f32, basis: &Block) {
    for top in (0..height).step_by(N) {
        for left in (0..width).step_by(N) {
            // Blocks beyond the end repeat the last column and row.
            let mut block: Block = std::array::from_fn(|y| {
                let row = (top + y).min(height - 1) * width;
                std::array::from_fn(|x| plane[row + (left + x).min(width - 1)])
            });
            round_block(&mut block, step, basis);
            for (row, values) in plane[top * width..].chunks_mut(width).zip(&block) {
                let kept = N.min(width - left);
                row[left..left + kept].copy_from_slice(&values[..kept]);
            }
        }
    }
}

fn round_block(block: &mut Block, step: f32, basis: &Block) {
    let turned = transpose(basis);
    let mut waves = multiply(&multiply(basis, block), &turned);
    for (v, row) in waves.iter_mut().enumerate() {
        for (u, wave) in row.iter_mut().enumerate() {
            let step = step * (1.0 + 0.4 * (u + v) as f32);
            let steps = *wave / step;
            let half = if steps < 0.0 { -0.5 } else { 0.5 };
            *wave = (steps + half) as i32 as f32 * step;
        }
    }
    *block = multiply(&multiply(&turned, &waves), basis);
}

fn transpose(a: &Block) -> Block {
    std::array::from_fn(|y| std::array::from_fn(|x| a[x][y]))
}

fn multiply(a: &Block, b: &Block) -> Block {
    std::array::from_fn(|y| {
        let mut row = [0.0; N];
        for k in 0..N {
            for x in 0..N {
                row[x] += a[y][k] * b[k][x];
            }
        }
        row
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A slope with a line across, of an odd size.
    fn picture() -> Vec<u8> {
        let value = |x: usize, y: usize| if x == y { 250 } else { 40 + 3 * x as u8 + y as u8 };
        (0..19 * 13).flat_map(|i| [value(i % 19, i / 19); 3]).collect()
    }

    fn worst(step: f32) -> u8 {
        let mut rgb = picture();
        compress(&mut rgb, 19, 13, step);
        rgb.iter().zip(picture()).map(|(a, b)| a.abs_diff(b)).max().unwrap_or(0)
    }

    #[test]
    fn fine_steps_keep_a_grey_picture_and_coarse_ones_do_not() {
        assert!(worst(0.01) <= 1, "{}", worst(0.01));
        assert!(worst(40.0) > 10, "{}", worst(40.0));
    }

    #[test]
    fn a_plain_colour_stays() {
        let mut rgb = [200, 60, 30].repeat(11 * 9);
        compress(&mut rgb, 11, 9, 1.0);
        for (found, expected) in rgb.chunks_exact(3).flatten().zip([200u8, 60, 30].iter().cycle()) {
            assert!(found.abs_diff(*expected) <= 1, "{found}, expected {expected}");
        }
    }
}
