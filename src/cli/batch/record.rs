//! What became of an item: a line of `result.jsonl`.
use super::item::Item;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::PathBuf;

/// How an item ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Its matte is there, whole.
    Done,
    /// It has none; the record says why.
    Failed,
}

/// What runs the batch, said in every line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Model {
    /// The recipe's name.
    pub model: String,
    /// What the weights are.
    pub weights: String,
    /// SHA-256 of all that makes the engine's graph: code, dimensions, precision, weights.
    pub model_sha256: String,
    /// Library, version and device.
    pub backend: String,
    /// What the engine computes in.
    pub precision: String,
}

/// One line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    /// The item's name.
    pub item: String,
    /// What was matted, relative to the data set's folder or the manifest's.
    pub source: PathBuf,
    /// Its ground truth, relative likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gt: Option<PathBuf>,
    /// How it ended.
    pub status: Status,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The matte, relative to OUT: a picture, a movie or a folder of pictures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<PathBuf>,
    /// Frames written.
    pub frames: u64,
    /// From its start to its end; other items were at work meanwhile.
    pub seconds: f64,
    /// Of these, the engine's.
    pub engine_seconds: f64,
    /// `{"prepare": {"median_ms": .., "p95_ms": ..}, ..}`: per frame; `infer` includes waiting for
    /// the engine that all items share.
    pub stages: Value,
    /// What ran.
    #[serde(flatten)]
    pub model: Model,
}

impl Record {
    /// That `item` failed, after `seconds`.
    pub fn failed(item: &Item, model: &Model, seconds: f64, error: &anyhow::Error) -> Self {
        Self {
            item: item.item.clone(),
            source: item.source.clone(),
            gt: item.gt.clone(),
            status: Status::Failed,
            error: Some(format!("{error:#}")),
            output: None,
            frames: 0,
            seconds,
            engine_seconds: 0.0,
            stages: Value::Object(serde_json::Map::new()),
            model: model.clone(),
        }
    }

    /// Whether the item need not be done again.
    pub fn is_done(&self) -> bool {
        self.status == Status::Done
    }
}
