//! The graphs of SAM2's video tracker, one object at a time.
//!
//! A frame runs `tracker_encoder`, then either `memory_attention` and `tracker_decoder` or, with
//! a prompt, `prompt_decoder`; `memory_encoder` makes of the result what later frames remember.
//! `h * w` tokens are the squares of 16 pixels of the picture, row by row.
use super::{ElementType, Signature, TensorSpec, spec};

/// Pixels along a token.
const STRIDE: usize = 16;
/// Masks that the decoder proposes: one for a clear prompt, three for an ambiguous one.
pub const MASKS: usize = 4;
/// What a point can be: no point, background, foreground, a box's first corner, its second.
pub const POINT_KINDS: usize = 5;

/// The sizes that the tracker's graphs share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrackerShape {
    /// `S`: the side of the square picture in pixels.
    pub side: usize,
    /// `C`: channels of features and pointers.
    pub channels: usize,
    /// Channels of the memory.
    pub mem_dim: usize,
    /// Memory frames that a frame looks at: a prompted one and the last ones.
    pub num_maskmem: usize,
    /// The most prompted frames that a frame looks at.
    pub conditioning_frames: usize,
    /// SAM2's `max_obj_ptrs_in_encoder`.
    pub max_obj_ptrs: usize,
    /// The most points a prompt may have; a box is two.
    pub points: usize,
}

impl TrackerShape {
    /// Tokens along a side.
    pub fn grid(&self) -> usize {
        self.side / STRIDE
    }

    /// Tokens of a picture.
    pub fn tokens(&self) -> usize {
        self.grid() * self.grid()
    }

    /// The side of the masks that the decoder makes.
    pub fn low_res_side(&self) -> usize {
        4 * self.grid()
    }

    /// Memory frames that fit.
    pub fn frames(&self) -> usize {
        self.conditioning_frames + self.num_maskmem.saturating_sub(1)
    }

    /// Object pointers that fit.
    pub fn pointers(&self) -> usize {
        self.conditioning_frames + self.max_obj_ptrs.saturating_sub(1)
    }

    /// Tokens that a pointer is split into.
    pub fn pointer_tokens(&self) -> usize {
        self.channels / self.mem_dim.max(1)
    }

    /// All that memory attention may look at.
    pub fn memory_tokens(&self) -> usize {
        self.frames() * self.tokens() + self.pointers() * self.pointer_tokens()
    }

    /// The frame's features, and those at strides 4 and 8 that masks are refined with.
    pub(super) fn encoded(&self) -> Vec<TensorSpec> {
        let (c, side) = (self.channels, self.low_res_side());
        vec![
            floats("features", &[1, self.tokens(), c]),
            floats("high_res_0", &[1, c / 8, side, side]),
            floats("high_res_1", &[1, c / 4, side / 2, side / 2]),
        ]
    }

    fn decoded(&self) -> Vec<TensorSpec> {
        let side = self.low_res_side();
        vec![
            floats("mask_logits", &[1, MASKS, side, side]),
            floats("ious", &[1, MASKS]),
            floats("obj_ptrs", &[1, MASKS + 1, self.channels]),
            floats("object_score_logits", &[1, 1]),
        ]
    }
}

/// `image`, (1, S, S, 3) RGB as bytes or (1, 3, S, S) normalised as floats, to `features`
/// (1, h * w, C), `high_res_0` (1, C / 8, 4h, 4w) and `high_res_1` (1, C / 4, 2h, 2w).
pub fn encoder(shape: &TrackerShape, image: ElementType) -> Signature {
    let side = shape.side;
    let dims = match image {
        ElementType::U8 => [1, side, side, 3],
        ElementType::F32 => [1, 3, side, side],
    };
    let inputs = vec![spec("image", &dims, image)];
    Signature { graph: "tracker_encoder".into(), inputs, outputs: shape.encoded() }
}

/// `features` (1, h * w, C) after looking at what is remembered: `conditioned_features`.
///
/// `memory` is (frames, h * w, mem_dim); `memory_times` (frames, num_maskmem) has a 1 at the row
/// of `maskmem_tpos_enc` that each of them gets. `obj_ptrs` is (pointers, C), `obj_ptr_times` the
/// sines and cosines of their distances in the same shape. `key_mask` (1, 1, memory tokens) is 0
/// where a token counts and a large negative number where it does not.
pub fn memory_attention(shape: &TrackerShape) -> Signature {
    let (tokens, c) = (shape.tokens(), shape.channels);
    let (frames, pointers) = (shape.frames(), shape.pointers());
    Signature {
        graph: "memory_attention".into(),
        inputs: vec![
            floats("features", &[1, tokens, c]),
            floats("memory", &[frames, tokens, shape.mem_dim]),
            floats("memory_times", &[frames, shape.num_maskmem]),
            floats("obj_ptrs", &[pointers, c]),
            floats("obj_ptr_times", &[pointers, c]),
            floats("key_mask", &[1, 1, shape.memory_tokens()]),
        ],
        outputs: vec![floats("conditioned_features", &[1, tokens, c])],
    }
}

/// What the encoder gives, its features conditioned on the memory, to `mask_logits`
/// (1, MASKS, 4h, 4w), `ious` (1, MASKS), `obj_ptrs` (1, MASKS + 1, C), the last of which is that
/// of no object, and `object_score_logits` (1, 1).
pub fn decoder(shape: &TrackerShape) -> Signature {
    Signature { graph: "tracker_decoder".into(), inputs: shape.encoded(), outputs: shape.decoded() }
}

/// What the encoder gives and a prompt, to what [`decoder`] gives and `prompt_mask_logits`
/// (1, 1, 4h, 4w), the mask prompt at the size of the others.
///
/// `coordinates` (1, T, 2), x and y in 0..=1 of the picture, `kinds` (1, T, POINT_KINDS), a 1 at
/// what each point is, and `point_mask` (1, 1, 1, T), 0 where a point counts and a large negative
/// number elsewhere; T is one more than `points`. `mask` (1, 1, S, S) counts if `has_mask` (1) is
/// 1 and not if it is 0.
pub fn prompt_decoder(shape: &TrackerShape) -> Signature {
    let (t, side, low_res) = (shape.points + 1, shape.side, shape.low_res_side());
    let mut signature = decoder(shape);
    signature.graph = "prompt_decoder".into();
    signature.inputs.extend([
        floats("coordinates", &[1, t, 2]),
        floats("kinds", &[1, t, POINT_KINDS]),
        floats("point_mask", &[1, 1, 1, t]),
        floats("mask", &[1, 1, side, side]),
        floats("has_mask", &[1]),
    ]);
    signature.outputs.push(floats("prompt_mask_logits", &[1, 1, low_res, low_res]));
    signature
}

/// The frame's `features` (1, h * w, C) and its `mask_logits` (1, 1, S, S) to `maskmem_features`
/// (1, h * w, mem_dim); `is_absent` (1) is 1 where the object is not in the frame, else 0.
pub fn memory_encoder(shape: &TrackerShape) -> Signature {
    let (tokens, side) = (shape.tokens(), shape.side);
    Signature {
        graph: "memory_encoder".into(),
        inputs: vec![
            floats("features", &[1, tokens, shape.channels]),
            floats("mask_logits", &[1, 1, side, side]),
            floats("is_absent", &[1]),
        ],
        outputs: vec![floats("maskmem_features", &[1, tokens, shape.mem_dim])],
    }
}

fn floats(name: &str, shape: &[usize]) -> TensorSpec {
    spec(name, shape, ElementType::F32)
}
