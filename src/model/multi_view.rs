//! MCEM and HMIM: global and local views complement each other, once by attention at the
//! coarsest scale, then by convolution at the two finer ones.
use super::layers::{
    EPSILON, SMALL_EPSILON, affine, attention, channels_first, channels_last, depthwise3x3,
    layer_norm, mlp,
};
use super::{Config, position_encoding, views};
use crate::onnx::{Interpolation::Bilinear, Scope, Tensor, Weight};

/// MCEM over tokens (V, h, w, C): the global view attends to all locals, then each local to its
/// quadrant of the global.
pub fn mcem<'c>(s: &Scope<'c>, c: &Config, x: &Tensor<'c>) -> Tensor<'c> {
    let &[_, h, w, dim] = x.shape.as_slice() else { return x.clone() };
    let (locals, globals) = views::split(x);
    let b = globals.shape[0];
    let pe_table = position_encoding::sine(s, [dim, 2 * h, 2 * w], 0.5);
    s.tap("decoder.mcem.pe", &s.value(&pe_table));
    let pe_global = channels_last(&s.value(&position_encoding::bicubic(&pe_table, [h, w])));
    let pe_local = views::cut(&channels_last(&s.value(&pe_table)));
    let attend = |i: usize, qkv: [&Tensor<'c>; 3]| {
        attention(&s.at("attention").at(i), qkv, c.mcem_heads, dim / 2)
    };
    let norm = |name, x: &Tensor<'c>| layer_norm(&s.at(name), x, EPSILON);
    let refine = |name, x: &Tensor<'c>| mlp(&s.at(name), x, &[c.mcem_mlp_dim, dim], Tensor::relu);

    // The order of keys does not matter, so the locals need not be stitched.
    let keys = locals.reshape(&[b, 4 * h * w, dim]);
    let pe_keys = pe_local.reshape(&[1, 4 * h * w, dim]);
    let g = globals.reshape(&[b, h * w, dim]);
    let pe = pe_global.reshape(&[1, h * w, dim]);
    let g = g.add(&attend(0, [&g.add(&pe), &keys.add(&pe_keys), &keys]));
    let g = norm("norm1", &g);
    let g = norm("norm2", &g.add(&refine("mlp1", &g)));

    let local_views = locals.reshape(&[b, 4, h * w, dim]);
    let quadrants = views::cut(&g.reshape(&[b, h, w, dim])).reshape(&[b, 4, h * w / 4, dim]);
    let pe_quadrants = views::cut(&pe_global).reshape(&[1, 4, h * w / 4, dim]);
    let pe_views = pe_local.reshape(&[1, 4, h * w, dim]);
    let one = |x: &Tensor<'c>, i: usize| {
        let part = x.slice(1, i..i + 1);
        part.reshape(&[x.shape[0], x.shape[2], dim])
    };
    let attended: Vec<_> = (0..4)
        .map(|i| {
            let (q, k) = (one(&local_views, i), one(&quadrants, i));
            let y = attend(i + 1, [&q.add(&one(&pe_views, i)), &k.add(&one(&pe_quadrants, i)), &k]);
            y.reshape(&[b, 1, h * w, dim])
        })
        .collect();
    let attended = Tensor::concat(&attended.iter().collect::<Vec<_>>(), 1);
    let l = norm("norm3", &local_views.add(&attended));
    let l = norm("norm4", &l.add(&refine("mlp2", &l)));

    let l = l.reshape(&[4 * b, h, w, dim]);
    s.tap("decoder.mcem.locs", &stitched(&l));
    let y = Tensor::concat(&[&l, &g.reshape(&[b, h, w, dim])], 0);
    s.tap("decoder.mcem.views", &channels_first(&y));
    y
}

/// The locals (4B, h, w, C) as one map (B, C, 2h, 2w).
pub fn stitched<'c>(locals: &Tensor<'c>) -> Tensor<'c> {
    channels_first(&views::stitch(locals))
}

/// Locals (4B, h, w, C) and globals (B, h, w, C) that are worked on apart.
pub type LocalsAndGlobals<'c> = [Tensor<'c>; 2];

/// HMIM up to its last 1x1 convolution: the pyramid's tokens (V, h, w, C_in), which `lateral`
/// would bring to C channels, meet the coarser level's locals `handed_on` (B, C, h, w).
///
/// Two exact rewrites spare work: `fuse(cat(a, b)) + b` is `A a + (B + 1) b`, and `lateral` is
/// multiplied into the second factor, so that its C channels at this resolution never exist.
pub fn hmim<'c>(
    s: &Scope<'c>,
    x: &Tensor<'c>,
    lateral: [Weight<'c>; 2],
    handed_on: &Tensor<'c>,
) -> LocalsAndGlobals<'c> {
    let &[_, h, w, _] = x.shape.as_slice() else { return [x.clone(), x.clone()] };
    let (locals, globals) = views::split(&x.within(s));

    let from_coarser = channels_last(&depthwise3x3(&s.at("locpre2glb"), handed_on));
    let fuse1 = Fuse::new(&s.at("fuse1"), &lateral, Half::First);
    let globals = fuse1.apply(s, &globals, &from_coarser);

    let upsampled = channels_first(&globals).resize(2 * h, 2 * w, Bilinear);
    let from_global = channels_last(&depthwise3x3(&s.at("glb2loc"), &upsampled));
    let fuse2 = Fuse::new(&s.at("fuse2"), &lateral, Half::Second);
    let locals = fuse2.apply(s, &locals, &views::cut(&from_global));

    // They stay apart: OpenVINO 2026.4 miscomputes a sum that goes straight into a concatenation.
    [locals, globals].map(|x| layer_norm(&s.at("fuse3").at(0), &x, SMALL_EPSILON).gelu())
}

/// HMIM's last 1x1 convolution as a matrix: weight (C, C), bias (C).
pub fn hmim_output<'c>(s: &Scope<'c>, c: usize) -> [Weight<'c>; 2] {
    let s = s.at("fuse3").at(2);
    [s.weight("weight", &[c, c, 1, 1]).reshape(&[c, c]), s.weight("bias", &[c])]
}

/// Which half of the concatenation is the map that the residual adds.
#[derive(Clone, Copy, PartialEq)]
enum Half {
    First,
    Second,
}

/// `fuse(cat(own, other)) + own` where `own` is `lateral` of the pyramid's tokens.
struct Fuse<'c> {
    own: [Weight<'c>; 2],
    other: Weight<'c>,
}

impl<'c> Fuse<'c> {
    fn new(s: &Scope<'c>, lateral: &[Weight<'c>; 2], own_half: Half) -> Self {
        let c = lateral[1].shape[0];
        let weight = s.weight("weight", &[c, 2 * c, 1, 1]).reshape(&[c, 2 * c]);
        let (first, second) = (weight.slice(1, 0..c), weight.slice(1, c..2 * c));
        let (own, other) = if own_half == Half::First { (first, second) } else { (second, first) };
        let with_residual = own.map("plus identity", &[c, c], move |v| {
            let identity = |i: usize| if i / c == i % c { 1.0 } else { 0.0 };
            v.iter().enumerate().map(|(i, v)| v + identity(i)).collect()
        });
        Self { own: compose([with_residual, s.weight("bias", &[c])], lateral), other }
    }

    fn apply(&self, s: &Scope<'c>, own: &Tensor<'c>, other: &Tensor<'c>) -> Tensor<'c> {
        let other = other.within(s).matmul(&s.value(&self.other.transpose()));
        affine(own, s, &self.own[0], &self.own[1]).add(&other)
    }
}

/// The affine map `outer` after `inner`, both (weight (out, in), bias (out)), as one.
pub fn compose<'c>(outer: [Weight<'c>; 2], inner: &[Weight<'c>; 2]) -> [Weight<'c>; 2] {
    let [weight, bias] = outer;
    let (out, middle, inp) = (weight.shape[0], weight.shape[1], inner[0].shape[1]);
    // Products of weights are summed in f64: the rewrite must not cost accuracy.
    let dot = move |row: &[f32], column: &dyn Fn(usize) -> f32| -> f64 {
        row.iter().enumerate().map(|(k, w)| f64::from(*w) * f64::from(column(k))).sum()
    };
    let name = format!("after {}", inner[0].name());
    let shift = bias.combine(&name, [&weight, &inner[1]], move |bias, [w, b]| {
        let row = |i: usize| dot(&w[i * middle..][..middle], &|k| b[k]);
        (0..out).map(|i| (f64::from(bias[i]) + row(i)) as f32).collect()
    });
    let product = weight.combine_into(&name, &[out, inp], [&inner[0]], move |w, [v]| {
        let cell = |i: usize, j: usize| dot(&w[i * middle..][..middle], &|k| v[k * inp + j]);
        (0..out * inp).map(|i| cell(i / inp, i % inp) as f32).collect()
    });
    [product, shift]
}
