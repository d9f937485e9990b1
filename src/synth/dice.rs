//! Random draws that come out the same on every machine.
use rand::Rng;
use rand::SeedableRng;
use rand_pcg::Pcg32;

/// A seeded stream of draws: PCG's integers, scaled by exact float operations only.
#[derive(Debug, Clone)]
pub(super) struct Dice(Pcg32);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Dice(Pcg32::seed_from_u64(seed))
    }

    /// An independent stream, so that one part's draws do not shift another's.
    pub fn fork(&mut self) -> Self {
        let seed = u64::from(self.0.next_u32()) << 32 | u64::from(self.0.next_u32());
        Dice::new(seed)
    }

    /// In `low..high`.
    pub fn range(&mut self, low: f32, high: f32) -> f32 {
        // 24 bits fill a float's mantissa exactly.
        let unit = (self.0.next_u32() >> 8) as f32 / (1 << 24) as f32;
        low + (high - low) * unit
    }

    /// In `-reach..reach`, small values more often: the sum of two uniform draws.
    pub fn spread(&mut self, reach: f32) -> f32 {
        (self.range(-0.5, 0.5) + self.range(-0.5, 0.5)) * reach
    }

    /// In `low..=high`, evenly by ratio rather than by difference; both are positive.
    pub fn ratio(&mut self, low: f32, high: f32) -> f32 {
        // A quadratic between the ends follows the logarithm closely enough and needs no `exp`.
        let t = self.range(0.0, 1.0);
        low + (high - low) * t * (1.0 + t) * 0.5
    }

    /// True with the given probability.
    pub fn chance(&mut self, probability: f32) -> bool {
        self.range(0.0, 1.0) < probability
    }

    /// In `0..count`; `count` is at least 1.
    pub fn index(&mut self, count: usize) -> usize {
        ((u64::from(self.0.next_u32()) * count as u64) >> 32) as usize
    }

    /// In `low..=high`.
    pub fn count(&mut self, low: usize, high: usize) -> usize {
        low + self.index(high - low + 1)
    }
}
