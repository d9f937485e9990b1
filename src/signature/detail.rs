//! The graphs of MGD-SAM2's image path where it is cut in two behind its encoder.
//!
//! [`image`] is the path as published. Where the tracked mask is the dense prompt, only the second
//! half waits for it; where the tracker shares the encoder, it goes on from the first.
use super::tracker::TrackerShape;
use super::{ElementType, Signature, TensorSpec, image, spec};

/// What the graphs' shapes depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DetailShape {
    /// `S`: the picture is `2S` square.
    pub inp_size: usize,
    /// Channels of Hiera's first stage.
    pub embed_dim: usize,
    /// `C`: channels from the neck on.
    pub d_model: usize,
    /// The side of the tracked mask, where that is the dense prompt.
    pub prompt_side: Option<usize>,
}

/// The first half: `image` to what the second needs of the five views and, if a tracker of this
/// shape shares it, to what that needs of the global one.
pub fn encoder(shape: &DetailShape, sharing: Option<&TrackerShape>) -> Signature {
    let mut outputs = shape.views().to_vec();
    outputs.extend(sharing.into_iter().flat_map(TrackerShape::encoded));
    let inputs = image(shape.inp_size).inputs;
    Signature { graph: "detail_encoder".into(), inputs, outputs }
}

/// The second half: `image` and what the first says of its views to `logits`. If it is prompted,
/// with `mask_logits` (1, 1, side, side), the tracked mask before the sigmoid, and `has_mask` (1),
/// 1 where it counts and 0 where not.
pub fn decoder(shape: &DetailShape) -> Signature {
    let Signature { mut inputs, outputs, .. } = image(shape.inp_size);
    inputs.extend(shape.views());
    inputs.extend(shape.prompt());
    Signature { graph: "detail_decoder".into(), inputs, outputs }
}

impl DetailShape {
    /// Hiera's first two stages and the neck's features at stride 16, tokens of five views.
    fn views(&self) -> [TensorSpec; 3] {
        let tokens = |name: &str, stride: usize, channels: usize| {
            let side = self.inp_size / stride;
            spec(name, &[5, side, side, channels], ElementType::F32)
        };
        [
            tokens("stage_0", 4, self.embed_dim),
            tokens("stage_1", 8, 2 * self.embed_dim),
            tokens("level_2", 16, self.d_model),
        ]
    }

    fn prompt(&self) -> Vec<TensorSpec> {
        let Some(side) = self.prompt_side else { return Vec::new() };
        let mask = spec("mask_logits", &[1, 1, side, side], ElementType::F32);
        vec![mask, spec("has_mask", &[1], ElementType::F32)]
    }
}
