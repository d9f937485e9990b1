//! Square maps to a larger side, wherever they lie.
use super::SessionError;
use super::held::Held;
#[cfg(feature = "cuda")]
use crate::cuda::{Buffer, Device, Tap};
use crate::frame::Upsample;
#[cfg(feature = "cuda")]
use crate::frame::device::taps;

/// Bilinear enlargement from one side to another.
pub(super) struct Enlarge {
    from: usize,
    to: usize,
    upsample: Upsample,
    #[cfg(feature = "cuda")]
    taps: Option<Buffer<Tap>>,
}

impl Enlarge {
    pub(super) fn new(from: usize, to: usize) -> Self {
        Self {
            from,
            to,
            upsample: Upsample::default(),
            #[cfg(feature = "cuda")]
            taps: None,
        }
    }

    /// `large` becomes `small`; both lie in one place, which is always the same.
    pub(super) fn run(&mut self, small: &Held, large: &mut Held) -> Result<(), SessionError> {
        #[cfg(feature = "cuda")]
        if let (Held::Floats(small, lane), Held::Floats(large, _)) = (small, &mut *large) {
            let sides = self.sides();
            return Ok(lane.enlarge(small, self.taps(lane)?, large, sides)?);
        }
        self.upsample.begin(self.from, self.to, self.to);
        for (y, row) in large.floats_mut().chunks_exact_mut(self.to).enumerate() {
            let lerp = self.upsample.row(small.floats(), y);
            for ((to, a), b) in row.iter_mut().zip(lerp.above).zip(lerp.below) {
                *to = a + (b - a) * lerp.weight;
            }
        }
        Ok(())
    }

    #[cfg(feature = "cuda")]
    fn sides(&self) -> (usize, usize) {
        (self.from, self.to)
    }

    /// Where each output lies, on the device of `lane`.
    #[cfg(feature = "cuda")]
    fn taps(&mut self, lane: &Device) -> Result<&Buffer<Tap>, SessionError> {
        let taps = match self.taps.take() {
            Some(taps) => taps,
            None => lane.copied(&taps(self.to, self.from))?,
        };
        Ok(self.taps.insert(taps))
    }
}
