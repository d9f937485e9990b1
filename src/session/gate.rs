//! Keeps the matte of the tracked object and drops what lies elsewhere.
use super::SessionError;
use super::held::Held;
use super::tracked_mask::NO_OBJECT;
#[cfg(feature = "cuda")]
use crate::cuda::{Buffer, Device, Tap};
use crate::frame::Upsample;
#[cfg(feature = "cuda")]
use crate::frame::device::taps;

/// Mask logits from which on the gate is open, and up to which it is shut.
const OPEN: f32 = 0.0;
const SHUT: f32 = -4.0;
/// The mask grows by this share of the picture's side: hair reaches beyond it.
const GROWTH: usize = 12;
/// Twice this share of the side is how wide the gate's edge is to each side.
const SOFTNESS: usize = 64;

/// The tracked mask, widened and softened, times the matte's alpha.
///
/// Within 1/32 of the picture's side around the mask alpha stays as it is; from 1/8 on it
/// is zero.
#[derive(Default)]
pub(super) struct Gate {
    /// How far the gate is open, at the mask's own size.
    open: Vec<f32>,
    row: Vec<f32>,
    upsample: Upsample,
    #[cfg(feature = "cuda")]
    on_device: Option<OnDevice>,
}

/// A gate in device memory.
#[cfg(feature = "cuda")]
struct OnDevice {
    /// How far the gate is open, and the same half filtered.
    maps: [Buffer<f32>; 2],
    taps: Buffer<Tap>,
}

impl Gate {
    /// `mask_logits`, a square, say where the object is; `logits`, a larger one, become those of
    /// their alpha times the gate. Both lie in one place, and are always of the same sizes.
    pub(super) fn apply(
        &mut self,
        mask_logits: &Held,
        logits: &mut Held,
    ) -> Result<(), SessionError> {
        let (from, side) = (mask_logits.len().isqrt(), logits.len().isqrt());
        #[cfg(feature = "cuda")]
        if let (Held::Floats(mask, lane), Held::Floats(logits, _)) = (mask_logits, &mut *logits) {
            let OnDevice { maps, taps } = self.on_device(lane, (from, side))?;
            lane.widen_gate(mask, maps, from, (from / GROWTH, from / SOFTNESS))?;
            return Ok(lane.apply_gate(&maps[0], taps, logits, (from, side))?);
        }
        self.widen(mask_logits.floats(), from);
        self.upsample.begin(from, side, side);
        for (y, row) in logits.floats_mut().chunks_exact_mut(side).enumerate() {
            let lerp = self.upsample.row(&self.open, y);
            for ((logit, above), below) in row.iter_mut().zip(lerp.above).zip(lerp.below) {
                *logit = gated(*logit, above + (below - above) * lerp.weight);
            }
        }
        Ok(())
    }

    #[cfg(feature = "cuda")]
    fn on_device(
        &mut self,
        lane: &Device,
        (from, side): (usize, usize),
    ) -> Result<&mut OnDevice, SessionError> {
        let on_device = match self.on_device.take() {
            Some(on_device) => on_device,
            None => OnDevice {
                maps: [lane.zeros(from * from)?, lane.zeros(from * from)?],
                taps: lane.copied(&taps(side, from))?,
            },
        };
        Ok(self.on_device.insert(on_device))
    }

    fn widen(&mut self, mask_logits: &[f32], side: usize) {
        let open = |logit: &f32| ((logit - SHUT) / (OPEN - SHUT)).clamp(0.0, 1.0);
        self.open.clear();
        self.open.extend(mask_logits.iter().map(open));
        let largest = |window: &[f32]| window.iter().copied().fold(0.0, f32::max);
        let mean = |window: &[f32]| window.iter().sum::<f32>() / window.len() as f32;
        self.filter(side, side / GROWTH, largest);
        self.filter(side, side / SOFTNESS, mean);
        self.filter(side, side / SOFTNESS, mean);
    }

    /// `of` each window of `radius` to both sides, along rows and along columns.
    fn filter(&mut self, side: usize, radius: usize, of: impl Fn(&[f32]) -> f32) {
        // Rows become columns and back.
        for _ in 0..2 {
            self.row.clear();
            for x in 0..side {
                let (first, end) = (x.saturating_sub(radius), (x + radius + 1).min(side));
                let rows = self.open.chunks_exact(side);
                self.row.extend(rows.map(|row| of(&row[first..end])));
            }
            std::mem::swap(&mut self.row, &mut self.open);
        }
    }
}

/// The logit of `sigmoid(logit) * open`.
fn gated(logit: f32, open: f32) -> f32 {
    match open {
        ..=0.0 => NO_OBJECT,
        0.999.. => logit,
        _ => (open.ln() - (1.0 - open + (-logit).exp()).ln()).max(NO_OBJECT),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::backend::Tensor;

    fn sigmoid(x: f32) -> f32 {
        1.0 / (1.0 + (-x).exp())
    }

    #[test]
    fn alpha_is_multiplied() {
        for logit in [-90.0, -3.0, 0.0, 2.0, 60.0] {
            for open in [0.0, 0.01, 0.5, 0.9, 1.0] {
                let (got, want) = (sigmoid(gated(logit, open)), sigmoid(logit) * open);
                assert!((got - want).abs() < 1e-6, "{logit} {open}: {got}, not {want}");
            }
        }
    }

    #[test]
    fn the_object_with_its_surroundings_stays_and_all_else_goes() {
        let (from, side) = (64, 256);
        let mask: Vec<f32> = (0..from * from)
            .map(|i| if (24..40).contains(&(i % from)) { 8.0 } else { -8.0 })
            .collect();
        let mut logits = Held::from(Tensor::F32(vec![3.0; side * side]));
        Gate::default().apply(&Tensor::F32(mask).into(), &mut logits).unwrap();
        let row = &logits.floats()[side * 100..][..side];
        // The mask is 96..160; a 32nd of the side is 8.
        assert!(row[88..168].iter().all(|&v| v == 3.0), "{row:?}");
        assert!(row[..64].iter().chain(&row[192..]).all(|&v| v == NO_OBJECT), "{row:?}");
        assert!(row.windows(2).all(|w| (sigmoid(w[0]) - sigmoid(w[1])).abs() < 0.2), "{row:?}");
    }
}
