//! Values that a graph holds from the start.
use super::error::GraphError;
use super::graph::Type;
use super::proto::*;
use super::weight::Weight;

pub(super) enum Initializer<'c> {
    Float(Weight<'c>, Type),
    I64(Vec<i64>),
}

impl Initializer<'_> {
    pub(super) fn to_proto(&self, name: &str) -> Result<TensorProto, GraphError> {
        let (dims, kind, data) = match self {
            Self::I64(v) => {
                let data = v.iter().flat_map(|v| v.to_le_bytes()).collect();
                (vec![v.len()], Type::I64, data)
            }
            Self::Float(weight, kind) => {
                (weight.shape.clone(), *kind, encode(&weight.values()?, *kind))
            }
        };
        let dims = dims.iter().map(|&d| d as i64).collect();
        let (name, data_type) = (name.to_string(), kind as i32);
        Ok(TensorProto { dims, data_type, name, raw_data: Some(data), ..Default::default() })
    }
}

/// Little-endian bytes; half-precision types round to nearest even.
fn encode(values: &[f32], kind: Type) -> Vec<u8> {
    match kind {
        Type::F16 => values.iter().flat_map(|&v| half::f16::from_f32(v).to_le_bytes()).collect(),
        Type::Bf16 => values.iter().flat_map(|&v| half::bf16::from_f32(v).to_le_bytes()).collect(),
        _ => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
    }
}
