//! Rows of full width to 4:2:0's half width and height.

/// Gathers the rows of one row of 4:2:0 samples: weights 1, 2, 1 around each even column (where
/// MPEG-2 puts chroma), the mean of two rows; edges repeat.
#[derive(Debug, Default)]
pub(super) struct HalfRow {
    /// 8 times the samples, once all rows are in.
    sums: Vec<u16>,
}

impl HalfRow {
    /// Adds row `y` of `height`; where it is the last of the two, writes the samples to `out`
    /// and says so.
    pub(super) fn add(&mut self, row: &[u8], y: usize, height: usize, out: &mut Vec<u8>) -> bool {
        if y.is_multiple_of(2) {
            self.sums.clear();
            self.sums.resize(row.len().div_ceil(2), 0);
        }
        let alone = y.is_multiple_of(2) && y + 1 == height;
        add_row(&mut self.sums, row, if alone { 2 } else { 1 });
        let done = alone || !y.is_multiple_of(2);
        if done {
            out.clear();
            out.extend(self.sums.iter().map(|sum| ((sum + 4) >> 3) as u8));
        }
        done
    }
}

/// `sums[i] += weight * (row[2i - 1] + 2 * row[2i] + row[2i + 1])`.
fn add_row(sums: &mut [u16], row: &[u8], weight: u16) {
    let (pairs, rest) = row.as_chunks::<2>();
    let Some(&first) = row.first() else { return };
    let mut left = first;
    let (whole, last) = sums.split_at_mut(pairs.len());
    for (sum, &[even, odd]) in whole.iter_mut().zip(pairs) {
        *sum += weight * (u16::from(left) + 2 * u16::from(even) + u16::from(odd));
        left = odd;
    }
    for (sum, &even) in last.iter_mut().zip(rest) {
        *sum += weight * (u16::from(left) + 3 * u16::from(even));
    }
}
