//! Writes ONNX: a graph is built op by op, checked as it grows, pruned and serialised.
mod graph;
mod model;
mod ops;
mod proto;
mod weight;

pub use graph::{Graph, GraphError, Scope, Tensor};
pub use model::OnnxModel;
pub use ops::{Interpolation, Window2d};
pub use weight::Weight;
