//! The `[tracker]` section of a recipe: what follows an object through a clip.
use crate::model::{Config, Sam2Config};
use crate::session::MemorySelection;
use crate::signature::Precision;
use serde::Deserialize;

/// SAM2's video tracker, and how it and the detail path work together.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrackerRecipe {
    /// What looks at pictures for the tracker.
    #[serde(default)]
    pub encoder: TrackerEncoder,
    /// What its mask does to the detail path.
    #[serde(default)]
    pub guidance: Guidance,
    /// Which frames are remembered and looked at.
    #[serde(default)]
    pub memory_selection: MemorySelection,
    /// The fastest arithmetic that tracking survives; `[openvino]`'s if absent.
    pub precision: Option<Precision>,
    /// Which prompts its weights were trained on.
    #[serde(default)]
    pub prompts: PromptKinds,
    /// The recipe whose published weights serve this tracker too, once they are fetched.
    pub weights: Option<String>,
    /// The tracker's dimensions.
    pub model: Sam2Config,
}

/// What looks at pictures for the tracker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrackerEncoder {
    /// SAM2's own encoder, of a SAM2.1 checkpoint.
    #[default]
    Own,
    /// The detail path's, by its global view; for models trained so, whose checkpoint holds the
    /// tracker too.
    Shared,
}

/// What the tracked mask does to the detail path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Guidance {
    /// Alpha is multiplied by the mask, widened and softened: for published checkpoints.
    #[default]
    Gate,
    /// It is the decoder's dense prompt: for models trained so.
    Prompt,
}

/// Which prompts a tracker understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PromptKinds {
    /// Points, boxes and masks, as SAM2 does.
    #[default]
    Any,
    /// Masks alone: it would answer others with nonsense.
    Mask,
}

impl TrackerRecipe {
    /// Whether the detail path is cut in two: where the tracker shares the encoder, and where only
    /// what follows it waits for the tracked mask.
    pub(super) fn divides_detail(&self) -> bool {
        self.encoder == TrackerEncoder::Shared || self.guidance == Guidance::Prompt
    }

    /// What contradicts the dimensions of the recipe's detail path, if anything.
    pub(super) fn contradiction(&self, detail: Option<&Config>) -> Option<String> {
        let Some(detail) = detail else {
            let alone = self.encoder == TrackerEncoder::Own && self.guidance == Guidance::Gate;
            let expected = "`encoder` and `guidance` of `tracker`: expected a detail path for them";
            return (!alone).then(|| format!("{expected}, found none"));
        };
        let must_agree = |field: &str, found: usize, of: &str, expected: usize| {
            let reason =
                || format!("`tracker.model.{field}`: expected {of} {expected}, found {found}");
            (found != expected).then(reason)
        };
        let side = must_agree("image_size", self.model.image_size, "`inp_size`", detail.inp_size);
        let channels = must_agree("d_model", self.model.d_model, "`d_model`", detail.d_model);
        let sees_all = self.model.image_size == 2 * detail.inp_size;
        match (self.encoder, self.guidance) {
            (TrackerEncoder::Shared, _) => side.or(channels),
            (TrackerEncoder::Own, Guidance::Prompt) if !sees_all => {
                side.map(|reason| format!("{reason}; twice that fits, too"))
            }
            (TrackerEncoder::Own, _) => None,
        }
    }
}
