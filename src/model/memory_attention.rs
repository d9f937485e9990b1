//! Memory attention: the frame's features look at what is remembered of the frames before.
use super::layers::{EPSILON, affine, attention_scale, layer_norm, linear, masked, scale_weight};
use crate::onnx::{Scope, Tensor, Weight};

const THETA: f32 = 10000.0;

/// What memory attention sees.
pub struct MemoryAttentionInput<'c> {
    /// The frame's features (N, h * w, C) and their position encoding, (1 or N, h * w, C).
    pub current: [Tensor<'c>; 2],
    /// The memory (N, M, mem_dim) and its position encoding, `frames` maps of h * w tokens first,
    /// then object pointers.
    pub memory: [Tensor<'c>; 2],
    /// How many memory frames (slots, used or not) there are.
    pub frames: usize,
    /// Added to the products with the memory's keys, (1, 1, M): 0 where a token counts, a large
    /// negative number in unused slots.
    pub key_mask: Option<Tensor<'c>>,
}

/// The features (N, h * w, C), `h` and `w` being `grid`, after `layers` layers.
pub fn memory_attention<'c>(
    s: &Scope<'c>,
    input: &MemoryAttentionInput<'c>,
    grid: [usize; 2],
    [layers, feed_forward]: [usize; 2],
) -> Tensor<'c> {
    let [current, position] = &input.current;
    let c = current.shape[2];
    let [memory, memory_position] = &input.memory;
    let keys = memory.add(memory_position);
    let rope = Rope { grid, channels: c };
    let mut x = current.within(s).add(&position.mul(&s.scalar(0.1)));
    for i in 0..layers {
        let s = s.at("layers").at(i);
        let norm = |name, x: &Tensor<'c>| layer_norm(&s.at(name), x, EPSILON);
        let y = norm("norm1", &x);
        let y = rope.attention(&s.at("self_attn"), [&y, &y, &y], 1, None);
        s.tap(&format!("layer.{i}.self_attn"), &y);
        x = x.add(&y);
        let y = norm("norm2", &x);
        let (frames, mask) = (input.frames, input.key_mask.as_ref());
        let y = rope.attention(&s.at("cross_attn_image"), [&y, &keys, memory], frames, mask);
        s.tap(&format!("layer.{i}.cross_attn"), &y);
        x = x.add(&y);
        let y = linear(&s.at("linear1"), &norm("norm3", &x), feed_forward).relu();
        x = x.add(&linear(&s.at("linear2"), &y, c));
        s.tap(&format!("layer.{i}"), &x);
    }
    layer_norm(&s.at("norm"), &x, EPSILON)
}

/// Axial rotary position encoding with one head: a quarter of the channels' pairs turn with x,
/// a quarter with y.
struct Rope {
    grid: [usize; 2],
    channels: usize,
}

impl Rope {
    /// `RoPEAttention`. The first `frames` maps of keys turn as the queries do; the keys after
    /// them, object pointers, do not turn.
    fn attention<'c>(
        &self,
        s: &Scope<'c>,
        [q, k, v]: [&Tensor<'c>; 3],
        frames: usize,
        key_mask: Option<&Tensor<'c>>,
    ) -> Tensor<'c> {
        let c = self.channels;
        let tokens = self.grid[0] * self.grid[1];
        let project = |name, x: &Tensor<'c>, scale: f32| {
            let s = s.at(name);
            let weight = pairs_apart(&s.weight("weight", &[c, x.shape[2]]));
            let bias = pairs_apart(&s.weight("bias", &[c]));
            affine(x, &s, &scale_weight(&weight, scale), &scale_weight(&bias, scale))
        };
        let q = self.turn(s, &project("q_proj", q, attention_scale(c, 1)), 1);
        let k = project("k_proj", k, 1.0);
        let (turning, all) = (frames * tokens, k.shape[1]);
        let mut keys = vec![self.turn(s, &k.slice(1, 0..turning), frames)];
        if all > turning {
            keys.push(k.slice(1, turning..all));
        }
        let k = Tensor::concat(&keys.iter().collect::<Vec<_>>(), 1);
        let weights = masked(q.matmul(&k.permute(&[0, 2, 1])), key_mask).softmax();
        // Weights sum to one, so values may be projected after they are averaged: the memory's have
        // a quarter of the channels.
        linear(&s.at("out_proj"), &linear(&s.at("v_proj"), &weights.matmul(v), c), c)
    }

    /// Turns (N, frames * h * w, C), whose pairs are apart: first all real parts, then all
    /// imaginary ones.
    fn turn<'c>(&self, s: &Scope<'c>, x: &Tensor<'c>, frames: usize) -> Tensor<'c> {
        let &[n, length, c] = x.shape.as_slice() else { return x.clone() };
        let x = x.reshape(&[n, frames, length / frames, c]);
        let (real, imaginary) = (x.slice(3, 0..c / 2), x.slice(3, c / 2..c));
        let [cos, sin] = self.table(s);
        let [cos, sin] = [&cos, &sin].map(|table| s.value(table));
        s.tap("rope.cos", &cos);
        s.tap("rope.sin", &sin);
        let turned_real = real.mul(&cos).sub(&imaginary.mul(&sin));
        let turned_imaginary = real.mul(&sin).add(&imaginary.mul(&cos));
        Tensor::concat(&[&turned_real, &turned_imaginary], 3).reshape(&[n, length, c])
    }

    /// Cosines and sines (h * w, C / 2).
    fn table<'c>(&self, s: &Scope<'c>) -> [Weight<'c>; 2] {
        let ([h, w], pairs) = (self.grid, self.channels / 2);
        let angle = move |i: usize| {
            let (token, pair) = (i / pairs, i % pairs);
            let axis = pairs / 2;
            let position = if pair < axis { token % w } else { token / w };
            let exponent = (4 * (pair % axis)) as f32 / (2 * pairs) as f32;
            position as f32 * (1.0 / THETA.powf(exponent))
        };
        let table = |name: &str, f: fn(f32) -> f32| {
            let values = (0..h * w * pairs).map(|i| f(angle(i))).collect();
            s.constant(&format!("rope_{name}_{h}x{w}x{pairs}"), &[h * w, pairs], values)
        };
        [table("cos", f32::cos), table("sin", f32::sin)]
    }
}

/// The output channels of a projection, even ones first: attention does not mind as long as
/// queries and keys agree, and turning needs no shuffle then.
fn pairs_apart<'c>(weight: &Weight<'c>) -> Weight<'c> {
    let rows = weight.shape[0];
    weight.map("pairs apart", &weight.shape, move |v| {
        let row = v.len() / rows;
        let order = (0..rows).step_by(2).chain((1..rows).step_by(2));
        order.flat_map(|i| v[i * row..(i + 1) * row].to_vec()).collect()
    })
}
