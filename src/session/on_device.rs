//! Inference on frames that lie on a device: there if the engine runs there, else through the host.
use super::{Exchange, Session, SessionError, floats};
use crate::backend::Tensor;
use crate::cuda::{Buffer, CudaError, Device};

/// An [`Exchange`] in device memory.
pub struct DeviceExchange {
    /// As [`Exchange::image`].
    pub image: Buffer<u8>,
    /// As [`Exchange::logits`].
    pub logits: Buffer<f32>,
    /// Whose memory that is.
    pub device: Device,
}

impl DeviceExchange {
    /// Black, and zero logits.
    pub fn new(device: &Device, side: usize) -> Result<Self, CudaError> {
        let (image, logits) = (device.zeros(3 * side * side)?, device.zeros(side * side)?);
        Ok(Self { image, logits, device: device.clone() })
    }
}

impl Session {
    /// Queues the whole step where `exchange` lies; false, and nothing is queued, where the host
    /// has a part in it: a tracker, a listener, an engine that runs elsewhere.
    pub(super) fn step_on_device(&mut self, exchange: &mut Exchange) -> Result<bool, SessionError> {
        match (&mut self.detail, &self.tracking, &self.listener, &mut exchange.on_device) {
            (Some(detail), None, None, Some(on)) => detail.run_on_device(on),
            _ => Ok(false),
        }
    }
}

impl Exchange {
    /// Brings the picture to the host, if it is not there.
    pub fn fetch(&mut self) -> Result<(), CudaError> {
        match (&self.on_device, &mut self.image) {
            (Some(on), Tensor::U8(image)) => on.device.download(&on.image, image),
            _ => Ok(()),
        }
    }

    /// Brings both to the host, if they are not there.
    pub fn fetch_all(&mut self) -> Result<(), CudaError> {
        self.fetch()?;
        match (&self.on_device, &mut self.logits) {
            (Some(on), Tensor::F32(logits)) => on.device.download(&on.logits, logits),
            _ => Ok(()),
        }
    }

    /// Brings the logits to where the picture came from.
    pub fn put(&mut self) -> Result<(), CudaError> {
        match &mut self.on_device {
            Some(on) => on.device.upload(floats(&self.logits), &mut on.logits),
            None => Ok(()),
        }
    }
}
