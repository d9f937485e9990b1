//! The contract between weights and frames: every graph's inputs and outputs.
pub mod detail;
pub mod tracker;

/// The arithmetic an engine's graph is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// IEEE single precision: the reference.
    F32,
    /// IEEE half precision.
    F16,
    /// bfloat16: single precision's range with 8 bits of mantissa.
    Bf16,
}

/// The type of a tensor's elements where frames and engines meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ElementType {
    /// Pixels.
    U8,
    /// Everything else.
    F32,
}

/// One input or output of a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorSpec {
    /// The name in the ONNX graph and in the engine.
    pub name: String,
    /// Static shape.
    pub shape: Vec<usize>,
    /// Element type.
    pub element_type: ElementType,
}

/// What a graph takes and gives, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The graph's name, also the stem of its file name.
    pub graph: String,
    /// Inputs in the order of the ONNX graph.
    pub inputs: Vec<TensorSpec>,
    /// Outputs in the order of the ONNX graph.
    pub outputs: Vec<TensorSpec>,
}

/// The graph of MGD-SAM2's image path: a squashed picture in, full-resolution logits out.
///
/// `image` is (1, 2S, 2S, 3) RGB, `logits` (1, 1, 2S, 2S) before the sigmoid; `S` is `inp_size`.
/// Normalisation and the five views are part of the graph, so that a frame is written once.
pub fn image(inp_size: usize) -> Signature {
    let side = 2 * inp_size;
    Signature {
        graph: "image".into(),
        inputs: vec![spec("image", &[1, side, side, 3], ElementType::U8)],
        outputs: vec![spec("logits", &[1, 1, side, side], ElementType::F32)],
    }
}

fn spec(name: &str, shape: &[usize], element_type: ElementType) -> TensorSpec {
    TensorSpec { name: name.into(), shape: shape.to_vec(), element_type }
}
