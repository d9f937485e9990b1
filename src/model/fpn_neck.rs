//! FPN neck: every stage of Hiera in `C` channels, the coarse ones added to the finer.
use super::Config;
use super::layers::{affine, channels_first, channels_last};
use crate::onnx::{Interpolation, Scope, Tensor, Weight};

/// The 1x1 convolution of pyramid level `level` as a matrix: weight (out, stage channels), bias.
pub fn lateral<'c>(s: &Scope<'c>, c: &Config, level: usize) -> [Weight<'c>; 2] {
    // The official list runs from the coarsest level to the finest.
    let s = s.at("convs").at(3 - level).at("conv");
    let (dim, out) = (c.stage_dim(level), c.level_dim(level));
    [s.weight("weight", &[out, dim, 1, 1]).reshape(&[out, dim]), s.weight("bias", &[out])]
}

/// Level `level` of the pyramid, tokens (V, h, w, C), from the stages' tokens. `upsampling` is
/// bilinear in MGD-SAM2 and nearest in SAM2.
pub fn fpn_level<'c>(
    s: &Scope<'c>,
    c: &Config,
    stages: &[Tensor<'c>; 4],
    level: usize,
    upsampling: Interpolation,
) -> Tensor<'c> {
    let [weight, bias] = lateral(s, c, level);
    let x = affine(&stages[level], s, &weight, &bias);
    if level == 3 || !c.fpn_top_down_levels.contains(&level) {
        return x;
    }
    let above = fpn_level(s, c, stages, level + 1, upsampling);
    let &[_, h, w, _] = x.shape.as_slice() else { return x };
    x.add(&channels_last(&channels_first(&above).resize(h, w, upsampling)))
}
