//! Engines where they run.
use super::SessionError;
use super::held::{Held, Place};
#[cfg(feature = "cuda")]
use crate::backend::DeviceRun;
use crate::backend::{Engine, Tensor};
use crate::signature::Signature;

/// An engine where it runs.
pub(super) struct Runner {
    engine: Box<dyn Engine>,
    place: Place,
}

/// The same with memory for what it gives.
pub(super) struct Keeper {
    engine: Runner,
    /// In the signature's order.
    pub(super) outputs: Vec<Held>,
}

impl Runner {
    /// With the host; an error if `engine` is not of `expected`.
    pub(super) fn new(engine: Box<dyn Engine>, expected: Signature) -> Result<Self, SessionError> {
        let found = engine.signature();
        if *found != expected {
            let (expected, found) = (Box::new(expected), Box::new(found.clone()));
            return Err(SessionError::Signature { expected, found });
        }
        Ok(Self { engine, place: Place::Host })
    }

    /// The GPU that the engine can run on.
    pub(super) fn device(&self) -> Option<u32> {
        self.engine.device()
    }

    /// Where the engine runs.
    #[cfg(feature = "cuda")]
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// From now on the engine runs at `place`.
    #[cfg(feature = "cuda")]
    pub(super) fn move_to(&mut self, place: &Place) {
        self.place = place.clone();
    }

    /// Memory for what the engine gives, where it runs.
    pub(super) fn outputs(&self) -> Result<Vec<Held>, SessionError> {
        let specs = self.engine.signature().outputs.iter();
        specs.map(|spec| self.place.zeros(spec)).collect()
    }

    /// Makes `outputs` of `inputs`; all lie where the engine runs.
    pub(super) fn run(
        &mut self,
        inputs: &[&Held],
        outputs: &mut [Held],
    ) -> Result<(), SessionError> {
        run(self.engine.as_mut(), &self.place, inputs, outputs)
    }
}

impl Keeper {
    /// As [`Runner::new`].
    pub(super) fn new(engine: Box<dyn Engine>, expected: Signature) -> Result<Self, SessionError> {
        let engine = Runner::new(engine, expected)?;
        Ok(Self { outputs: engine.outputs()?, engine })
    }

    /// As [`Runner::device`].
    #[cfg(feature = "cuda")]
    pub(super) fn device(&self) -> Option<u32> {
        self.engine.device()
    }

    /// From now on the engine runs at `place`; what it gave is lost.
    #[cfg(feature = "cuda")]
    pub(super) fn move_to(&mut self, place: &Place) -> Result<(), SessionError> {
        self.engine.move_to(place);
        self.outputs = self.engine.outputs()?;
        Ok(())
    }

    /// Makes [`outputs`](Self::outputs) of `inputs`, which lie where the engine runs.
    pub(super) fn run(&mut self, inputs: &[&Held]) -> Result<(), SessionError> {
        self.engine.run(inputs, &mut self.outputs)
    }
}

/// On a device, this only queues.
fn run(
    engine: &mut dyn Engine,
    place: &Place,
    inputs: &[&Held],
    outputs: &mut [Held],
) -> Result<(), SessionError> {
    #[cfg(feature = "cuda")]
    if let Place::Device(lane) = place {
        let run = DeviceRun {
            inputs: inputs.iter().map(|held| held.address()).collect::<Result<_, _>>()?,
            outputs: outputs.iter().map(|held| held.address()).collect::<Result<_, _>>()?,
            stream: lane.stream_handle() as u64,
        };
        // SAFETY: all are of the signature's sizes; they are written, read again and freed in the
        // order of this stream, or behind an event of it.
        return Ok(unsafe { engine.run_on_device(run) }?);
    }
    #[cfg(not(feature = "cuda"))]
    let Place::Host = place;
    let inputs = inputs.iter().map(|held| held.tensor()).collect::<Result<Vec<_>, _>>()?;
    let lent = outputs.iter_mut().map(|held| match std::mem::replace(held, nothing()) {
        Held::Host(tensor) => tensor,
        #[cfg(feature = "cuda")]
        _ => Tensor::F32(Vec::new()),
    });
    let mut tensors: Vec<Tensor> = lent.collect();
    let ran = engine.run(&inputs, &mut tensors);
    outputs.iter_mut().zip(tensors).for_each(|(held, tensor)| *held = tensor.into());
    Ok(ran?)
}

fn nothing() -> Held {
    Tensor::F32(Vec::new()).into()
}
