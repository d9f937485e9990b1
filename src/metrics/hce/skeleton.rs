//! Thinning of a mask to lines one pixel wide, as scikit-image's `skeletonize` does it: Zhang and
//! Suen's two passes (1984), with its own ruling on some neighbourhoods.
use crate::metrics::mask::Bits;
use crate::metrics::mask::Mask;
use crate::metrics::morphology::word_at;

/// A pixel may go in the first pass.
const FIRST: u8 = 1;
/// A pixel may go in the second pass.
const SECOND: u8 = 2;

/// Neighbourhoods where scikit-image's table departs from Zhang and Suen's rules, and the passes
/// in which it removes the pixel.
const EXCEPTIONS: [(u8, u8); 25] = [
    (3, 1),
    (6, 1),
    (10, 3),
    (11, 1),
    (12, 1),
    (14, 1),
    (24, 2),
    (26, 2),
    (40, 3),
    (48, 0),
    (56, 2),
    (96, 2),
    (104, 2),
    (108, 2),
    (129, 0),
    (130, 3),
    (131, 1),
    (134, 1),
    (160, 3),
    (161, 1),
    (176, 2),
    (192, 2),
    (194, 1),
    (198, 1),
    (224, 2),
];

/// The mask's skeleton.
pub(crate) fn skeletonize(mask: &Mask) -> Mask {
    let passes = passes();
    let mut skeleton = mask.clone();
    // Whether a row lost pixels in the last two passes: elsewhere nothing can go.
    let mut lost = [vec![true; mask.height()], vec![true; mask.height()]];
    while lost.iter().flatten().any(|&lost| lost) {
        for (i, pass) in [FIRST, SECOND].into_iter().enumerate() {
            let gone = removable(&skeleton, &passes, pass, &lost);
            lost[i].fill(false);
            for (x, y) in gone {
                skeleton.clear(x, y);
                lost[i][y] = true;
            }
        }
    }
    skeleton
}

fn removable(
    skeleton: &Mask,
    passes: &[u8; 256],
    pass: u8,
    lost: &[Vec<bool>; 2],
) -> Vec<(usize, usize)> {
    let height = skeleton.height();
    let nothing = vec![0; skeleton.row(0).len()];
    let mut gone = Vec::new();
    for y in 0..height {
        let around = y.saturating_sub(1)..(y + 2).min(height);
        if lost.iter().all(|lost| lost[around.clone()].iter().all(|&lost| !lost)) {
            continue;
        }
        let above = if y > 0 { skeleton.row(y - 1) } else { &nothing };
        let below = if y + 1 < height { skeleton.row(y + 1) } else { &nothing };
        let row = skeleton.row(y);
        for (i, &word) in row.iter().enumerate().filter(|(_, word)| **word != 0) {
            let right = word >> 1 | row.get(i + 1).map_or(0, |next| next << 63);
            let left = word << 1 | if i > 0 { row[i - 1] >> 63 } else { 0 };
            // Pixels with all four neighbours stay.
            let edge = word & !(above[i] & below[i] & left & right);
            for x in Bits(edge).map(|bit| i * 64 + bit) {
                let code = neighbourhood(above, row, below, x);
                if passes[usize::from(code)] & pass != 0 {
                    gone.push((x, y));
                }
            }
        }
    }
    gone
}

/// The eight neighbours of column `x`, from the left upper one clockwise, lowest bit first.
fn neighbourhood(above: &[u64], row: &[u64], below: &[u64], x: usize) -> u8 {
    let three = |row: &[u64]| word_at(row, x as isize - 1) as u8 & 7;
    let (above, row, below) = (three(above), three(row), three(below));
    let mirrored = (below & 1) << 2 | below & 2 | below >> 2;
    above | (row >> 2) << 3 | mirrored << 4 | (row & 1) << 7
}

/// For each neighbourhood the passes that remove its pixel.
fn passes() -> [u8; 256] {
    let mut passes: [u8; 256] = std::array::from_fn(|code| zhang_suen(code as u8));
    for (code, pass) in EXCEPTIONS {
        passes[usize::from(code)] = pass;
    }
    passes
}

/// Zhang and Suen's rules: 2 to 6 neighbours in one arc, and two of three sides open.
fn zhang_suen(code: u8) -> u8 {
    let arcs = (code & !code.rotate_left(1)).count_ones();
    if !(2..=6).contains(&code.count_ones()) || arcs != 1 {
        return 0;
    }
    let [top, right, bottom, left] = [1, 3, 5, 7].map(|bit| code >> bit & 1 == 1);
    let first = !(right && bottom && (top || left));
    let second = !(top && left && (right || bottom));
    (u8::from(first) * FIRST) | (u8::from(second) * SECOND)
}
