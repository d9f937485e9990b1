//! Which model with which weights, run by what, as it was typed.
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Which model, with which weights, run by what.
#[derive(Debug, clap::Args)]
pub struct ModelArgs {
    /// A recipe's name (see `mgdsam2 engine list`) or a recipe file
    #[arg(long, value_name = "RECIPE", default_value = "nano")]
    pub model: String,
    /// With which weights, for which backend.
    #[command(flatten)]
    pub weights: WeightArgs,
}

/// With which weights, run by what.
#[derive(Debug, clap::Args)]
pub struct WeightArgs {
    /// Weights: an MGD-SAM2 checkpoint (.pth, .pt or .safetensors) [default: the recipe's own]
    #[arg(long, visible_alias = "weights", value_name = "CKPT")]
    pub mgd: Option<PathBuf>,
    /// Leave blocks out, without retraining: shows how far the weights rely on them
    #[arg(long, value_name = "BLOCK", value_enum, value_delimiter = ',')]
    pub ablate: Vec<Ablate>,
    /// The tracker's weights: a SAM2.1 checkpoint [default: the recipe's own]
    #[arg(long, value_name = "CKPT")]
    pub sam2: Option<PathBuf>,
    /// Random weights where no checkpoint is given: true speed, meaningless matte
    #[arg(long, value_name = "SEED")]
    pub random_weights: Option<u64>,
    /// What runs the engine
    #[arg(long, value_enum, default_value_t)]
    pub backend: Backend,
    /// What the engine computes in [default: the fastest the recipe and the machine allow]
    #[arg(long, value_enum)]
    pub precision: Option<Precision>,
    /// Threads of each engine; 0 suits the model: one per core, or two engines share them
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub threads: u32,
    /// Which GPU, as CUDA counts
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub cuda_device: u32,
}

/// What runs engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Backend {
    /// The best that is here
    #[default]
    Auto,
    /// OpenVINO on the CPU
    Openvino,
    /// TensorRT on an NVIDIA GPU
    Tensorrt,
    /// ONNX Runtime's CUDA provider
    Onnxruntime,
    /// ONNX Runtime's TensorRT provider
    OnnxruntimeTensorrt,
    /// ONNX Runtime on the CPU
    OnnxruntimeCpu,
}

/// A block of the model that can be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ablate {
    /// Views exchange nothing in the encoder
    Mpadapter,
    /// Views exchange nothing in the mask decoder's coarsest features
    Mcem,
    /// ... nor in its finer ones
    Hmim,
    /// The mask decoder's own mask, enlarged
    Drm,
    /// All five views are cut from the half-size picture
    MultiView,
}

/// What an engine computes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// IEEE single
    F32,
    /// bfloat16
    Bf16,
    /// IEEE half
    F16,
}
