//! The operators: what they do to shapes, and how ONNX spells them.
use super::graph::{GraphError, Scope, Tensor, Type};
use super::proto::AttributeProto;
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
    /// This value, with the ops that follow counted under `scope`.
    pub fn within(&self, scope: &Scope<'c>) -> Self {
        Self { scope: scope.clone(), ..self.clone() }
    }

    /// Element-wise sum, broadcasting as NumPy does.
    pub fn add(&self, other: &Self) -> Self {
        self.broadcast("Add", other)
    }

    /// Element-wise difference.
    pub fn sub(&self, other: &Self) -> Self {
        self.broadcast("Sub", other)
    }

    /// Element-wise product.
    pub fn mul(&self, other: &Self) -> Self {
        self.broadcast("Mul", other)
    }

    /// The greater of two values, element by element.
    pub fn maximum(&self, other: &Self) -> Self {
        self.broadcast("Max", other)
    }

    /// The lesser of two values, element by element.
    pub fn minimum(&self, other: &Self) -> Self {
        self.broadcast("Min", other)
    }

    /// `max(x, 0)`.
    pub fn relu(&self) -> Self {
        self.op("Relu", &[], self.shape.clone(), vec![])
    }

    /// The exact (erf) GELU.
    pub fn gelu(&self) -> Self {
        self.op("Gelu", &[], self.shape.clone(), vec![])
    }

    /// Element-wise sine, of radians.
    pub fn sin(&self) -> Self {
        self.op("Sin", &[], self.shape.clone(), vec![])
    }

    /// Element-wise cosine, of radians.
    pub fn cos(&self) -> Self {
        self.op("Cos", &[], self.shape.clone(), vec![])
    }

    /// `1 / (1 + exp(-x))`.
    pub fn sigmoid(&self) -> Self {
        self.op("Sigmoid", &[], self.shape.clone(), vec![])
    }

    /// Softmax over the last axis, in f32.
    pub fn softmax(&self) -> Self {
        let x = self.settled();
        let y = x.cast(Type::F32);
        y.op_as_is("Softmax", &[], self.shape.clone(), vec![int("axis", -1)]).cast(x.kind)
    }

    /// Normalises the last axis, in f32.
    pub fn layer_norm(&self, weight: &Weight<'c>, bias: &Weight<'c>, epsilon: f32) -> Self {
        let x = self.settled();
        let graph = &self.scope.graph;
        let (weight, bias) = (graph.float(weight, Type::F32), graph.float(bias, Type::F32));
        let attributes = vec![int("axis", -1), float("epsilon", epsilon)];
        let shape = self.shape.clone();
        let y = x.cast(Type::F32);
        y.op_as_is("LayerNormalization", &[&weight, &bias], shape, attributes).cast(x.kind)
    }

    /// Matrix product of the last two axes, the others broadcast.
    pub fn matmul(&self, other: &Self) -> Self {
        let (a, b) = (&self.shape, &other.shape);
        let fits = a.len() >= 2 && b.len() >= 2 && a[a.len() - 1] == b[b.len() - 2];
        let batch = broadcast(&a[..a.len().max(2) - 2], &b[..b.len().max(2) - 2]);
        let shape = match batch {
            Some(mut batch) if fits => {
                batch.extend([a[a.len() - 2], b[b.len() - 1]]);
                batch
            }
            _ => self.bad("MatMul", &[other]),
        };
        self.op("MatMul", &[&other.settled().name], shape, vec![])
    }

    /// The axes in another order.
    pub fn permute(&self, order: &[usize]) -> Self {
        let mut seen = order.to_vec();
        seen.sort_unstable();
        if !seen.into_iter().eq(0..self.shape.len()) {
            self.bad("Transpose", &[]);
            return self.clone();
        }
        let shape = order.iter().map(|&i| self.shape[i]).collect();
        let order: Vec<i64> = order.iter().map(|&i| i as i64).collect();
        self.op("Transpose", &[], shape, vec![ints("perm", &order)])
    }

    /// The same values, row-major, in another shape.
    pub fn reshape(&self, shape: &[usize]) -> Self {
        if shape.iter().product::<usize>() != self.shape.iter().product::<usize>() {
            self.bad("Reshape", &[]);
        }
        if shape == self.shape {
            return self.clone();
        }
        let dims: Vec<i64> = shape.iter().map(|&d| d as i64).collect();
        let dims = self.scope.graph.ints(&dims);
        self.op("Reshape", &[&dims], shape.to_vec(), vec![])
    }

    /// Joins `parts` along `axis`.
    pub fn concat(parts: &[&Self], axis: usize) -> Self {
        let (first, rest) = parts.split_first().expect("there is something to join");
        let mut shape = first.shape.clone();
        for part in rest {
            let same = |(i, (a, b)): (usize, (&usize, &usize))| i == axis || a == b;
            let fits = part.shape.len() == shape.len() && axis < shape.len();
            if !fits || !first.shape.iter().zip(&part.shape).enumerate().all(same) {
                first.bad("Concat", rest);
                return (*first).clone();
            }
            shape[axis] += part.shape[axis];
        }
        let rest: Vec<_> = rest.iter().map(|part| part.settled()).collect();
        let names: Vec<&str> = rest.iter().map(|part| part.name.as_str()).collect();
        first.op("Concat", &names, shape, vec![int("axis", axis as i64)])
    }

    /// The part `range` of `axis`.
    pub fn slice(&self, axis: usize, range: std::ops::Range<usize>) -> Self {
        if self.shape.get(axis).is_none_or(|&size| range.end > size || range.is_empty()) {
            self.bad("Slice", &[]);
            return self.clone();
        }
        if range == (0..self.shape[axis]) {
            return self.clone();
        }
        let graph = &self.scope.graph;
        let one = |value: usize| graph.ints(&[value as i64]);
        let (start, end, axes) = (one(range.start), one(range.end), one(axis));
        let mut shape = self.shape.clone();
        shape[axis] = range.len();
        self.op("Slice", &[&start, &end, &axes], shape, vec![])
    }

    /// The slices `indices` of `axis`.
    pub fn gather(&self, axis: usize, indices: &[usize]) -> Self {
        let size = self.shape.get(axis).copied().unwrap_or(0);
        if indices.iter().any(|&i| i >= size) {
            self.bad("Gather", &[]);
            return self.clone();
        }
        let mut shape = self.shape.clone();
        shape[axis] = indices.len();
        let indices: Vec<i64> = indices.iter().map(|&i| i as i64).collect();
        let indices = self.scope.graph.ints(&indices);
        self.op("Gather", &[&indices], shape, vec![int("axis", axis as i64)])
    }

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

    /// The maximum over `axis`, which disappears.
    pub fn max(&self, axis: usize) -> Self {
        let mut shape = self.shape.clone();
        shape.remove(axis);
        let axes = self.scope.graph.ints(&[axis as i64]);
        self.op("ReduceMax", &[&axes], shape, vec![int("keepdims", 0)])
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

    /// Floats in the block's own arithmetic, whatever this is in.
    pub(super) fn to_float(&self) -> Self {
        let float = self.scope.graph.0.borrow().float();
        self.cast(float)
    }

    /// The same for floats alone: others stay what they are.
    fn settled(&self) -> Self {
        match self.kind {
            Type::F32 | Type::F16 | Type::Bf16 => self.to_float(),
            Type::U8 | Type::I64 => self.clone(),
        }
    }

    pub(super) fn cast(&self, to: Type) -> Self {
        if self.kind == to {
            return self.clone();
        }
        let y = self.op_as_is("Cast", &[], self.shape.clone(), vec![int("to", to as i64)]);
        Self { kind: to, ..y }
    }

    fn broadcast(&self, op: &'static str, other: &Self) -> Self {
        let shape = broadcast(&self.shape, &other.shape).unwrap_or_else(|| self.bad(op, &[other]));
        self.op(op, &[&other.settled().name], shape, vec![])
    }

    /// In the block's own arithmetic.
    fn op(
        &self,
        op: &'static str,
        more: &[&str],
        shape: Vec<usize>,
        attributes: Vec<AttributeProto>,
    ) -> Self {
        self.settled().op_as_is(op, more, shape, attributes)
    }

    /// In the arithmetic that this is in.
    fn op_as_is(
        &self,
        op: &'static str,
        more: &[&str],
        shape: Vec<usize>,
        attributes: Vec<AttributeProto>,
    ) -> Self {
        let graph = &self.scope.graph;
        let name = format!("{}/{op}_{}", self.scope.path, graph.0.borrow().nodes.len());
        let mut inputs = vec![self.name.as_str()];
        inputs.extend(more);
        graph.push(op, &inputs, &name, attributes);
        Self { scope: self.scope.clone(), name, kind: self.kind, shape }
    }

    /// Records that `op` cannot take these shapes, and goes on with something.
    fn bad(&self, op: &'static str, others: &[&Self]) -> Vec<usize> {
        let shapes = [&[self], others].concat().iter().map(|t| t.shape.clone()).collect();
        let scope = self.scope.path.clone();
        self.scope.graph.fail(GraphError::Shape { op, scope, shapes });
        self.shape.clone()
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

/// NumPy's broadcasting.
fn broadcast(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let from_end = |s: &[usize], i: usize| *s.iter().rev().nth(i).unwrap_or(&1);
    let mut shape: Vec<usize> = (0..rank)
        .map(|i| match (from_end(a, i), from_end(b, i)) {
            (a, b) if a == b || b == 1 => Some(a),
            (1, b) => Some(b),
            _ => None,
        })
        .collect::<Option<_>>()?;
    shape.reverse();
    Some(shape)
}

const FLOAT: i32 = 1;
const INT: i32 = 2;
const STRING: i32 = 3;
const INTS: i32 = 7;

fn int(name: &str, i: i64) -> AttributeProto {
    AttributeProto { name: name.into(), i: Some(i), r#type: INT, ..Default::default() }
}

fn ints(name: &str, ints: &[i64]) -> AttributeProto {
    AttributeProto { name: name.into(), ints: ints.to_vec(), r#type: INTS, ..Default::default() }
}

fn float(name: &str, f: f32) -> AttributeProto {
    AttributeProto { name: name.into(), f: Some(f), r#type: FLOAT, ..Default::default() }
}

fn text(name: &str, s: &str) -> AttributeProto {
    let s = Some(s.as_bytes().to_vec());
    AttributeProto { name: name.into(), s, r#type: STRING, ..Default::default() }
}
