//! Which of the mask decoder's four masks counts.

/// SAM2.1's `dynamic_multimask_via_stability`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MaskSelection {
    /// Logits this far from zero still count as undecided.
    pub stability_delta: f32,
    /// From this stability on the single mask is trusted.
    pub stability_threshold: f32,
}

impl Default for MaskSelection {
    /// What SAM2.1 is published with.
    fn default() -> Self {
        Self { stability_delta: 0.05, stability_threshold: 0.98 }
    }
}

impl MaskSelection {
    /// Of `mask_logits` (4, pixels) and `ious` (4): the single mask, 0, where it is stable, else
    /// the best of the other three.
    pub fn single(&self, mask_logits: &[f32], ious: &[f32]) -> usize {
        let single = &mask_logits[..mask_logits.len() / ious.len()];
        let stable = self.stability(single) >= self.stability_threshold;
        if stable { 0 } else { self.multi(ious) }
    }

    /// The best of the three masks for ambiguous prompts, 1..=3.
    pub fn multi(&self, ious: &[f32]) -> usize {
        let best = |best: usize, i: usize| if ious[i] > ious[best] { i } else { best };
        (2..ious.len()).fold(1, best)
    }

    /// IoU of the mask grown and shrunk by the delta; 1 where there is no mask at all.
    pub fn stability(&self, mask_logits: &[f32]) -> f32 {
        let above = |limit: f32| mask_logits.iter().filter(|&&v| v > limit).count();
        let (inner, outer) = (above(self.stability_delta), above(-self.stability_delta));
        if outer == 0 { 1.0 } else { inner as f32 / outer as f32 }
    }
}
