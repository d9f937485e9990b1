//! Inference on frames that lie on a device: there if the engine runs there, else through the host.
use super::{Exchange, Session, SessionError, floats};
use crate::backend::Tensor;
use crate::cuda::{Buffer, CudaError, Device, Event, Span};

/// An [`Exchange`] in device memory.
pub struct DeviceExchange {
    /// As [`Exchange::image`].
    pub image: Buffer<u8>,
    /// As [`Exchange::logits`].
    pub logits: Buffer<f32>,
    /// Whose memory that is, and the stream that it came from.
    pub device: Device,
    /// The end of what was last queued on either.
    pub last: Event,
    /// What that took so far.
    pub spans: Spans,
}

/// How long a frame was worked on before its coefficients.
pub struct Spans {
    /// Frame to picture.
    pub prepare: Span,
    /// Picture to logits, if the engine runs on the device.
    pub infer: Span,
}

impl Spans {
    /// Nothing is recorded yet.
    pub fn new(device: &Device) -> Result<Self, CudaError> {
        Ok(Self { prepare: device.span()?, infer: device.span()? })
    }
}

impl DeviceExchange {
    /// Black, and zero logits.
    pub fn new(device: &Device, side: usize) -> Result<Self, CudaError> {
        let (image, logits) = (device.zeros(3 * side * side)?, device.zeros(side * side)?);
        let (last, spans) = (device.event()?, Spans::new(device)?);
        device.record(&last)?;
        Ok(Self { image, logits, device: device.clone(), last, spans })
    }
}

impl Drop for DeviceExchange {
    /// Memory is freed in the order of the stream that it came from.
    fn drop(&mut self) {
        // Where the device fails, nothing is left to be waited for.
        let _ = self.device.wait_for(&self.last);
    }
}

impl Session {
    /// Queues the whole step where `exchange` lies; false, and nothing is queued, where the host
    /// has a part in it: a tracker, a listener, an engine that runs elsewhere.
    pub(super) fn step_on_device(&mut self, exchange: &mut Exchange) -> Result<bool, SessionError> {
        let (Some(detail), None, None, Some(on)) =
            (&mut self.detail, &self.tracking, &self.listener, &mut exchange.on_device)
        else {
            return Ok(false);
        };
        let lane = match self.lane.take().filter(|lane| lane.is(&on.device)) {
            Some(lane) => lane,
            None => on.device.beside()?,
        };
        detail.run_on_device(self.lane.insert(lane), on)
    }
}

impl Exchange {
    /// Brings the picture to the host, if it is not there.
    pub fn fetch(&mut self) -> Result<(), CudaError> {
        let (Some(on), Tensor::U8(image)) = (&self.on_device, &mut self.image) else {
            return Ok(());
        };
        on.device.wait_for(&on.last)?;
        on.device.download([(&on.image, &mut image[..])])
    }

    /// Brings both to the host, if they are not there.
    pub fn fetch_all(&mut self) -> Result<(), CudaError> {
        self.fetch()?;
        match (&self.on_device, &mut self.logits) {
            (Some(on), Tensor::F32(logits)) => on.device.download([(&on.logits, &mut logits[..])]),
            _ => Ok(()),
        }
    }

    /// Brings the logits to where the picture came from.
    pub fn put(&mut self) -> Result<(), CudaError> {
        let Some(on) = &mut self.on_device else { return Ok(()) };
        on.device.upload([(floats(&self.logits), &mut on.logits)])?;
        on.device.record(&on.last)
    }
}
