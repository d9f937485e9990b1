//! MGD-SAM2's mask decoder: SAM2's, with the views complementing each other before upscaling.
use super::fpn_neck::lateral;
use super::layers::{
    SMALL_EPSILON, affine, channels_first, channels_last, conv2d, layer_norm, linear, mlp,
};
use super::mask_decoder::{conv_transpose, mask_kernel, output_tokens, predict_masks};
use super::multi_view::{LocalsAndGlobals, compose, hmim, hmim_output, mcem, stitched};
use super::two_way_transformer::two_way_transformer;
use super::{Ablation, Config, position_encoding, prompt_encoder, views};
use crate::onnx::{Interpolation::Bilinear, Scope, Tensor, Weight};

/// The published models predict two masks, of which the second counts.
const MASKS: usize = 2;
const IOU_HIDDEN: usize = 256;

/// What reaches the mask decoder.
pub struct DecoderInput<'c> {
    /// The pyramid's finest level kept, tokens (V, h, w, C) at stride 16.
    pub image: Tensor<'c>,
    /// Hiera's first two stages, tokens at strides 4 and 8, before the neck.
    pub high_res: [Tensor<'c>; 2],
    /// Where the neck's weights are.
    pub neck: Scope<'c>,
    /// Where `pe_layer`, `no_mask_embed` and `mask_downscaling` are.
    pub top: Scope<'c>,
    /// Mask logits (1, 1, side, side) of the whole picture, of which there is only one then, and 1
    /// if they count, else 0.
    pub prompt: Option<[Tensor<'c>; 2]>,
}

/// What the mask decoder makes of the views.
pub struct DecoderOutput<'c> {
    /// The upscaled embedding (V, drm_img_dim, 4h, 4w), of which the details are made.
    pub embedding: Tensor<'c>,
    /// Each view's mask (V, 1, 4h, 4w), for training and for models without DRM.
    pub mask_logits: Tensor<'c>,
}

/// The views' embeddings and masks.
pub fn multi_view_decoder<'c>(
    s: &Scope<'c>,
    c: &Config,
    input: &DecoderInput<'c>,
) -> DecoderOutput<'c> {
    let &[v, h, w, dim] = input.image.shape.as_slice() else {
        panic!("image tokens are (V, h, w, C)")
    };
    let image = input.image.within(s).add(&dense_prompt(input, dim)).reshape(&[v, h * w, dim]);
    let tokens = output_tokens(s, v, [MASKS, dim]);
    let sizes = [c.dec_heads, c.dec_mlp_dim];
    let pe = dense_pe(&input.top.at("pe_layer"), [dim, h, w]);
    let (tokens, image) =
        two_way_transformer(&s.at("transformer"), &image, &pe, (&tokens, None), sizes);
    s.tap("decoder.transformer.src", &image);
    s.tap("decoder.transformer.tokens", &tokens);

    let mut image = image.reshape(&[v, h, w, dim]);
    if !c.ablates(Ablation::Mcem) {
        image = mcem(&s.at("new_multifieldcrossatt"), c, &image);
    }
    let embedding = upscale(s, c, &image, input);
    s.tap("decoder.upscaled_embedding", &embedding);
    tap_heads(s, &tokens, &embedding);
    let mask_logits = view_masks(s, &tokens, &embedding);
    DecoderOutput { embedding, mask_logits }
}

/// The last of the [`MASKS`] masks.
fn view_masks<'c>(s: &Scope<'c>, tokens: &Tensor<'c>, embedding: &Tensor<'c>) -> Tensor<'c> {
    let &[v, c, h, w] = embedding.shape.as_slice() else { return embedding.clone() };
    let kernel = mask_kernel(s, MASKS - 1, &tokens.slice(1, 1 + MASKS..2 + MASKS), c);
    kernel.matmul(&embedding.reshape(&[v, c, h * w])).reshape(&[v, 1, h, w])
}

/// The mask as each view sees it, (5, h, w, C), or what stands for no mask, (1, C).
fn dense_prompt<'c>(input: &DecoderInput<'c>, dim: usize) -> Tensor<'c> {
    let no_mask = input.top.at("no_mask_embed").parameter("weight", &[1, dim]);
    let Some([mask, has_mask]) = &input.prompt else { return no_mask };
    let (h, w) = (4 * input.image.shape[1], 4 * input.image.shape[2]);
    let locals = views::of_picture(&mask.resize(2 * h, 2 * w, Bilinear), true).slice(0, 0..4);
    let masks = Tensor::concat(&[&locals, &mask.resize(h, w, Bilinear)], 0);
    let embedded = channels_last(&prompt_encoder::mask(&input.top, &masks, dim));
    let has_none = input.top.scalar(1.0).sub(has_mask);
    embedded.mul(has_mask).add(&no_mask.mul(&has_none))
}

/// (1, h * w, C).
fn dense_pe<'c>(s: &Scope<'c>, [dim, h, w]: [usize; 3]) -> Tensor<'c> {
    let pe = s.value(&position_encoding::random_dense(s, [dim, h, w]));
    s.tap("decoder.dense_pe", &pe);
    channels_last(&pe).reshape(&[1, h * w, dim])
}

/// SAM2's two transposed convolutions, to which HMIM adds strides 8 and 4.
fn upscale<'c>(
    s: &Scope<'c>,
    c: &Config,
    image: &Tensor<'c>,
    input: &DecoderInput<'c>,
) -> Tensor<'c> {
    let [s0, s1] = match c.ablates(Ablation::Hmim) {
        true => plain_levels(s, c, input),
        false => fused_levels(s, c, image, input),
    };
    s.tap("decoder.conv_s0", &channels_first(&s0));
    s.tap("decoder.conv_s1", &channels_first(&s1));

    let up = s.at("output_upscaling");
    let x = channels_last(&conv_transpose(&up.at(0), &channels_first(image), c.d_model / 4));
    let x = layer_norm(&up.at(1), &x.add(&s1), SMALL_EPSILON).gelu();
    let x = conv_transpose(&up.at(3), &channels_first(&x), c.drm_img_dim);
    x.add(&channels_first(&s0)).gelu()
}

/// The pyramid at strides 4 and 8 as SAM2's decoder gets it: each view for itself.
fn plain_levels<'c>(s: &Scope<'c>, c: &Config, input: &DecoderInput<'c>) -> [Tensor<'c>; 2] {
    let convolved = |level: usize, name: Option<(&str, usize)>| {
        let tokens = &input.high_res[level];
        let channels = c.neck().level_dims[level];
        let lateral = lateral(&input.neck, level, [tokens.shape[3], channels]);
        let [weight, bias] = match name {
            Some((name, out)) => compose(pointwise(&s.at(name), [channels, out]), &lateral),
            None => lateral,
        };
        affine(tokens, s, &weight, &bias)
    };
    let s0 = (!c.hmim_thin).then_some(("conv_s0", c.drm_img_dim));
    [convolved(0, s0), convolved(1, Some(("conv_s1", c.d_model / 4)))]
}

/// HMIM at strides 8 and 4.
fn fused_levels<'c>(
    s: &Scope<'c>,
    c: &Config,
    image: &Tensor<'c>,
    input: &DecoderInput<'c>,
) -> [Tensor<'c>; 2] {
    let dim = c.d_model;
    let (fusion2, fusion1) = (s.at("new_fusion2"), s.at("new_fusion1"));
    let y = hmim(
        &fusion2,
        &input.high_res[1],
        lateral(&input.neck, 1, [input.high_res[1].shape[3], dim]),
        &stitched(&views::split(image).0),
    );
    let [locals, _] = full_hmim(&fusion2, &y, "hmim2");
    let s1 = conv_after_hmim(&s.at("conv_s1"), &fusion2, &y, [dim, dim / 4]);

    let mut handed_on = stitched(&locals);
    if c.hmim_thin {
        handed_on = conv2d(&fusion1.at("pre"), &handed_on, c.drm_img_dim, 1);
    }
    let y = hmim(
        &fusion1,
        &input.high_res[0],
        lateral(&input.neck, 0, [input.high_res[0].shape[3], c.neck().level_dims[0]]),
        &handed_on,
    );
    let full = full_hmim(&fusion1, &y, "hmim1");
    let s0 = match c.hmim_thin {
        true => Tensor::concat(&full.each_ref(), 0),
        false => conv_after_hmim(&s.at("conv_s0"), &fusion1, &y, [dim, c.drm_img_dim]),
    };
    [s0, s1]
}

/// HMIM's own output.
fn full_hmim<'c>(s: &Scope<'c>, y: &LocalsAndGlobals<'c>, name: &str) -> LocalsAndGlobals<'c> {
    let [weight, bias] = hmim_output(s, y[0].shape[3]);
    let full = y.each_ref().map(|y| affine(y, s, &weight, &bias));
    s.tap(&format!("decoder.{name}.views"), &channels_first(&Tensor::concat(&full.each_ref(), 0)));
    s.tap(&format!("decoder.{name}.locs"), &stitched(&full[0]));
    full
}

/// The 1x1 convolution that follows HMIM, multiplied with HMIM's last one: (V, h, w, out).
fn conv_after_hmim<'c>(
    s: &Scope<'c>,
    fusion: &Scope<'c>,
    y: &LocalsAndGlobals<'c>,
    [dim, out]: [usize; 2],
) -> Tensor<'c> {
    let [weight, bias] = compose(pointwise(s, [dim, out]), &hmim_output(fusion, dim));
    Tensor::concat(&y.each_ref().map(|y| affine(y, s, &weight, &bias)).each_ref(), 0)
}

/// A 1x1 convolution as a matrix: weight (out, in), bias (out).
fn pointwise<'c>(s: &Scope<'c>, [inp, out]: [usize; 2]) -> [Weight<'c>; 2] {
    [s.weight("weight", &[out, inp, 1, 1]).reshape(&[out, inp]), s.weight("bias", &[out])]
}

/// What training looks at and inference does not: masks per view, their IoU, the object score.
fn tap_heads<'c>(s: &Scope<'c>, tokens: &Tensor<'c>, upscaled: &Tensor<'c>) {
    let &[v, _, h, w] = upscaled.shape.as_slice() else { return };
    let token = |i: usize| tokens.slice(1, i..i + 1);
    let masks = predict_masks(s, &tokens.slice(1, 2..2 + MASKS), upscaled);
    let dims = [IOU_HIDDEN, IOU_HIDDEN, MASKS];
    let iou = mlp(&s.at("iou_prediction_head"), &token(1), &dims, Tensor::relu);
    let iou = iou.reshape(&[v, MASKS]);
    let object = linear(&s.at("pred_obj_score_head"), &token(0), 1).reshape(&[v, 1]);
    let aux = masks.slice(1, 1..2);
    s.tap("decoder.all_masks", &masks);
    s.tap("decoder.low_res_masks", &aux);
    s.tap("decoder.all_iou_pred", &iou);
    s.tap("decoder.iou_pred", &iou.slice(1, 1..2));
    s.tap("decoder.sam_tokens", &token(3));
    s.tap("decoder.object_score_logits", &object);
    s.tap("output.masks_aux", &aux.resize(4 * h, 4 * w, Bilinear));
}
