//! Prompt encoder: points, box corners and masks as the mask decoder understands them.
use super::layers::{SMALL_EPSILON, channels_first, channels_last, conv2d, layer_norm};
use crate::onnx::{Scope, Tensor, Window2d};
use std::f32::consts::TAU;

/// What a point can be, in the order of [`points`]' indicator: no point at all, background,
/// foreground, a box's first corner, its second.
pub const POINT_KINDS: usize = 5;
/// SAM2's `mask_in_chans`.
const MASK_CHANNELS: usize = 16;

/// `coordinates` (N, T, 2), x and y in 0..=1 of the picture, and `kinds` (N, T, POINT_KINDS), 1
/// at what the point is and 0 elsewhere, to tokens (N, T, C).
pub fn points<'c>(
    s: &Scope<'c>,
    coordinates: &Tensor<'c>,
    kinds: &Tensor<'c>,
    c: usize,
) -> Tensor<'c> {
    let matrix = s.at("pe_layer").weight("positional_encoding_gaussian_matrix", &[2, c / 2]);
    // 2 pi (2x - 1) M, written so that the picture's centre stays exactly zero.
    let matrix = matrix.map("turns", &[2, c / 2], |v| v.iter().map(|x| x * TAU).collect());
    let centred = coordinates.within(s).mul(&s.scalar(2.0)).sub(&s.scalar(1.0));
    let angle = centred.matmul(&s.value(&matrix));
    let position = Tensor::concat(&[&angle.sin(), &angle.cos()], 2);

    let row = |s: &Scope<'c>| s.parameter("weight", &[1, c]);
    let nowhere = row(&s.at("not_a_point_embed"));
    let kinds_of_points = (0..4).map(|i| row(&s.at("point_embeddings").at(i)));
    let rows: Vec<_> = std::iter::once(nowhere).chain(kinds_of_points).collect();
    let table = Tensor::concat(&rows.iter().collect::<Vec<_>>(), 0);
    let somewhere = s.scalar(1.0).sub(&kinds.slice(2, 0..1));
    position.mul(&somewhere).add(&kinds.matmul(&table))
}

/// A mask's logits (N, 1, 4h, 4w) to (N, C, h, w).
pub fn mask<'c>(s: &Scope<'c>, logits: &Tensor<'c>, c: usize) -> Tensor<'c> {
    let s = s.at("mask_downscaling");
    let mut x = logits.clone();
    for (i, out) in [(0, MASK_CHANNELS / 4), (3, MASK_CHANNELS)] {
        let conv = s.at(i);
        let weight = conv.weight("weight", &[out, x.shape[1], 2, 2]);
        let window = Window2d { stride: 2, ..Window2d::default() };
        x = x.within(&conv).conv2d(&weight, Some(&conv.weight("bias", &[out])), window);
        x = channels_first(&layer_norm(&s.at(i + 1), &channels_last(&x), SMALL_EPSILON).gelu());
    }
    conv2d(&s.at(6), &x, c, 1)
}

/// What stands for no mask: (1, C, 1, 1), the same everywhere.
pub fn no_mask<'c>(s: &Scope<'c>, c: usize) -> Tensor<'c> {
    s.at("no_mask_embed").parameter("weight", &[1, c]).reshape(&[1, c, 1, 1])
}
