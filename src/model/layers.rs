//! Layers that several blocks share.
use crate::onnx::{Scope, Tensor, Weight, Window2d};

/// PyTorch's default for LayerNorm, BatchNorm; SAM2 keeps it in its transformers.
pub const EPSILON: f32 = 1e-5;
/// What Hiera and `LayerNorm2d` use.
pub const SMALL_EPSILON: f32 = 1e-6;

/// `x @ weight.T + bias` over the last axis.
pub fn affine<'c>(
    x: &Tensor<'c>,
    s: &Scope<'c>,
    weight: &Weight<'c>,
    bias: &Weight<'c>,
) -> Tensor<'c> {
    x.within(s).matmul(&s.value(&weight.transpose())).add(&s.value(bias))
}

/// `nn.Linear`, over the last axis.
pub fn linear<'c>(s: &Scope<'c>, x: &Tensor<'c>, out: usize) -> Tensor<'c> {
    let inp = *x.shape.last().expect("a scalar has no channels");
    affine(x, s, &s.weight("weight", &[out, inp]), &s.weight("bias", &[out]))
}

/// `nn.LayerNorm` over the last axis.
pub fn layer_norm<'c>(s: &Scope<'c>, x: &Tensor<'c>, epsilon: f32) -> Tensor<'c> {
    let c = &x.shape[x.shape.len() - 1..];
    x.within(s).layer_norm(&s.weight("weight", c), &s.weight("bias", c), epsilon)
}

/// SAM2's `MLP`: `dims.len()` linear layers with `activation` between them.
pub fn mlp<'c>(
    s: &Scope<'c>,
    x: &Tensor<'c>,
    dims: &[usize],
    activation: fn(&Tensor<'c>) -> Tensor<'c>,
) -> Tensor<'c> {
    let mut x = x.clone();
    for (i, &dim) in dims.iter().enumerate() {
        let y = linear(&s.at("layers").at(i), &x, dim);
        x = if i + 1 < dims.len() { activation(&y) } else { y };
    }
    x
}

/// SAM2's `Attention`: multi-head attention over (N, L, C), projected down to `inner` channels.
pub fn attention<'c>(
    s: &Scope<'c>,
    qkv: [&Tensor<'c>; 3],
    heads: usize,
    inner: usize,
) -> Tensor<'c> {
    masked_attention(s, qkv, None, [heads, inner])
}

/// [`attention`] where `mask`, (1, 1, 1, L), is added to every product with the L keys.
pub fn masked_attention<'c>(
    s: &Scope<'c>,
    [q, k, v]: [&Tensor<'c>; 3],
    mask: Option<&Tensor<'c>>,
    [heads, inner]: [usize; 2],
) -> Tensor<'c> {
    let c = q.shape[2];
    let project = |name, x: &Tensor<'c>| linear(&s.at(name), x, inner);
    let q = scaled(&s.at("q_proj"), q, inner, heads);
    let (k, v) = (project("k_proj", k), project("v_proj", v));
    let y = masked_dot_product_attention([&q, &k, &v], mask, heads);
    linear(&s.at("out_proj"), &y, c)
}

/// The query's `nn.Linear`, with attention's `1 / sqrt(channels per head)` in its weights.
fn scaled<'c>(s: &Scope<'c>, x: &Tensor<'c>, out: usize, heads: usize) -> Tensor<'c> {
    let scale = attention_scale(out, heads);
    let [weight, bias] = [s.weight("weight", &[out, x.shape[2]]), s.weight("bias", &[out])]
        .map(|w| scale_weight(&w, scale));
    affine(x, s, &weight, &bias)
}

/// What softmax attention divides its products by, inverted.
pub fn attention_scale(inner: usize, heads: usize) -> f32 {
    ((inner / heads) as f32).powf(-0.5)
}

/// `weight` times a number.
pub fn scale_weight<'c>(weight: &Weight<'c>, scale: f32) -> Weight<'c> {
    weight.map("scaled", &weight.shape, move |v| v.iter().map(|x| x * scale).collect())
}

/// Softmax attention over (N, L, heads * D) without projections; `q` is scaled already, `mask` is
/// added to the products with the keys.
pub fn masked_dot_product_attention<'c>(
    [q, k, v]: [&Tensor<'c>; 3],
    mask: Option<&Tensor<'c>>,
    heads: usize,
) -> Tensor<'c> {
    let &[n, length, c] = q.shape.as_slice() else { return q.clone() };
    // Heads become samples where there are as many as queries: OpenVINO 2026.4 takes one axis for
    // the other then, in bf16.
    let batch = if heads == length { vec![n * heads] } else { vec![n, heads] };
    let [q, k, v] = [q, k, v].map(|x| {
        let x = x.reshape(&[n, x.shape[1], heads, c / heads]).permute(&[0, 2, 1, 3]);
        x.reshape(&[batch.as_slice(), &x.shape[2..]].concat())
    });
    // Turned apart from the heads: the product then takes its factor as it lies.
    let turned = [&[0, 1, 2, 3][..batch.len()], &[batch.len() + 1, batch.len()]].concat();
    let mask = mask.map(|x| x.reshape(&x.shape[x.shape.len() - batch.len() - 2..]));
    let products = masked(q.matmul(&k.permute(&turned)), mask.as_ref());
    let y = products.softmax().matmul(&v).reshape(&[n, heads, length, c / heads]);
    y.permute(&[0, 2, 1, 3]).reshape(&[n, length, c])
}

/// Products of queries and keys with `mask` added. The mask comes first: in bf16, OpenVINO 2026.4
/// computes a product with a row added to it wrongly, but not a row with a product added to it.
pub fn masked<'c>(products: Tensor<'c>, mask: Option<&Tensor<'c>>) -> Tensor<'c> {
    mask.map_or(products.clone(), |mask| mask.add(&products))
}

/// `nn.Conv2d` of (N, C, H, W) with square kernels that keep the size.
pub fn conv2d<'c>(s: &Scope<'c>, x: &Tensor<'c>, out: usize, kernel: usize) -> Tensor<'c> {
    let weight = s.weight("weight", &[out, x.shape[1], kernel, kernel]);
    let window = Window2d { padding: kernel / 2, ..Window2d::default() };
    x.within(s).conv2d(&weight, Some(&s.weight("bias", &[out])), window)
}

/// A depthwise `nn.Conv2d` with 3x3 kernels.
pub fn depthwise3x3<'c>(s: &Scope<'c>, x: &Tensor<'c>) -> Tensor<'c> {
    let c = x.shape[1];
    let window = Window2d { padding: 1, groups: c, ..Window2d::default() };
    x.within(s).conv2d(&s.weight("weight", &[c, 1, 3, 3]), Some(&s.weight("bias", &[c])), window)
}

/// A depthwise `nn.Conv3d` with kernels (2, 3, 3) over the stack of two maps: the sum of two
/// depthwise 2-D convolutions, which engines know how to run fast. `scale` is a folded BatchNorm.
pub fn depthwise_pair<'c>(
    s: &Scope<'c>,
    [first, second]: [&Tensor<'c>; 2],
    norm: Option<&BatchNorm<'c>>,
) -> Tensor<'c> {
    let c = first.shape[1];
    let window = Window2d { padding: 1, groups: c, ..Window2d::default() };
    let (mut weight, mut bias) = (s.weight("weight", &[c, 1, 2, 3, 3]), s.weight("bias", &[c]));
    if let Some(norm) = norm {
        (weight, bias) = norm.fold(&weight, Some(&bias));
    }
    let slice = |i: usize| weight.slice(2, i..i + 1).reshape(&[c, 1, 3, 3]);
    let second = second.within(s).conv2d(&slice(1), None, window);
    first.within(s).conv2d(&slice(0), Some(&bias), window).add(&second)
}

/// `nn.BatchNorm2d` in evaluation mode, to be folded into the convolution before it.
pub struct BatchNorm<'c> {
    weight: Weight<'c>,
    bias: Weight<'c>,
    running_mean: Weight<'c>,
    running_var: Weight<'c>,
}

impl<'c> BatchNorm<'c> {
    /// The parameters under `s`.
    pub fn new(s: &Scope<'c>, channels: usize) -> Self {
        let [weight, bias, running_mean, running_var] =
            ["weight", "bias", "running_mean", "running_var"].map(|n| s.weight(n, &[channels]));
        Self { weight, bias, running_mean, running_var }
    }

    /// Weight and bias of the convolution that normalises too.
    pub fn fold(&self, weight: &Weight<'c>, bias: Option<&Weight<'c>>) -> (Weight<'c>, Weight<'c>) {
        let gain = |gamma: &[f32], var: &[f32], i: usize| gamma[i] / (var[i] + EPSILON).sqrt();
        let out = weight.shape[0];
        let folded =
            weight.combine("folded", [&self.weight, &self.running_var], move |w, [g, v]| {
                let per_channel = w.len() / out;
                w.iter().enumerate().map(|(i, w)| w * gain(g, v, i / per_channel)).collect()
            });
        let stats =
            [&self.weight, &self.running_mean, &self.running_var, bias.unwrap_or(&self.bias)];
        let has_bias = bias.is_some();
        let bias = self.bias.combine("folded", stats, move |beta, [g, mean, v, conv]| {
            let shift = |i: usize| if has_bias { conv[i] } else { 0.0 };
            (0..out).map(|i| beta[i] + (shift(i) - mean[i]) * gain(g, v, i)).collect()
        });
        (folded, bias)
    }
}

/// `nn.Conv2d` with `norm` folded in; kernels keep the size where `stride` is 1.
pub fn conv2d_norm<'c>(
    s: &Scope<'c>,
    norm: &Scope<'c>,
    x: &Tensor<'c>,
    [out, kernel, stride]: [usize; 3],
    bias: bool,
) -> Tensor<'c> {
    let weight = s.weight("weight", &[out, x.shape[1], kernel, kernel]);
    let bias = bias.then(|| s.weight("bias", &[out]));
    let (weight, bias) = BatchNorm::new(norm, out).fold(&weight, bias.as_ref());
    let window = Window2d { stride, padding: kernel / 2, ..Window2d::default() };
    x.within(s).conv2d(&weight, Some(&bias), window)
}

/// (N, H, W, C) to (N, C, H, W).
pub fn channels_first<'c>(x: &Tensor<'c>) -> Tensor<'c> {
    x.permute(&[0, 3, 1, 2])
}

/// (N, C, H, W) to (N, H, W, C).
pub fn channels_last<'c>(x: &Tensor<'c>) -> Tensor<'c> {
    x.permute(&[0, 2, 3, 1])
}

/// (V, ..., C) to (T, C). Whatever works on each token or on each value alone is given this shape:
/// OpenVINO takes maps of four axes to be pictures and turns them about between its layouts. A
/// single view becomes (1, T, C): OpenVINO 2026.4 crashes on some of SAM2's encoders otherwise.
pub fn tokens<'c>(x: &Tensor<'c>) -> Tensor<'c> {
    let Some((&c, before)) = x.shape.split_last() else { return x.clone() };
    let all = before.iter().product();
    if before.first() == Some(&1) { x.reshape(&[1, all, c]) } else { x.reshape(&[all, c]) }
}
