//! Hiera, SAM2's image encoder: window attention, and pooling of the queries between stages.
use super::config::HieraConfig;
use super::layers::{
    SMALL_EPSILON, affine, attention_scale, channels_first, channels_last, dot_product_attention,
    layer_norm, linear, mlp, scale_weight, tokens,
};
use super::mp_adapter::{adapter_of_block, mp_adapter};
use super::position_encoding;
use crate::onnx::{Scope, Tensor, Window2d};

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
    let normed = layer_norm(&s.at("norm1"), &tokens(x), SMALL_EPSILON).reshape(&x.shape);
    let shortcut = match b.pools {
        true => pool(&linear(&s.at("proj"), &normed, b.dim_out)),
        false => x.clone(),
    };
    let x = tokens(&shortcut).add(&tokens(&window_attention(&s.at("attn"), &normed, b)));
    let y = layer_norm(&s.at("norm2"), &x, SMALL_EPSILON);
    let y = mlp(&s.at("mlp"), &y, &[4 * b.dim_out, b.dim_out], Tensor::gelu);
    x.add(&y).reshape(&shortcut.shape)
}

/// `MultiScaleAttention` in each window. Windows are padded with zeros, which are not masked.
fn window_attention<'c>(s: &Scope<'c>, x: &Tensor<'c>, b: &Block) -> Tensor<'c> {
    let &[v, h, w, _] = x.shape.as_slice() else { return x.clone() };
    let side = b.window.map_or([h, w], |side| [side, side]);
    let [q, k, val] = qkv(s, x, b, side);
    let windows = q.shape[0];
    let (mut q, mut tall, mut wide) = (q, side[0], side[1]);
    if b.pools {
        q = pool(&q.reshape(&[windows, tall, wide, b.dim_out]));
        (tall, wide) = (tall / 2, wide / 2);
        q = q.reshape(&[windows, tall * wide, b.dim_out]);
    }
    let y = dot_product_attention([&q, &k, &val], b.heads);

    let across = w.div_ceil(side[1]);
    let y = y.reshape(&[windows / across, across, tall, wide * b.dim_out]);
    let shrink = usize::from(b.pools) + 1;
    let y = join_windows(&y, v, b.dim_out).slice(1, 0..h / shrink).slice(2, 0..w / shrink);
    linear(&s.at("proj"), &y, b.dim_out)
}

/// The three projections of `qkv` in windows: (windows, tall * wide, dim_out) each. They are
/// apart, so that nothing has to be split afterwards.
fn qkv<'c>(s: &Scope<'c>, x: &Tensor<'c>, b: &Block, side: [usize; 2]) -> [Tensor<'c>; 3] {
    let (s, out) = (s.at("qkv"), b.dim_out);
    let weight = s.weight("weight", &[3 * out, x.shape[3]]);
    let bias = s.weight("bias", &[3 * out]);
    let padded = !x.shape[1].is_multiple_of(side[0]) || !x.shape[2].is_multiple_of(side[1]);
    let x = if padded { x.clone() } else { cut_windows(x, side) };
    std::array::from_fn(|i| {
        let part = i * out..(i + 1) * out;
        let mut parts = [weight.slice(0, part.clone()), bias.slice(0, part)];
        if i == 0 {
            parts = parts.map(|w| scale_weight(&w, attention_scale(out, b.heads)));
        }
        let [weight, bias] = parts;
        if !padded {
            return affine(&x, &s, &weight, &bias);
        }
        // Zeros are projected to the bias alone, so they need not be projected.
        let y = x.within(&s).matmul(&s.value(&weight.transpose()));
        cut_windows(&y, side).add(&s.value(&bias))
    })
}

/// The maximum of each 2x2 square of tokens: (N, h, w, C) to (N, h / 2, w / 2, C).
fn pool<'c>(x: &Tensor<'c>) -> Tensor<'c> {
    channels_last(&channels_first(x).max_pool_2x2())
}

/// (V, h, w, C), padded with zeros, to (V * down * across, tall * wide, C): one transpose of
/// whole rows.
fn cut_windows<'c>(x: &Tensor<'c>, [tall, wide]: [usize; 2]) -> Tensor<'c> {
    let &[v, h, w, c] = x.shape.as_slice() else { return x.clone() };
    let (down, across) = (h.div_ceil(tall), w.div_ceil(wide));
    let x = x.pad_after(&[0, down * tall - h, across * wide - w, 0]);
    let rows = x.reshape(&[v * down, tall, across, wide * c]).permute(&[0, 2, 1, 3]);
    rows.reshape(&[v * down * across, tall * wide, c])
}

/// (V * down, across, tall, wide * C) to (V, h, w, C).
fn join_windows<'c>(x: &Tensor<'c>, v: usize, c: usize) -> Tensor<'c> {
    let &[rows, across, tall, row] = x.shape.as_slice() else { return x.clone() };
    x.permute(&[0, 2, 1, 3]).reshape(&[v, rows / v * tall, across * row / c, c])
}
