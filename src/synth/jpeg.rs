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

/// Rounds a picture as JPEG does, with steps from `step` on (in 1/255) that grow with frequency.
pub(super) fn compress(rgb: &mut [u8], width: usize, height: usize, step: f32) {
    let basis = basis();
    let (across, down) = (width.div_ceil(2), height.div_ceil(2));
    let mut luma = vec![0.0; width * height];
    let mut blue = vec![0.0; across * down];
    let mut red = vec![0.0; across * down];
    for (i, pixel) in rgb.chunks_exact(3).enumerate() {
        let [r, g, b] = [0, 1, 2].map(|c| f32::from(pixel[c]));
        let y = 0.299 * r + 0.587 * g + 0.114 * b;
        luma[i] = y;
        // At an odd end fewer pixels share a cell: the sum is then divided by less.
        let (x, row) = (i % width, i / width);
        let share = if x + 1 == width && width % 2 == 1 { 0.5 } else { 0.25 }
            * if row + 1 == height && height % 2 == 1 { 2.0 } else { 1.0 };
        let cell = row / 2 * across + x / 2;
        blue[cell] += share * (b - y);
        red[cell] += share * (r - y);
    }
    round_plane(&mut luma, width, height, 0.5 * step, &basis);
    round_plane(&mut blue, across, down, step, &basis);
    round_plane(&mut red, across, down, step, &basis);
    for (i, pixel) in rgb.chunks_exact_mut(3).enumerate() {
        let cell = i / width / 2 * across + i % width / 2;
        let (y, b, r) = (luma[i], blue[cell], red[cell]);
        let green = y - (0.299 * r + 0.114 * b) / 0.587;
        for (c, v) in pixel.iter_mut().zip([y + r, green, y + b]) {
            *c = (v + 0.5) as u8;
        }
    }
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
