//! An engine where it runs, with memory for what it gives.
use super::SessionError;
use super::held::{Held, Place};
#[cfg(feature = "cuda")]
use crate::backend::DeviceRun;
use crate::backend::{Engine, Tensor};
use crate::signature::Signature;

/// An engine, and what it last gave.
pub(super) struct Runner {
    engine: Box<dyn Engine>,
    place: Place,
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
        let outputs = expected.outputs.iter().map(|spec| Tensor::zeros(spec).into()).collect();
        Ok(Self { engine, place: Place::Host, outputs })
    }

    /// The GPU that the engine can run on.
    #[cfg(feature = "cuda")]
    pub(super) fn device(&self) -> Option<u32> {
        self.engine.device()
    }

    /// From now on the engine runs at `place`; what it gave is lost.
    #[cfg(feature = "cuda")]
    pub(super) fn move_to(&mut self, place: &Place) -> Result<(), SessionError> {
        let outputs = self.engine.signature().outputs.iter();
        self.outputs = outputs.map(|spec| place.zeros(spec)).collect::<Result<_, _>>()?;
        self.place = place.clone();
        Ok(())
    }

    /// Makes [`outputs`](Self::outputs) of `inputs`, which lie where the engine runs.
    pub(super) fn run(&mut self, inputs: &[&Held]) -> Result<(), SessionError> {
        run(self.engine.as_mut(), &self.place, inputs, &mut self.outputs)
    }

    /// The same into `output`, of which the engine has one.
    pub(super) fn run_into(
        &mut self,
        inputs: &[&Held],
        output: &mut Held,
    ) -> Result<(), SessionError> {
        run(self.engine.as_mut(), &self.place, inputs, std::slice::from_mut(output))
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
