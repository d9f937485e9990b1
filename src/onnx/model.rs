//! A finished graph as a file, its weights inside or beside it.
use super::error::GraphError;
use super::proto::*;
use prost::Message;
use std::{collections::BTreeMap, fs, io, path::Path};

/// The oldest operator set in which bfloat16 convolutions are valid.
const OPSET: i64 = 22;
const IR_VERSION: i64 = 10;
/// The field of `ModelProto` that holds the graph.
const GRAPH_TAG: u32 = 7;
/// Protobuf messages end at 2 GiB; weights beyond this go into a file of their own.
const LARGEST_MESSAGE: usize = (2 << 30) - (64 << 20);

/// A finished graph with its weights.
pub struct OnnxModel {
    graph: GraphProto,
}

impl OnnxModel {
    pub(super) fn new(graph: GraphProto) -> Self {
        Self { graph }
    }

    /// The model as one message.
    pub fn to_bytes(&self) -> Result<Vec<u8>, GraphError> {
        match self.message_len(&self.graph) {
            size if size > LARGEST_MESSAGE => {
                Err(GraphError::TooLarge(self.graph.name.clone(), size))
            }
            size => {
                // Fields may come in any order: the graph, last, need not be moved or copied.
                let mut bytes = Vec::with_capacity(size);
                bytes.extend(self.message(None).encode_to_vec());
                prost::encoding::message::encode(GRAPH_TAG, &self.graph, &mut bytes);
                Ok(bytes)
            }
        }
    }

    /// Writes the model to `path`; weights that one message cannot hold go to `path` with
    /// `.data` appended, which belongs beside it.
    pub fn save(self, path: &Path) -> io::Result<()> {
        self.save_with_limit(path, LARGEST_MESSAGE)
    }

    /// [`save`](Self::save) with another limit in bytes, for those who want the weights apart.
    pub fn save_with_limit(mut self, path: &Path, largest_message: usize) -> io::Result<()> {
        let mut graph = std::mem::take(&mut self.graph);
        if self.message_len(&graph) > largest_message {
            let mut data_path = path.as_os_str().to_owned();
            data_path.push(".data");
            move_weights(&mut graph, Path::new(&data_path))?;
        }
        fs::write(path, self.message(Some(graph)).encode_to_vec())
    }

    /// The names and shapes of all outputs, in order.
    pub fn outputs(&self) -> Vec<(String, Vec<usize>)> {
        let size = |dim: &DimensionProto| dim.dim_value.unwrap_or_default() as usize;
        let shape = |info: &ValueInfoProto| {
            let tensor = info.r#type.as_ref()?.tensor_type.as_ref()?;
            Some(tensor.shape.as_ref()?.dim.iter().map(size).collect())
        };
        let outputs = self.graph.output.iter();
        outputs.map(|info| (info.name.clone(), shape(info).unwrap_or_default())).collect()
    }

    /// How many nodes of each operator there are.
    pub fn operators(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for node in &self.graph.node {
            *counts.entry(node.op_type.as_str()).or_default() += 1;
        }
        counts
    }

    fn message_len(&self, graph: &GraphProto) -> usize {
        graph.encoded_len() + 256
    }

    fn message(&self, graph: Option<GraphProto>) -> ModelProto {
        ModelProto {
            ir_version: IR_VERSION,
            producer_name: env!("CARGO_PKG_NAME").into(),
            producer_version: env!("CARGO_PKG_VERSION").into(),
            graph,
            opset_import: vec![OperatorSetIdProto { version: OPSET }],
        }
    }
}

/// Moves the large initializers of `graph` into the file `path`.
fn move_weights(graph: &mut GraphProto, path: &Path) -> io::Result<()> {
    const EXTERNAL: i32 = 1;
    const SMALL: usize = 1024;
    let location = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut file = io::BufWriter::new(fs::File::create(path)?);
    let mut offset = 0;
    for tensor in &mut graph.initializer {
        let Some(data) = tensor.raw_data.take_if(|d| d.len() > SMALL) else { continue };
        io::Write::write_all(&mut file, &data)?;
        let entry = |key: &str, value: String| StringStringEntryProto { key: key.into(), value };
        tensor.external_data = vec![
            entry("location", location.clone()),
            entry("offset", offset.to_string()),
            entry("length", data.len().to_string()),
        ];
        tensor.data_location = EXTERNAL;
        offset += data.len();
    }
    io::Write::flush(&mut file)
}
