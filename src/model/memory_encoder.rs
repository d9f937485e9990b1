//! Memory encoder: a frame's features and its mask become one map to remember.
use super::layers::{SMALL_EPSILON, channels_first, channels_last, conv2d, layer_norm, linear};
use crate::onnx::{Scope, Tensor, Window2d};

/// Strides of the mask's four convolutions multiply to 16.
const DOWNSAMPLINGS: usize = 4;
const FUSER_LAYERS: usize = 2;

/// `features` (N, C, h, w) and `mask` (N, 1, 16h, 16w), which is a probability scaled and
/// shifted already, to (N, mem_dim, h, w).
pub fn memory_encoder<'c>(
    s: &Scope<'c>,
    features: &Tensor<'c>,
    mask: &Tensor<'c>,
    mem_dim: usize,
) -> Tensor<'c> {
    let c = features.shape[1];
    let mask = mask_downsampler(&s.at("mask_downsampler").at("encoder"), mask, c);
    s.tap("mask_downsampled", &mask);
    let mut x = conv2d(&s.at("pix_feat_proj"), features, c, 1).add(&mask);
    for i in 0..FUSER_LAYERS {
        x = cx_block(&s.at("fuser").at("layers").at(i), &x);
        s.tap(&format!("fuser.layer.{i}"), &x);
    }
    conv2d(&s.at("out_proj"), &x, mem_dim, 1)
}

/// Convolutions of stride 2 that quadruple the channels, then a 1x1 to C.
fn mask_downsampler<'c>(s: &Scope<'c>, mask: &Tensor<'c>, c: usize) -> Tensor<'c> {
    let mut x = mask.clone();
    for i in 0..DOWNSAMPLINGS {
        let (conv, norm) = (s.at(3 * i), s.at(3 * i + 1));
        let (inp, out) = (x.shape[1], 4 * x.shape[1]);
        let window = Window2d { stride: 2, padding: 1, groups: 1 };
        let weight = conv.weight("weight", &[out, inp, 3, 3]);
        x = x.within(&conv).conv2d(&weight, Some(&conv.weight("bias", &[out])), window);
        x = channels_first(&layer_norm(&norm, &channels_last(&x), SMALL_EPSILON).gelu());
    }
    conv2d(&s.at(3 * DOWNSAMPLINGS), &x, c, 1)
}

/// ConvNeXt's block.
fn cx_block<'c>(s: &Scope<'c>, x: &Tensor<'c>) -> Tensor<'c> {
    let c = x.shape[1];
    let dwconv = s.at("dwconv");
    let window = Window2d { padding: 3, groups: c, ..Window2d::default() };
    let weight = dwconv.weight("weight", &[c, 1, 7, 7]);
    let y = x.within(&dwconv).conv2d(&weight, Some(&dwconv.weight("bias", &[c])), window);
    let y = layer_norm(&s.at("norm"), &channels_last(&y), SMALL_EPSILON);
    let y = linear(&s.at("pwconv1"), &y, 4 * c).gelu();
    let y = linear(&s.at("pwconv2"), &y, c).mul(&s.parameter("gamma", &[c]));
    x.add(&channels_first(&y))
}
