//! Where in the model an op or a weight belongs.
use super::error::GraphError;
use super::graph::{Graph, Tensor};
use super::weight::Weight;

/// A place in the model: the graph, and the checkpoint prefix that we are under.
#[derive(Clone)]
pub struct Scope<'c> {
    pub(super) graph: Graph<'c>,
    pub(super) path: String,
}

impl<'c> Scope<'c> {
    /// The scope one level down, as in `state_dict` keys.
    pub fn at(&self, name: impl std::fmt::Display) -> Self {
        let path = match self.path.is_empty() {
            true => name.to_string(),
            false => format!("{}.{name}", self.path),
        };
        Self { graph: self.graph.clone(), path }
    }

    /// The checkpoint's tensor of this name, which must have this shape.
    pub fn weight(&self, name: &str, shape: &[usize]) -> Weight<'c> {
        let key = self.at(name).path;
        let mut inner = self.graph.0.borrow_mut();
        inner.asked.insert(key.clone());
        Weight::of(inner.checkpoint, &key, shape)
    }

    /// A constant that no checkpoint holds; `name` tells it from others in the whole graph.
    pub fn constant(&self, name: &str, shape: &[usize], values: Vec<f32>) -> Weight<'c> {
        debug_assert_eq!(shape.iter().product::<usize>(), values.len(), "{name}");
        Weight::constant(name, shape, values)
    }

    /// `weight` as a value.
    pub fn value(&self, weight: &Weight<'c>) -> Tensor<'c> {
        let kind = self.graph.0.borrow().float();
        let name = self.graph.float(weight, kind);
        Tensor { scope: self.clone(), name, kind, shape: weight.shape.clone() }
    }

    /// The checkpoint's tensor of this name and shape as a value.
    pub fn parameter(&self, name: &str, shape: &[usize]) -> Tensor<'c> {
        self.value(&self.weight(name, shape))
    }

    /// A scalar constant.
    pub fn scalar(&self, value: f32) -> Tensor<'c> {
        self.value(&self.constant(&format!("const_{value:?}"), &[], vec![value]))
    }

    /// Names an intermediate value, so that [`Graph::tapped`] finds it. It costs nothing in a
    /// finished graph that does not give it out.
    pub fn tap(&self, name: &str, value: &Tensor<'c>) {
        let mut inner = self.graph.0.borrow_mut();
        inner.taps.insert(name.into(), value.clone());
        inner.blocks.push(name.into());
    }

    /// Records that the model cannot be built as configured.
    pub fn reject(&self, field: &'static str, expected: impl ToString, found: impl ToString) {
        let (expected, found) = (expected.to_string(), found.to_string());
        self.graph.fail(GraphError::Config { field, expected, found });
    }
}
