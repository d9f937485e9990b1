//! Rows of bytes drawn towards a colour where alpha is low.

/// `row = row * alpha + anchor * (1 - alpha)`, to the nearest.
///
/// With black for `anchor` that premultiplies; with a background colour it composites.
pub(super) fn blend_row(row: &mut [u8], alpha: &[u8], anchor: u8) {
    let anchor = u16::from(anchor);
    for (value, &alpha) in row.iter_mut().zip(alpha) {
        let alpha = u16::from(alpha);
        *value = over_255(u16::from(*value) * alpha + anchor * (255 - alpha));
    }
}

/// `sum / 255`, to the nearest; `sum` is at most 255 * 255.
#[inline(always)]
fn over_255(sum: u16) -> u8 {
    let sum = sum + 128;
    ((sum + (sum >> 8)) >> 8) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn division_by_255_rounds_to_the_nearest() {
        for sum in 0..=255 * 255 {
            assert_eq!(over_255(sum), (f64::from(sum) / 255.0).round() as u8, "{sum}");
        }
    }
}
