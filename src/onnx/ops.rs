//! The operators: what they do to shapes, and how ONNX spells them.
use super::attribute::{float, int, ints};
use super::error::GraphError;
use super::graph::{Tensor, Type};
use super::proto::AttributeProto;
use super::scope::Scope;
use super::weight::Weight;

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

    /// The maximum over `axis`, which disappears.
    pub fn max(&self, axis: usize) -> Self {
        let mut shape = self.shape.clone();
        shape.remove(axis);
        let axes = self.scope.graph.ints(&[axis as i64]);
        self.op("ReduceMax", &[&axes], shape, vec![int("keepdims", 0)])
    }

    /// Floats in the block's own arithmetic, whatever this is in.
    pub(super) fn to_float(&self) -> Self {
        let float = self.scope.graph.0.borrow().float();
        self.cast(float)
    }

    /// The same for floats alone: others stay what they are.
    pub(super) fn settled(&self) -> Self {
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
    pub(super) fn op(
        &self,
        op: &'static str,
        more: &[&str],
        shape: Vec<usize>,
        attributes: Vec<AttributeProto>,
    ) -> Self {
        self.settled().op_as_is(op, more, shape, attributes)
    }

    /// In the arithmetic that this is in.
    pub(super) fn op_as_is(
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
    pub(super) fn bad(&self, op: &'static str, others: &[&Self]) -> Vec<usize> {
        let shapes = [&[self], others].concat().iter().map(|t| t.shape.clone()).collect();
        let scope = self.scope.path.clone();
        self.scope.graph.fail(GraphError::Shape { op, scope, shapes });
        self.shape.clone()
    }
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
