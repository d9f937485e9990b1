//! One engine, opened once, for all the pipelines of a batch: they take turns.
//!
//! While one clip is on the engine another is decoded or encoded, so that it seldom waits.
use super::record::Model;
use crate::cli::engine;
use crate::cli::progress::Bars;
use gstmgdsam2::backend::{BackendError, Engine, Tensor};
use gstmgdsam2::engines::{self, Opened, Precision, Request};
use gstmgdsam2::session::Session;
use gstmgdsam2::signature::Signature;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The engine and what it turned out to be.
pub struct SharedEngine {
    engine: Arc<Mutex<Box<dyn Engine>>>,
    signature: Signature,
    precision: Precision,
    /// For records.
    pub model: Model,
}

/// How long an engine has run for somebody.
#[derive(Debug, Clone, Default)]
pub struct Busy(Arc<AtomicU64>);

impl Busy {
    /// So far.
    pub fn time(&self) -> Duration {
        Duration::from_nanos(self.0.load(Relaxed))
    }
}

impl SharedEngine {
    /// Opens what `request` asks for.
    pub fn open(request: &Request, bars: &Bars) -> anyhow::Result<Self> {
        let opened = engine::open(request, bars)?;
        let model = Model {
            model: opened.model,
            weights: opened.weights,
            model_sha256: engines::fingerprint(request)?,
            backend: opened.backend,
            precision: engine::name(opened.precision),
        };
        let engine = opened.session.into_engine();
        let signature = engine.signature().clone();
        let precision = opened.precision;
        Ok(Self { engine: Arc::new(Mutex::new(engine)), signature, precision, model })
    }

    /// A share of it for one item, whose engine time goes into `busy`. What there was to warn of
    /// has been said when it was opened.
    pub fn share(&self, busy: &Busy) -> Opened {
        let (engine, signature) = (self.engine.clone(), self.signature.clone());
        let session = Session::new(Box::new(Share { engine, signature, busy: busy.clone() }))
            .expect("a share has its engine's signature, which was accepted before");
        let Model { model, weights, backend, .. } = self.model.clone();
        Opened { session, model, weights, backend, precision: self.precision, warnings: Vec::new() }
    }
}

/// What one pipeline has of the engine.
struct Share {
    engine: Arc<Mutex<Box<dyn Engine>>>,
    signature: Signature,
    busy: Busy,
}

impl Engine for Share {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn run(&mut self, inputs: &[&Tensor], outputs: &mut [Tensor]) -> Result<(), BackendError> {
        // Outputs are overwritten whole: a run that panicked has left nothing behind.
        let mut engine = self.engine.lock().unwrap_or_else(PoisonError::into_inner);
        let started = Instant::now();
        let run = engine.run(inputs, outputs);
        self.busy.0.fetch_add(started.elapsed().as_nanos() as u64, Relaxed);
        run
    }
}
