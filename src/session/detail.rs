//! The detail path: how much of each pixel is the foreground.
#[cfg(feature = "cuda")]
use super::on_device::DeviceExchange;
use super::tracker::check;
use super::{SessionError, floats, values};
#[cfg(feature = "cuda")]
use crate::backend::{BackendError, DeviceRun};
use crate::backend::{Engine, Tensor};
#[cfg(feature = "cuda")]
use crate::cuda::Device;
use crate::signature;
use crate::signature::detail::DetailShape;

/// The engine that gives logits: the whole path, or its second half.
pub(super) struct Detail {
    engine: Box<dyn Engine>,
    /// The tracked mask and whether there is one, if it is the dense prompt.
    prompt: Option<[Tensor; 2]>,
}

impl Detail {
    /// A path that `shape` describes, the second half of it if `is_divided`; an error if the
    /// engine has another signature.
    pub(super) fn new(
        engine: Box<dyn Engine>,
        shape: &DetailShape,
        is_divided: bool,
    ) -> Result<Self, SessionError> {
        let expected = match is_divided {
            true => signature::detail::decoder(shape),
            false => signature::detail::whole(shape),
        };
        let prompt = expected.inputs.last_chunk().filter(|_| shape.prompt_side.is_some());
        let prompt = prompt.map(|specs: &[_; 2]| specs.each_ref().map(Tensor::zeros));
        check(engine.as_ref(), expected)?;
        Ok(Self { engine, prompt })
    }

    /// Whether the tracked mask is its dense prompt.
    pub(super) fn is_prompted(&self) -> bool {
        self.prompt.is_some()
    }

    /// From now on `mask_logits`, square, is the dense prompt, or nothing is.
    pub(super) fn prompt(&mut self, mask_logits: Option<&[f32]>) {
        let Some([mask, has_mask]) = &mut self.prompt else { return };
        values(has_mask)[0] = f32::from(u8::from(mask_logits.is_some()));
        if let Some(mask_logits) = mask_logits {
            values(mask).copy_from_slice(mask_logits);
        }
    }

    /// Queues a run on `lane`, a stream of the device that `exchange` lies on; false, and nothing is
    /// queued, if the engine does not run there.
    #[cfg(feature = "cuda")]
    pub(super) fn run_on_device(
        &mut self,
        lane: &Device,
        on: &mut DeviceExchange,
    ) -> Result<bool, SessionError> {
        let run = DeviceRun {
            inputs: vec![lane.address(&on.image)],
            outputs: vec![lane.address(&on.logits)],
            stream: lane.stream_handle() as u64,
        };
        lane.wait_for(&on.last)?;
        let queued = lane.timed(&mut on.spans.infer, || {
            // SAFETY: both buffers are of the signature's size and in use until `last`, which is
            // recorded behind this run.
            unsafe { self.engine.run_on_device(run) }.map_err(SessionError::from)
        });
        match queued {
            Err(SessionError::Backend(BackendError::NoGpu(_))) => return Ok(false),
            queued => queued?,
        }
        lane.record(&on.last)?;
        Ok(true)
    }

    /// `image` (1, 2S, 2S, 3) and, of a divided path, what the first half said of it, to `logits`.
    pub(super) fn run(
        &mut self,
        image: &Tensor,
        views: &[Tensor],
        logits: &mut Tensor,
    ) -> Result<(), SessionError> {
        let prompt = self.prompt.iter().flatten();
        let inputs: Vec<&Tensor> = std::iter::once(image).chain(views).chain(prompt).collect();
        Ok(self.engine.run(&inputs, std::slice::from_mut(logits))?)
    }
}

/// Whether more than next to nothing is foreground.
pub(super) fn holds_object(logits: &Tensor) -> bool {
    /// A thousandth of the picture.
    const LEAST: usize = 1000;
    let logits = floats(logits);
    logits.iter().filter(|&&v| v > 0.0).count() * LEAST > logits.len()
}
