//! SAM2's mask decoder: image embedding and prompt tokens in, mask logits out.
use super::layers::{SMALL_EPSILON, channels_first, channels_last, layer_norm, mlp};
use super::two_way_transformer::two_way_transformer;
use crate::onnx::{Scope, Tensor};

/// One mask for an unambiguous prompt, and three for an ambiguous one.
pub const MASKS: usize = 4;

/// Sizes that SAM2.1 has as constants: heads and hidden channels of the transformer, hidden
/// channels of the IoU head.
#[derive(Debug, Clone, Copy)]
pub struct DecoderSizes {
    /// 8 in SAM2.1.
    pub heads: usize,
    /// 2048 in SAM2.1.
    pub mlp_dim: usize,
    /// 256 in SAM2.1.
    pub iou_hidden: usize,
}

/// What the mask decoder says of one prompt.
pub struct MaskDecoderOutput<'c> {
    /// (N, MASKS, 4h, 4w) before the sigmoid.
    pub mask_logits: Tensor<'c>,
    /// (N, MASKS), 0..=1: how well each mask is thought to fit.
    pub ious: Tensor<'c>,
    /// (N, MASKS, C): what object pointers are made of.
    pub mask_tokens: Tensor<'c>,
    /// (N, 1): above zero where the object is in the frame.
    pub object_score_logits: Tensor<'c>,
}

/// What the mask decoder sees.
pub struct MaskDecoderInput<'c> {
    /// Image embedding plus dense prompt: tokens (N, h, w, C).
    pub image: Tensor<'c>,
    /// (1, h * w, C).
    pub image_pe: Tensor<'c>,
    /// Sparse prompt (N, T, C).
    pub sparse: Tensor<'c>,
    /// Added to every product with the sparse prompt's keys, (1, 1, 1, T): 0 where a token
    /// counts, a large negative number where not. All count without it.
    pub sparse_mask: Option<Tensor<'c>>,
    /// Outputs of `conv_s0` (N, C / 8, 4h, 4w) and `conv_s1` (N, C / 4, 2h, 2w).
    pub high_res: [Tensor<'c>; 2],
}

/// All four masks; which of them counts is the session's business.
pub fn mask_decoder<'c>(
    s: &Scope<'c>,
    input: &MaskDecoderInput<'c>,
    sizes: DecoderSizes,
) -> MaskDecoderOutput<'c> {
    let &[n, h, w, c] = input.image.shape.as_slice() else {
        panic!("image tokens are (N, h, w, C)")
    };
    let tokens = output_tokens(s, n, [MASKS, c]);
    let tokens = Tensor::concat(&[&tokens, &input.sparse], 1);
    let mask = input.sparse_mask.as_ref().map(|mask| {
        let own = s.constant("output_tokens_count", &[1, 1, 1, 2 + MASKS], vec![0.0; 2 + MASKS]);
        Tensor::concat(&[&s.value(&own), mask], 3)
    });
    let tokens = (&tokens, mask.as_ref());
    let image = input.image.within(s).reshape(&[n, h * w, c]);
    let dims = [sizes.heads, sizes.mlp_dim];
    let (tokens, image) =
        two_way_transformer(&s.at("transformer"), &image, &input.image_pe, tokens, dims);
    s.tap("transformer.src", &image);
    s.tap("transformer.tokens", &tokens);

    let upscaled = upscale(s, &image.reshape(&[n, h, w, c]), &input.high_res);
    let mask_tokens = tokens.slice(1, 2..2 + MASKS);
    let head = |name: &str, token: usize, dims: &[usize; 3]| {
        let y = mlp(&s.at(name), &tokens.slice(1, token..token + 1), dims, Tensor::relu);
        y.reshape(&[n, dims[2]])
    };
    let iou_dims = [sizes.iou_hidden, sizes.iou_hidden, MASKS];
    MaskDecoderOutput {
        mask_logits: predict_masks(s, &mask_tokens, &upscaled),
        ious: head("iou_prediction_head", 1, &iou_dims).sigmoid(),
        mask_tokens,
        object_score_logits: head("pred_obj_score_head", 0, &[c, c, 1]),
    }
}

/// Object score, IoU and `masks` mask tokens, the same for all N: (N, 2 + masks, C).
pub(super) fn output_tokens<'c>(s: &Scope<'c>, n: usize, [masks, c]: [usize; 2]) -> Tensor<'c> {
    let token = |name: &str, count: usize| {
        s.at(name).parameter("weight", &[count, c]).reshape(&[1, count, c])
    };
    let tokens = [token("obj_score_token", 1), token("iou_token", 1), token("mask_tokens", masks)];
    let tokens = Tensor::concat(&tokens.each_ref(), 1);
    Tensor::concat(&vec![&tokens; n], 0)
}

/// Tokens (N, h, w, C) to (N, C / 8, 4h, 4w), the high-resolution features added on the way.
fn upscale<'c>(s: &Scope<'c>, image: &Tensor<'c>, [s0, s1]: &[Tensor<'c>; 2]) -> Tensor<'c> {
    let (c, up) = (image.shape[3], s.at("output_upscaling"));
    let x = conv_transpose(&up.at(0), &channels_first(image), c / 4).add(s1);
    let x = layer_norm(&up.at(1), &channels_last(&x), SMALL_EPSILON).gelu();
    conv_transpose(&up.at(3), &channels_first(&x), c / 8).add(s0).gelu()
}

/// A transposed convolution that doubles the size.
pub(super) fn conv_transpose<'c>(s: &Scope<'c>, x: &Tensor<'c>, out: usize) -> Tensor<'c> {
    let weight = s.weight("weight", &[x.shape[1], out, 2, 2]);
    x.within(s).conv_transpose2d(&weight, &s.weight("bias", &[out]))
}

/// Each mask token (N, M, C) makes a kernel, which the upscaled embedding (N, C', H, W) is
/// multiplied with: (N, M, H, W).
pub(super) fn predict_masks<'c>(
    s: &Scope<'c>,
    mask_tokens: &Tensor<'c>,
    upscaled: &Tensor<'c>,
) -> Tensor<'c> {
    let (&[n, masks, _], &[_, c, h, w]) = (mask_tokens.shape.as_slice(), upscaled.shape.as_slice())
    else {
        return upscaled.clone();
    };
    let kernels: Vec<_> =
        (0..masks).map(|i| mask_kernel(s, i, &mask_tokens.slice(1, i..i + 1), c)).collect();
    let kernels = Tensor::concat(&kernels.iter().collect::<Vec<_>>(), 1);
    kernels.matmul(&upscaled.reshape(&[n, c, h * w])).reshape(&[n, masks, h, w])
}

/// What mask token `i`, (N, 1, C), makes of the upscaled embedding's `channels`.
pub(super) fn mask_kernel<'c>(
    s: &Scope<'c>,
    i: usize,
    token: &Tensor<'c>,
    channels: usize,
) -> Tensor<'c> {
    let (s, dim) = (s.at("output_hypernetworks_mlps").at(i), token.shape[2]);
    mlp(&s, token, &[dim, dim, channels], Tensor::relu)
}
