//! Which tracked frames are worth remembering.
use super::motion::LEAST_OVERLAP;

/// Which frames are remembered and looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MemorySelection {
    /// As SAM2: the last frames, whatever was found in them.
    #[default]
    Sam2,
    /// The last frames in which the object was found well and where its motion led, and the last
    /// one in which it was told apart from something like it; of the decoder's masks, one that
    /// lies where the motion led is favoured. After the ideas of SAMURAI (arXiv:2411.11922) and
    /// DAM4SAM (arXiv:2411.17576). The frame that tells apart takes a slot of the prompted frames:
    /// without a spare one it is not looked at.
    Gated,
}

/// What speaks for a frame.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Evidence {
    /// Above zero where the object is in the frame.
    pub object_score_logit: f32,
    /// How well its mask is thought to fit, 0..=1.
    pub iou: f32,
    /// IoU of its box and where its motion led, 0..=1; 1 where that is not known.
    pub overlap: f32,
    /// Another proposal lies mostly elsewhere.
    pub has_rival: bool,
}

/// A mask that fits worse may be of something else.
const LEAST_IOU: f32 = 0.5;
/// From here on a mask is sure enough to tell its object from a rival.
const SURE_IOU: f32 = 0.8;
/// A rival is at least this large a part of the object.
const LEAST_RIVAL: f32 = 0.25;

impl Evidence {
    /// Whether the object was found well, where it can be.
    pub(super) fn is_good(&self) -> bool {
        let is_found = self.object_score_logit > 0.0 && self.iou >= LEAST_IOU;
        is_found && self.overlap >= LEAST_OVERLAP
    }

    /// Whether it was told apart from something like it.
    pub(super) fn tells_apart(&self) -> bool {
        self.is_good() && self.has_rival && self.iou >= SURE_IOU
    }
}

/// Whether more than half of a proposal among `mask_logits`, (proposals, pixels), lies beside the
/// proposal `chosen`, and that is not little.
pub(super) fn has_rival(mask_logits: &[f32], pixels: usize, chosen: usize) -> bool {
    let mask = &mask_logits[chosen * pixels..][..pixels];
    let area = mask.iter().filter(|&&v| v > 0.0).count() as f32;
    // The first proposal is the single mask; the others are what else the object could be.
    let others = mask_logits.chunks_exact(pixels).enumerate().skip(1);
    others.filter(|(i, _)| *i != chosen).any(|(_, other)| {
        let both = other.iter().zip(mask);
        let (all, beside) =
            both.filter(|(o, _)| **o > 0.0).fold((0.0, 0.0), |(all, beside), (_, m)| {
                (all + 1.0, beside + f32::from(u8::from(*m <= 0.0)))
            });
        beside > 0.5 * all && beside >= LEAST_RIVAL * area.max(1.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proposal_beside_the_mask_is_a_rival_and_a_part_of_it_is_none() {
        let mask = |of: std::ops::Range<usize>| {
            (0..16).map(move |i| if of.contains(&i) { 1.0 } else { -1.0 })
        };
        let proposals = |third: std::ops::Range<usize>| -> Vec<f32> {
            mask(0..16).chain(mask(0..8)).chain(mask(0..7)).chain(mask(third)).collect()
        };
        assert!(has_rival(&proposals(10..14), 16, 1));
        assert!(!has_rival(&proposals(2..6), 16, 1));
        assert!(!has_rival(&proposals(10..11), 16, 1), "too small");
        assert!(!has_rival(&proposals(0..0), 16, 1));
    }
}
