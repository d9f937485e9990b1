//! A graph under construction: scopes, values, weights, and what went wrong.
//!
//! Ops never fail where they are called: mistakes are kept, with the scope they happened in,
//! and [`Graph::finish`] returns them. Model code thus reads like the reference
//! implementation, without a `?` on every line.
use super::error::GraphError;
use super::initializer::Initializer;
use super::model::OnnxModel;
use super::proto::*;
use super::scope::Scope;
use super::weight::Weight;
use crate::checkpoint::{Checkpoint, Mismatches};
use crate::signature::{ElementType, Precision, TensorSpec};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    rc::Rc,
};

/// ONNX's numbers of the element types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    F32 = 1,
    U8 = 2,
    I64 = 7,
    F16 = 10,
    Bf16 = 16,
}

pub(super) struct Inner<'c> {
    name: String,
    pub(super) checkpoint: &'c Checkpoint,
    /// What floats are where nothing says otherwise.
    float: Type,
    inputs: Vec<ValueInfoProto>,
    pub(super) nodes: Vec<NodeProto>,
    initializers: BTreeMap<String, Initializer<'c>>,
    pub(super) asked: BTreeSet<String>,
    pub(super) taps: BTreeMap<String, Tensor<'c>>,
    /// The taps' names in the order of the model: each ends a block.
    pub(super) blocks: Vec<String>,
    /// The blocks, by number, that compute in f32 whatever the others do.
    f32_blocks: BTreeSet<usize>,
    gives_out_blocks: bool,
    mismatches: Mismatches,
    error: Option<GraphError>,
}

/// A graph under construction.
#[derive(Clone)]
pub struct Graph<'c>(pub(super) Rc<RefCell<Inner<'c>>>);

/// A value in the graph, with its static shape.
#[derive(Clone)]
pub struct Tensor<'c> {
    pub(super) scope: Scope<'c>,
    pub(super) name: String,
    pub(super) kind: Type,
    /// Static shape.
    pub shape: Vec<usize>,
}

impl<'c> Graph<'c> {
    /// Starts an empty graph whose weights come from `checkpoint`, in this arithmetic.
    pub fn new(name: &str, checkpoint: &'c Checkpoint, precision: Precision) -> Self {
        let float = match precision {
            Precision::F32 => Type::F32,
            Precision::F16 => Type::F16,
            Precision::Bf16 => Type::Bf16,
        };
        Self(Rc::new(RefCell::new(Inner {
            name: name.into(),
            checkpoint,
            float,
            inputs: Vec::new(),
            nodes: Vec::new(),
            initializers: BTreeMap::new(),
            asked: BTreeSet::new(),
            taps: BTreeMap::new(),
            blocks: Vec::new(),
            f32_blocks: BTreeSet::new(),
            gives_out_blocks: false,
            mismatches: Mismatches::default(),
            error: None,
        })))
    }

    /// The top of the checkpoint's namespace.
    pub fn root(&self) -> Scope<'c> {
        Scope { graph: self.clone(), path: String::new() }
    }

    /// Makes the blocks of these numbers compute in f32. A block is what the model makes between
    /// one [`Scope::tap`] and the next, so that [`Graph::blocks`] of another graph names it.
    pub fn compute_in_f32(&self, blocks: &BTreeSet<usize>) {
        self.0.borrow_mut().f32_blocks = blocks.clone();
    }

    /// The names of the model's blocks so far, in order: those of the taps that end them.
    pub fn blocks(&self) -> Vec<String> {
        self.0.borrow().blocks.clone()
    }

    /// Makes [`Graph::finish`] give out every block that reaches an output, by the tap's name,
    /// after the outputs and in the order of the model.
    pub fn give_out_blocks(&self) {
        self.0.borrow_mut().gives_out_blocks = true;
    }

    /// Declares a graph input; floats arrive as f32 and are cast to the graph's arithmetic.
    pub fn input(&self, spec: &TensorSpec) -> Tensor<'c> {
        let kind = match spec.element_type {
            ElementType::U8 => Type::U8,
            ElementType::F32 => Type::F32,
        };
        self.0.borrow_mut().inputs.push(value_info(&spec.name, &spec.shape, kind));
        let (name, shape) = (spec.name.clone(), spec.shape.clone());
        Tensor { scope: self.root(), name, kind, shape }.to_float()
    }

    /// Makes keys of the checkpoint that the model has not asked for a mistake, but for those
    /// with a prefix in `unused`, which published checkpoints hold and nothing needs.
    pub fn reject_extra_keys(&self, unused: &[String]) {
        let mut inner = self.0.borrow_mut();
        let known = |key: &str| {
            let counter = key.ends_with(".num_batches_tracked");
            counter || unused.iter().any(|prefix| key.starts_with(prefix.as_str()))
        };
        let keys = inner.checkpoint.keys().filter(|k| !inner.asked.contains(*k) && !known(k));
        let extra = keys.map(String::from).collect();
        inner.mismatches.extra = extra;
    }

    /// The finished model with these outputs, and of the rest only what they need; or what went
    /// wrong: all differences between checkpoint and model at once, or the first wrong shape.
    ///
    /// Outputs are f32 whatever the graph computes in.
    pub fn finish(self, outputs: &[(&str, &Tensor<'c>)]) -> Result<OnnxModel, GraphError> {
        let mut output_infos = Vec::new();
        let blocks = self.blocks_towards(outputs);
        let blocks = blocks.iter().map(|(name, value)| (name.as_str(), value));
        let outputs: Vec<_> = outputs.iter().copied().chain(blocks).collect();
        for (name, value) in &outputs {
            let value = value.cast(Type::F32);
            self.push("Identity", &[&value.name], name, vec![]);
            output_infos.push(value_info(name, &value.shape, Type::F32));
        }
        let mut inner = self.0.borrow_mut();
        if let Some(error) = inner.error.take() {
            return Err(error);
        }
        let needed = inner.reached(outputs.iter().map(|(name, _)| name.to_string()));
        inner.check_weights(&needed)?;
        let mut graph = GraphProto { name: inner.name.clone(), ..Default::default() };
        graph.node = std::mem::take(&mut inner.nodes);
        graph.node.retain(|node| needed.contains(&node.output[0]));
        graph.input = std::mem::take(&mut inner.inputs);
        graph.output = output_infos;
        for (name, initializer) in inner.initializers.iter().filter(|(n, _)| needed.contains(*n)) {
            graph.initializer.push(initializer.to_proto(name)?);
        }
        Ok(OnnxModel::new(graph))
    }

    /// The blocks to give out with these outputs.
    fn blocks_towards(&self, outputs: &[(&str, &Tensor<'c>)]) -> Vec<(String, Tensor<'c>)> {
        let inner = self.0.borrow();
        if !inner.gives_out_blocks {
            return Vec::new();
        }
        let needed = inner.reached(outputs.iter().map(|(_, value)| value.name.clone()));
        let taps = inner.blocks.iter().map(|name| (name.clone(), inner.taps[name].clone()));
        taps.filter(|(_, value)| needed.contains(&value.name)).collect()
    }

    /// The value that the model named so with [`Scope::tap`].
    pub fn tapped(&self, name: &str) -> Option<Tensor<'c>> {
        self.0.borrow().taps.get(name).cloned()
    }

    pub(super) fn push(
        &self,
        op: &str,
        inputs: &[&str],
        output: &str,
        attribute: Vec<AttributeProto>,
    ) {
        self.0.borrow_mut().nodes.push(NodeProto {
            input: inputs.iter().map(|s| s.to_string()).collect(),
            output: vec![output.into()],
            name: output.into(),
            op_type: op.into(),
            attribute,
        });
    }

    pub(super) fn fail(&self, error: GraphError) {
        self.0.borrow_mut().error.get_or_insert(error);
    }

    /// The name of an int64 constant.
    pub(super) fn ints(&self, values: &[i64]) -> String {
        let name = match values.len() {
            0..=8 => format!("const_{values:?}"),
            length => {
                let mut hasher = DefaultHasher::new();
                values.hash(&mut hasher);
                format!("const_{length}_{:016x}", hasher.finish())
            }
        };
        let mut inner = self.0.borrow_mut();
        inner.initializers.entry(name.clone()).or_insert_with(|| Initializer::I64(values.to_vec()));
        name
    }

    /// The name of `weight` as an initializer of this type.
    pub(super) fn float(&self, weight: &Weight<'c>, kind: Type) -> String {
        let mut inner = self.0.borrow_mut();
        // Parts that a half-precision graph computes in f32 have weights of their own.
        let name = match kind == inner.float {
            true => weight.name.clone(),
            false => format!("{}:{kind:?}", weight.name),
        };
        inner
            .initializers
            .entry(name.clone())
            .or_insert_with(|| Initializer::Float(weight.clone(), kind));
        name
    }
}

impl<'c> Tensor<'c> {
    /// Where in the model this is.
    pub fn scope(&self) -> &Scope<'c> {
        &self.scope
    }
}

impl<'c> Inner<'c> {
    /// What the block under construction computes in.
    pub(super) fn float(&self) -> Type {
        match self.f32_blocks.contains(&self.blocks.len()) {
            true => Type::F32,
            false => self.float,
        }
    }

    /// Compares what the graph needs of the checkpoint with what that has.
    fn check_weights(&mut self, needed: &HashSet<String>) -> Result<(), GraphError> {
        let mut seen = HashSet::new();
        for (name, initializer) in &self.initializers {
            let Initializer::Float(weight, _) = initializer else { continue };
            for source in weight.sources.iter().filter(|_| needed.contains(name)) {
                let (key, shape) = source.as_ref();
                if !seen.insert(key) {
                    continue;
                }
                if let Err(mismatch) = self.checkpoint.check(key, shape) {
                    self.mismatches.add(key, shape, mismatch);
                }
            }
        }
        match self.mismatches.is_satisfied() {
            true => Ok(()),
            false => Err(Box::new(std::mem::take(&mut self.mismatches)).into()),
        }
    }

    /// The names of all values that these outputs are made of.
    fn reached(&self, outputs: impl Iterator<Item = String>) -> HashSet<String> {
        let mut needed: HashSet<String> = outputs.collect();
        for node in self.nodes.iter().rev() {
            if needed.contains(&node.output[0]) {
                needed.extend(node.input.iter().cloned());
            }
        }
        needed
    }
}

fn value_info(name: &str, shape: &[usize], kind: Type) -> ValueInfoProto {
    let dim = shape.iter().map(|&d| DimensionProto { dim_value: Some(d as i64) }).collect();
    let shape = Some(TensorShapeProto { dim });
    let tensor_type = Some(TensorTypeProto { elem_type: kind as i32, shape });
    ValueInfoProto { name: name.into(), r#type: Some(TypeProto { tensor_type }) }
}
