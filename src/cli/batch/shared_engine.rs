//! One engine set, opened once, for all the pipelines of a batch.
//!
//! While one clip is on the engine another is decoded or encoded, so that it seldom waits.
use super::record::Model;
use crate::cli::engine;
use crate::cli::progress::Bars;
pub use gstmgdsam2::engines::Busy;
use gstmgdsam2::engines::{
    self, EngineError, Opened, Precision, Request, SharedEngines, TrackerFacts,
};

/// The engines and what they turned out to be.
pub struct SharedEngine {
    engines: SharedEngines,
    precision: Precision,
    tracker: Option<TrackerFacts>,
    /// For records.
    pub model: Model,
}

impl SharedEngine {
    /// Opens what `request` asks for.
    pub fn open(request: &Request, bars: &Bars) -> anyhow::Result<Self> {
        let (engines, opened) = engine::open_shared(request, bars)?;
        let Opened { precision, tracker, model, weights, backend, .. } = opened;
        let model = Model {
            model,
            weights,
            model_sha256: engines::fingerprint(request)?,
            backend,
            precision: engine::name(precision),
        };
        Ok(Self { engines, precision, tracker, model })
    }

    /// A share of it for one item, whose engine time goes into `busy`. What there was to warn of
    /// has been said when it was opened.
    pub fn share(&self, busy: &Busy) -> Result<Opened, EngineError> {
        let Model { model, weights, backend, .. } = self.model.clone();
        Ok(Opened {
            session: self.engines.session(busy)?,
            model,
            weights,
            tracker: self.tracker.clone(),
            backend,
            precision: self.precision,
            warnings: Vec::new(),
        })
    }
}
