//! DRM: the picture itself sharpens the upscaled embedding, up to full resolution.
use super::Config;
use super::layers::{
    BatchNorm, channels_first, channels_last, conv2d, conv2d_norm, depthwise_pair,
};
use super::views;
use crate::onnx::{Interpolation::Bilinear, Scope, Tensor, Window2d};

/// Where a prompted mask's logits end on their way past the refinement.
const PROMPT_LIMIT: f32 = 6.0;

/// `image` (B, 3, 2S, 2S) normalised and `embedding` (V, drm_img_dim, S / 4, S / 4) to logits
/// (B, 1, 2S, 2S): those of `prompt`'s mask (B, 1, side, side), corrected, where it counts (1, not 0).
pub fn detail_refinement<'c>(
    s: &Scope<'c>,
    c: &Config,
    image: &Tensor<'c>,
    embedding: &Tensor<'c>,
    prompt: Option<&[Tensor<'c>; 2]>,
) -> Tensor<'c> {
    let Some([mask, has_mask]) = prompt else {
        return refined(s, c, image, fuse_views(s, embedding));
    };
    let [low, high] = [-PROMPT_LIMIT, PROMPT_LIMIT].map(|limit| s.scalar(limit));
    let has_mask = has_mask.within(s);
    let prompt = mask.within(s).mul(&has_mask).maximum(&low).minimum(&high);
    let x = fuse_views(s, embedding);
    let conv = s.at("prompt_in_conv");
    let weight = conv.weight("weight", &[c.drm_img_dim, 1, 3, 3]);
    let window = Window2d { padding: 1, ..Window2d::default() };
    let seen = prompt.resize(x.shape[2], x.shape[3], Bilinear);
    let x = x.add(&seen.within(&conv).conv2d(&weight, None, window));
    let [height, width] = [image.shape[2], image.shape[3]];
    let logits = calibrated(s, &refined(s, c, image, x), &has_mask);
    // The same as bilinear, and faster.
    logits.add(&prompt.resize_antialiased(height, width))
}

/// Scaled and moved where there is no mask to be corrected.
fn calibrated<'c>(s: &Scope<'c>, logits: &Tensor<'c>, has_mask: &Tensor<'c>) -> Tensor<'c> {
    let unprompted = s.scalar(1.0).sub(has_mask);
    let [scale, offset] = ["no_prompt_scale", "no_prompt_offset"]
        .map(|name| unprompted.mul(&s.value(&s.weight(name, &[1]))));
    logits.mul(&has_mask.add(&scale)).add(&offset)
}

/// The fused views `x` with the image's own detail, to logits.
fn refined<'c>(s: &Scope<'c>, c: &Config, image: &Tensor<'c>, x: Tensor<'c>) -> Tensor<'c> {
    let image = image_feature(s, c, image);
    s.tap("drm.img_feature", &image);
    s.tap("drm.fused", &x);
    let x = upsample(&s.at("feature_upsample2"), &x, &image);
    s.tap("drm.up2", &x);
    let x = upsample(&s.at("feature_upsample3"), &x, &image);
    s.tap("drm.up3", &x);
    let fusion = s.at("fusion_conv");
    let [first, second] = if c.drm_half { [16, 16] } else { [32, 16] };
    let x = conv2d_norm(&fusion.at(0), &fusion.at(1), &x, [first, 3, 1], false).relu();
    let x = conv2d_norm(&fusion.at(3), &fusion.at(4), &x, [second, 3, 1], false).relu();
    match c.drm_half {
        true => conv2d(&s.at("out_conv"), &x, 4, 1).pixel_shuffle_2x(),
        false => conv2d(&s.at("out_conv"), &x, 1, 1),
    }
}

/// Locals and the upsampled global become one map (B, drm_img_dim, S / 2, S / 2).
fn fuse_views<'c>(s: &Scope<'c>, embedding: &Tensor<'c>) -> Tensor<'c> {
    let &[_, c, h, w] = embedding.shape.as_slice() else { return embedding.clone() };
    let (locals, global) = views::split(&embedding.within(s));
    let local = channels_first(&views::stitch(&channels_last(&locals)));
    let global = global.resize(2 * h, 2 * w, Bilinear);
    let norm = BatchNorm::new(&s.at("fusion_feature_bn").at(0), c);
    depthwise_pair(&s.at("fusion_feature"), [&local, &global], Some(&norm)).relu()
}

/// The image branch: a convolution, then kernels of three sizes side by side.
fn image_feature<'c>(s: &Scope<'c>, c: &Config, image: &Tensor<'c>) -> Tensor<'c> {
    let (stem, er) = (s.at("img_in_conv"), s.at("img_er"));
    let (dim, stride) = (c.drm_img_dim, 1 + usize::from(c.drm_half));
    let x = conv2d_norm(&stem.at(0), &stem.at(1), image, [dim, 3, stride], false).relu();
    let thin = conv2d(&er.at("linear"), &x, dim / 2, 1);
    let branches = [("conv1", 3), ("conv2", 5), ("conv3", 7)].map(|(name, kernel)| {
        let s = er.at(name);
        conv2d_norm(&s.at(0), &s.at(1), &thin, [dim / 2, kernel, 1], true)
    });
    let y = Tensor::concat(&branches.each_ref(), 1).relu();
    let projector = er.at("projector");
    let y = conv2d_norm(&projector.at(1), &projector.at(2), &y, [dim, 1, 1], true);
    y.add(&x).relu()
}

/// Adds the image feature at this size, then doubles the size as far as the feature goes.
fn upsample<'c>(s: &Scope<'c>, x: &Tensor<'c>, image: &Tensor<'c>) -> Tensor<'c> {
    let &[_, c, h, w] = x.shape.as_slice() else { return x.clone() };
    let x = x.within(s).add(&image.within(s).resize(h, w, Bilinear));
    let [height, width] = [(2 * h).min(image.shape[2]), (2 * w).min(image.shape[3])];
    let x = x.resize(height, width, Bilinear);
    conv2d_norm(&s.at(1), &s.at(2), &x, [c, 3, 1], false).relu()
}
