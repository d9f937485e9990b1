//! FPN neck: every stage of Hiera in `C` channels, the coarse ones added to the finer.
use super::config::NeckConfig;
use super::layers::{affine, channels_first, channels_last};
use crate::onnx::{Scope, Tensor, Weight};

/// The 1x1 convolution of pyramid level `level` as a matrix: weight (out, stage channels), bias.
pub fn lateral<'c>(s: &Scope<'c>, level: usize, [dim, out]: [usize; 2]) -> [Weight<'c>; 2] {
    // The official list runs from the coarsest level to the finest.
    let s = s.at("convs").at(3 - level).at("conv");
    [s.weight("weight", &[out, dim, 1, 1]).reshape(&[out, dim]), s.weight("bias", &[out])]
}

/// Level `level` of the pyramid, tokens (V, h, w, C), from the stages' tokens.
pub fn fpn_level<'c>(
    s: &Scope<'c>,
    c: &NeckConfig,
    stages: &[Tensor<'c>; 4],
    level: usize,
) -> Tensor<'c> {
    let tokens = &stages[level];
    let [weight, bias] = lateral(s, level, [tokens.shape[3], c.level_dims[level]]);
    let x = affine(tokens, s, &weight, &bias);
    if level == 3 || !c.top_down_levels.contains(&level) {
        return x;
    }
    let above = fpn_level(s, c, stages, level + 1);
    let &[_, h, w, _] = x.shape.as_slice() else { return x };
    x.add(&channels_last(&channels_first(&above).resize(h, w, c.upsampling)))
}
