//! Hiera, SAM2's image encoder: window attention, and pooling of the queries between stages.
use super::config::HieraConfig;
use super::layers::{
    SMALL_EPSILON, affine, attention_scale, channels_first, channels_last, layer_norm, linear,
    masked_dot_product_attention, mlp, scale_weight, tokens,
};
use super::mp_adapter::{adapter_of_block, mp_adapter};
use super::position_encoding;
use super::windows::{Group, Windows, max_pool, token_axis};
use crate::onnx::{Scope, Tensor, Weight, Window2d};

/// One block's sizes.
struct Block {
    dim_out: usize,
    heads: usize,
    /// Side of an attention window in tokens; `None` attends to everything.
    window: Option<usize>,
    /// The first block of a stage halves the map and doubles the channels.
    pools: bool,
}

/// `x` (V, 3, S, S) normalised; returns each stage's tokens, strides 4, 8, 16 and 32.
pub fn hiera<'c>(s: &Scope<'c>, c: &HieraConfig, x: &Tensor<'c>) -> [Tensor<'c>; 4] {
    let mut x = patch_embed(&s.at("patch_embed"), x, c.embed_dim);
    s.tap("trunk.patch_embed", &x);
    x = x.add(&position_embedding(s, c, x.shape[1]));
    let mut stages = Vec::new();
    for (stage, &depth) in c.stages.iter().enumerate() {
        for i in 0..depth {
            let index = c.stages[..stage].iter().sum::<usize>() + i;
            if let Some(scale_factor) = c.scale_factor {
                x = adapted(s, c, scale_factor, index, &x);
            }
            x = block(&s.at("blocks").at(index), &x, &block_sizes(c, stage, i, index));
            s.tap(&format!("trunk.block.{index}"), &x);
        }
        s.tap(&format!("trunk.stage.{stage}"), &channels_first(&x));
        stages.push(x.clone());
    }
    stages.try_into().unwrap_or_else(|_| unreachable!("a configuration has four stages"))
}

fn adapted<'c>(
    s: &Scope<'c>,
    c: &HieraConfig,
    scale_factor: usize,
    index: usize,
    x: &Tensor<'c>,
) -> Tensor<'c> {
    let (stage, number) = adapter_of_block(c.stages, index);
    let name = format!("lightweight_mlp{stage}_{number}");
    let y = mp_adapter(&s.at("mpadapter").at(&name), x, scale_factor);
    s.tap(&format!("trunk.adapter_delta.{name}"), &y.sub(x));
    y
}

fn block_sizes(c: &HieraConfig, stage: usize, i: usize, index: usize) -> Block {
    let pools = stage > 0 && i == 0;
    // The first block of a stage works in the windows of the stage before.
    let window = c.window_spec[stage - usize::from(pools)];
    let window = (!c.global_att_blocks.contains(&index)).then_some(window);
    Block { dim_out: c.embed_dim << stage, heads: c.num_heads << stage, window, pools }
}

/// (V, 3, S, S) to (V, S / 4, S / 4, C).
fn patch_embed<'c>(s: &Scope<'c>, x: &Tensor<'c>, embed_dim: usize) -> Tensor<'c> {
    let s = s.at("proj");
    let weight = s.weight("weight", &[embed_dim, 3, 7, 7]);
    let window = Window2d { stride: 4, padding: 3, groups: 1 };
    channels_last(&x.within(&s).conv2d(&weight, Some(&s.weight("bias", &[embed_dim])), window))
}

/// (1, size, size, C): the resized table of the whole view plus the tiled one of a window.
fn position_embedding<'c>(s: &Scope<'c>, c: &HieraConfig, size: usize) -> Tensor<'c> {
    let (dim, window) = (c.embed_dim, c.window_spec[0]);
    let [h, w] = c.window_pos_embed_bkg_spatial_size;
    let whole = position_encoding::bicubic(&s.weight("pos_embed", &[1, dim, h, w]), [size, size]);
    let tile = s.weight("pos_embed_window", &[1, dim, window, window]);
    let sum = whole.combine("plus window", [&tile], move |whole, [tile]| {
        let at = |channel: usize, y: usize, x: usize| {
            tile[(channel * window + y % window) * window + x % window]
        };
        let plane = size * size;
        let add = |(i, v): (usize, &f32)| v + at(i / plane, i % plane / size, i % size);
        whole.iter().enumerate().map(add).collect()
    });
    let sum = channels_last(&s.value(&sum));
    s.tap("trunk.pos_embed", &sum);
    sum
}

/// `MultiScaleBlock`: (V, h, w, C) to (V, h', w', dim_out).
fn block<'c>(s: &Scope<'c>, x: &Tensor<'c>, b: &Block) -> Tensor<'c> {
    let &[views, h, w, _] = x.shape.as_slice() else { return x.clone() };
    let windows = Windows::new([views, h, w], b.window);
    let norm1 = |x: &Tensor<'c>| layer_norm(&s.at("norm1"), x, SMALL_EPSILON);
    if !b.pools {
        let x = windows.cut(x);
        let y = norm1(&x);
        let y = window_attention(&s.at("attn"), [&y, &y], b, &windows.groups);
        return windows.join(&feed_forward(s, &x.add(&y), b));
    }
    let normed = norm1(&tokens(x)).reshape(&x.shape);
    let (squares, keys) = (windows.cut_squares(&normed), windows.cut(&normed));
    let shortcut = max_pool(&linear(&s.at("proj"), &squares, b.dim_out));
    let y = window_attention(&s.at("attn"), [&squares, &keys], b, &windows.groups);
    windows.pooled().join(&feed_forward(s, &shortcut.add(&y), b))
}

/// The second half of a block.
fn feed_forward<'c>(s: &Scope<'c>, x: &Tensor<'c>, b: &Block) -> Tensor<'c> {
    let y = layer_norm(&s.at("norm2"), x, SMALL_EPSILON);
    x.add(&mlp(&s.at("mlp"), &y, &[4 * b.dim_out, b.dim_out], Tensor::gelu))
}

/// `MultiScaleAttention` of tokens (T, C), in window order or, for queries that are pooled, in
/// that of squares.
fn window_attention<'c>(
    s: &Scope<'c>,
    [queries, keys]: [&Tensor<'c>; 2],
    b: &Block,
    groups: &[Group],
) -> Tensor<'c> {
    let (qkv, out) = (s.at("qkv"), b.dim_out);
    let axis = token_axis(keys);
    let weight = qkv.weight("weight", &[3 * out, keys.shape[axis + 1]]);
    let bias = qkv.weight("bias", &[3 * out]);
    let part = |i: usize| {
        let part = i * out..(i + 1) * out;
        let parts = [weight.slice(0, part.clone()), bias.slice(0, part)];
        if i > 0 { parts } else { parts.map(|w| scale_weight(&w, attention_scale(out, b.heads))) }
    };
    let project = |x: &Tensor<'c>, i: usize| affine(x, &qkv, &part(i)[0], &part(i)[1]);
    let (q, k, v) = (project(queries, 0), project(keys, 1), project(keys, 2));
    let (q, shrink) = if b.pools { (max_pool(&q), 4) } else { (q, 1) };
    let (mut from, mut attended) = (0, Vec::new());
    for group in groups {
        let &Group { windows, tokens, padding } = group;
        let cut = |x: &Tensor<'c>, shrink: usize| {
            let range = from / shrink..(from + windows * tokens) / shrink;
            x.slice(axis, range).reshape(&[windows, tokens / shrink, out])
        };
        let (q, mut k, mut v) = (cut(&q, shrink), cut(&k, 1), cut(&v, 1));
        let mask = (padding > 0).then(|| {
            (k, v) = (with_zeros(&k, &part(1)[1]), with_zeros(&v, &part(2)[1]));
            zeros_weight(&qkv, group)
        });
        let y = masked_dot_product_attention([&q, &k, &v], mask.as_ref(), b.heads);
        attended.push(y.reshape(&[1, windows * tokens / shrink, out][1 - axis..]));
        from += windows * tokens;
    }
    linear(&s.at("proj"), &Tensor::concat(&attended.iter().collect::<Vec<_>>(), axis), out)
}

/// Adds what zeros are projected to, `bias`, to each window (N, L, C): one for all of them.
fn with_zeros<'c>(x: &Tensor<'c>, bias: &Weight<'c>) -> Tensor<'c> {
    let &[windows, _, c] = x.shape.as_slice() else { return x.clone() };
    let name = format!("of {windows} windows");
    let rows = bias.map(&name, &[windows, 1, c], move |v| v.repeat(windows));
    Tensor::concat(&[x, &x.scope().value(&rows)], 1)
}

/// Added to the products with the keys (1, 1, 1, L + 1): the last one counts `padding` times.
fn zeros_weight<'c>(s: &Scope<'c>, group: &Group) -> Tensor<'c> {
    let &Group { tokens, padding, .. } = group;
    let mut weights = vec![0.0; tokens];
    weights.push((padding as f32).ln());
    let name = format!("zeros_after_{tokens}_x{padding}");
    s.value(&s.constant(&name, &[1, 1, 1, tokens + 1], weights))
}
