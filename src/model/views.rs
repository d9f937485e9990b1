//! The five views: four quadrants of a picture in full detail, and the whole at half size.
//!
//! Views are stacked `[4B locals, B globals]`; a picture's locals are row-major and adjacent.
use crate::onnx::{Interpolation, Tensor};

/// Locals and globals.
pub fn split<'c>(views: &Tensor<'c>) -> (Tensor<'c>, Tensor<'c>) {
    let v = views.shape[0];
    (views.slice(0, 0..v / 5 * 4), views.slice(0, v / 5 * 4..v))
}

/// (B, 3, 2S, 2S) to (5B, 3, S, S). Without `multi_view` the quadrants have no more detail than
/// the global view, which is enlarged and cut for them.
pub fn of_picture<'c>(picture: &Tensor<'c>, multi_view: bool) -> Tensor<'c> {
    let &[b, c, h, w] = picture.shape.as_slice() else { return picture.clone() };
    let (h, w) = (h / 2, w / 2);
    let global = picture.resize(h, w, Interpolation::Bilinear);
    let source = match multi_view {
        true => picture.clone(),
        false => global.resize(2 * h, 2 * w, Interpolation::Bilinear),
    };
    let quadrants = source.reshape(&[b, c, 2, h, 2, w]).permute(&[0, 2, 4, 1, 3, 5]);
    Tensor::concat(&[&quadrants.reshape(&[4 * b, c, h, w]), &global], 0)
}

/// Tokens of the locals (4B, h, w, C) as one map (B, 2h, 2w, C).
pub fn stitch<'c>(locals: &Tensor<'c>) -> Tensor<'c> {
    let &[n, h, w, c] = locals.shape.as_slice() else { return locals.clone() };
    // A row of one view stays in one piece.
    let rows = locals.reshape(&[n / 2, 2, h, w * c]).permute(&[0, 2, 1, 3]);
    rows.reshape(&[n / 4, 2 * h, 2 * w, c])
}

/// Tokens of a map (B, 2h, 2w, C) as its quadrants (4B, h, w, C).
pub fn cut<'c>(map: &Tensor<'c>) -> Tensor<'c> {
    let &[b, h, w, c] = map.shape.as_slice() else { return map.clone() };
    let rows = map.reshape(&[2 * b, h / 2, 2, w / 2 * c]).permute(&[0, 2, 1, 3]);
    rows.reshape(&[4 * b, h / 2, w / 2, c])
}
