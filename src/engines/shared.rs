//! Engines that are opened once, for several sessions at a time: they take turns.
use super::{EngineError, Opened, Progress, Recipe, Request, assemble, describe, open_plan};
use crate::backend::{BackendError, DeviceRun, Engine, Tensor};
use crate::session::Session;
use crate::signature::Signature;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// An engine that whoever holds the lock may run.
type Turn = Arc<Mutex<Box<dyn Engine>>>;

/// The engines of one recipe.
pub struct SharedEngines {
    recipe: Recipe,
    engines: Vec<(Signature, Turn)>,
}

/// How long engines have run for somebody.
#[derive(Debug, Clone, Default)]
pub struct Busy(Arc<AtomicU64>);

impl Busy {
    /// So far.
    pub fn time(&self) -> Duration {
        Duration::from_nanos(self.0.load(Relaxed))
    }
}

impl SharedEngines {
    /// As [`open`](super::open()), and a first session.
    pub fn open(
        request: &Request,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(Self, Opened), EngineError> {
        let (plan, engines) = open_plan(request, progress)?;
        let turns = engines.into_iter().map(|engine| {
            let signature = engine.signature().clone();
            (signature, Arc::new(Mutex::new(engine)))
        });
        let shared = Self { recipe: plan.recipe.clone(), engines: turns.collect() };
        let session = shared.session(&Busy::default())?;
        progress(Progress { stage: "ready", fraction: 1.0 });
        Ok((shared, describe(plan, session)))
    }

    /// One more session, which remembers a clip of its own; what the engines take for it goes into
    /// `busy`.
    pub fn session(&self, busy: &Busy) -> Result<Session, EngineError> {
        let share = |(signature, engine): &(Signature, Turn)| {
            let (signature, engine) = (signature.clone(), engine.clone());
            let device = engine.lock().unwrap_or_else(PoisonError::into_inner).device();
            Box::new(Share { signature, device, engine, busy: busy.clone() }) as Box<dyn Engine>
        };
        assemble(&self.recipe, self.engines.iter().map(share))
    }
}

/// What one session has of an engine.
struct Share {
    signature: Signature,
    device: Option<u32>,
    engine: Turn,
    busy: Busy,
}

impl Share {
    /// Runs the engine in turn, and counts how long it takes.
    fn in_turn(
        &self,
        run: impl FnOnce(&mut dyn Engine) -> Result<(), BackendError>,
    ) -> Result<(), BackendError> {
        // Outputs are overwritten whole: a run that panicked has left nothing behind.
        let mut engine = self.engine.lock().unwrap_or_else(PoisonError::into_inner);
        let started = Instant::now();
        let done = run(&mut **engine);
        self.busy.0.fetch_add(started.elapsed().as_nanos() as u64, Relaxed);
        done
    }
}

impl Engine for Share {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn run(&mut self, inputs: &[&Tensor], outputs: &mut [Tensor]) -> Result<(), BackendError> {
        self.in_turn(|engine| engine.run(inputs, outputs))
    }

    fn device(&self) -> Option<u32> {
        self.device
    }

    unsafe fn run_on_device(&mut self, run: DeviceRun) -> Result<(), BackendError> {
        // SAFETY: the caller vouches for the same, and knows nothing of the lock.
        self.in_turn(|engine| unsafe { engine.run_on_device(run) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature;

    struct OnDevice(Signature);

    impl Engine for OnDevice {
        fn signature(&self) -> &Signature {
            &self.0
        }

        fn run(&mut self, _: &[&Tensor], _: &mut [Tensor]) -> Result<(), BackendError> {
            panic!("it runs on the device")
        }

        unsafe fn run_on_device(&mut self, run: DeviceRun) -> Result<(), BackendError> {
            assert_eq!(run.stream, 3);
            Ok(())
        }
    }

    #[test]
    fn a_share_runs_on_the_device_where_its_engine_does() {
        let signature = signature::image(8);
        let engine: Box<dyn Engine> = Box::new(OnDevice(signature.clone()));
        let engine = Arc::new(Mutex::new(engine));
        let mut share = Share { signature, device: None, engine, busy: Busy::default() };
        let run = DeviceRun { inputs: vec![1], outputs: vec![2], stream: 3 };
        // SAFETY: the engine reads no memory.
        assert!(unsafe { share.run_on_device(run) }.is_ok());
    }
}
