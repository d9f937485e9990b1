//! MPAdapter: the views tell each other what they see, between Hiera's blocks.
use super::layers::{channels_first, channels_last, depthwise_pair, linear, tokens};
use super::views;
use crate::onnx::{Interpolation::Bilinear, Scope, Tensor};

/// Which adapter runs before Hiera's block `index`, as (stage, number), both as in its key.
///
/// Groups are shifted by one against the stages: a stage's first block belongs to the one before.
pub fn adapter_of_block(stages: [usize; 4], index: usize) -> (usize, usize) {
    let mut first = 0;
    for (stage, &depth) in stages.iter().enumerate() {
        let blocks = if stage == 0 { depth + 1 } else { depth };
        if index < first + blocks || stage == 3 {
            return (stage + 1, index - first);
        }
        first += blocks;
    }
    unreachable!("the last stage takes every block that is left")
}

/// `x` (V, h, w, C) gains what the adapter makes of it.
pub fn mp_adapter<'c>(s: &Scope<'c>, x: &Tensor<'c>, scale_factor: usize) -> Tensor<'c> {
    let &[_, _, _, c] = x.shape.as_slice() else { return x.clone() };
    let hidden = linear(&s.at(0), x, c / scale_factor);
    let y = tokens(&exchange(&s.at(1), &hidden)).add(&tokens(&hidden)).gelu();
    tokens(&x.within(s)).add(&linear(&s.at(3), &y, c)).reshape(&x.shape)
}

/// The official `dwconv`: each scale sees the other, resized to its own size.
fn exchange<'c>(s: &Scope<'c>, hidden: &Tensor<'c>) -> Tensor<'c> {
    let (locals, globals) = views::split(&hidden.within(s));
    let local = channels_first(&views::stitch(&locals));
    let global = channels_first(&globals);
    let &[_, _, h, w] = global.shape.as_slice() else { return hidden.clone() };
    let local_small = local.resize(h, w, Bilinear);
    let global_large = global.resize(2 * h, 2 * w, Bilinear);
    let global = depthwise_pair(&s.at("dwconv_glb"), [&global, &local_small], None);
    let local = depthwise_pair(&s.at("dwconv_loc"), [&local, &global_large], None);
    Tensor::concat(&[&views::cut(&channels_last(&local)), &channels_last(&global)], 0)
}
