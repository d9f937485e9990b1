//! Writes ONNX: a graph is built op by op, checked as it grows, pruned and serialised.
mod attribute;
mod error;
mod graph;
mod image_ops;
mod initializer;
mod model;
mod ops;
mod proto;
mod scope;
mod weight;

pub use error::GraphError;
pub use graph::{Graph, Tensor};
pub use image_ops::{Interpolation, Window2d};
pub use model::OnnxModel;
pub use scope::Scope;
pub use weight::Weight;
