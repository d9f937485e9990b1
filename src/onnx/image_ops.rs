//! The operators on pictures: convolutions and changes of size.
use super::attribute::{int, ints, text};
use super::graph::{Tensor, Type};
use super::weight::Weight;

/// Kernel geometry of a convolution or a pooling, the same in both directions.
#[derive(Debug, Clone, Copy)]
pub struct Window2d {
    /// Step between outputs.
    pub stride: usize,
    /// Zeros around the input.
    pub padding: usize,
    /// Groups of channels.
    pub groups: usize,
}

impl Default for Window2d {
    fn default() -> Self {
        Self { stride: 1, padding: 0, groups: 1 }
    }
}

/// How [`Tensor::resize`] samples; PyTorch's `align_corners=False`, no antialiasing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interpolation {
    /// The nearest sample, as PyTorch's `nearest`.
    Nearest,
    /// Linear in both directions.
    Bilinear,
}

impl<'c> Tensor<'c> {
    /// (N, C, H, W) with kernels (O, C / groups, K, K) to (N, O, H', W').
    pub fn conv2d(&self, weight: &Weight<'c>, bias: Option<&Weight<'c>>, window: Window2d) -> Self {
        let Window2d { stride, padding, groups } = window;
        let kernel = weight.shape[3];
        let shape = match self.shape[..] {
            [n, c, h, w]
                if weight.shape[1] * groups == c && h.min(w) + 2 * padding >= weight.shape[2] =>
            {
                let out = |size: usize| (size + 2 * padding - kernel) / stride + 1;
                vec![n, weight.shape[0], out(h), out(w)]
            }
            _ => self.bad("Conv", &[&self.scope.value(weight)]),
        };
        let graph = &self.scope.graph;
        let x = self.settled();
        let mut names = vec![graph.float(weight, x.kind)];
        names.extend(bias.map(|b| graph.float(b, x.kind)));
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let pair = |v: usize| [v as i64; 2];
        let attributes = vec![
            ints("kernel_shape", &pair(kernel)),
            ints("strides", &pair(stride)),
            ints("pads", &[padding as i64; 4]),
            int("group", groups as i64),
        ];
        x.op("Conv", &names, shape, attributes)
    }

    /// (N, C, H, W) with kernels (C, O, K, K) and stride K to (N, O, KH, KW). In f32 where the
    /// graph is bfloat16: TensorRT has no such kernel.
    pub fn conv_transpose2d(&self, weight: &Weight<'c>, bias: &Weight<'c>) -> Self {
        let k = weight.shape[3];
        let shape = match self.shape[..] {
            [n, c, h, w] if weight.shape[0] == c => vec![n, weight.shape[1], h * k, w * k],
            _ => self.bad("ConvTranspose", &[&self.scope.value(weight)]),
        };
        let graph = &self.scope.graph;
        let x = self.settled();
        let y = if x.kind == Type::Bf16 { x.cast(Type::F32) } else { x.clone() };
        let (weight, bias) = (graph.float(weight, y.kind), graph.float(bias, y.kind));
        let pair = [k as i64; 2];
        let attributes = vec![ints("kernel_shape", &pair), ints("strides", &pair)];
        y.op_as_is("ConvTranspose", &[&weight, &bias], shape, attributes).cast(x.kind)
    }

    /// (N, C, H, W) to (N, C, height, width), linear and antialiased when it shrinks, as PyTorch
    /// does with `antialias=True`: a product with one matrix a side.
    pub fn resize_antialiased(&self, height: usize, width: usize) -> Self {
        let [_, _, h, w] = self.shape[..] else {
            self.bad("Resize", &[]);
            return self.clone();
        };
        let matrix = |to: usize, from: usize| {
            let name = format!("antialiased_{from}_to_{to}");
            self.scope.constant(&name, &[to, from], triangle_filter(to, from))
        };
        let down = self.scope.value(&matrix(height, h));
        down.matmul(self).matmul(&self.scope.value(&matrix(width, w).transpose()))
    }

    /// (N, C, H, W) to (N, C, height, width).
    pub fn resize(&self, height: usize, width: usize, how: Interpolation) -> Self {
        let [n, c, h, w] = self.shape[..] else {
            self.bad("Resize", &[]);
            return self.clone();
        };
        if (height, width) == (h, w) {
            return self.clone();
        }
        let graph = &self.scope.graph;
        let factors = vec![1.0, 1.0, height as f32 / h as f32, width as f32 / w as f32];
        let scales = self.scope.constant(&format!("scales_{factors:?}"), &[4], factors);
        let scales = graph.float(&scales, Type::F32);
        let attributes = match how {
            Interpolation::Bilinear => {
                vec![text("mode", "linear"), text("coordinate_transformation_mode", "half_pixel")]
            }
            Interpolation::Nearest => vec![
                text("mode", "nearest"),
                text("coordinate_transformation_mode", "asymmetric"),
                text("nearest_mode", "floor"),
            ],
        };
        self.op("Resize", &["", &scales], vec![n, c, height, width], attributes)
    }

    /// (N, 4C, H, W) to (N, C, 2H, 2W), as PyTorch's `pixel_shuffle(2)`.
    pub fn pixel_shuffle_2x(&self) -> Self {
        let shape = match self.shape[..] {
            [n, c, h, w] if c % 4 == 0 => vec![n, c / 4, 2 * h, 2 * w],
            _ => self.bad("DepthToSpace", &[]),
        };
        let attributes = vec![int("blocksize", 2), text("mode", "CRD")];
        self.op("DepthToSpace", &[], shape, attributes)
    }
}

/// What each of `to` samples takes of `from`: a triangle as wide as the scale, normalised.
fn triangle_filter(to: usize, from: usize) -> Vec<f32> {
    let scale = from as f32 / to as f32;
    let support = scale.max(1.0);
    let row = |i: usize| {
        let centre = (i as f32 + 0.5) * scale;
        let weight = |j: usize| (1.0 - ((j as f32 + 0.5 - centre) / support).abs()).max(0.0);
        let weights: Vec<f32> = (0..from).map(weight).collect();
        let total: f32 = weights.iter().sum();
        weights.into_iter().map(move |w| w / total)
    };
    (0..to).flat_map(row).collect()
}
