//! Inference on a device: with all engines there, and frames that lie there or are brought.
use super::detail::Detail;
use super::encoder::Seen;
use super::held::{Held, Place};
use super::{Exchange, Frame, MemoryState, Session, SessionError};
use crate::cuda::{CudaError, Device, Event, Span};

/// An [`Exchange`] in device memory.
pub struct DeviceExchange {
    /// As [`Exchange::image`].
    pub image: Held,
    /// As [`Exchange::logits`].
    pub logits: Held,
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
    /// Picture to features, if that is not a part of the next.
    pub look: Span,
    /// Picture to logits, if the engine runs on the device.
    pub infer: Span,
}

impl Spans {
    /// Nothing is recorded yet.
    pub fn new(device: &Device) -> Result<Self, CudaError> {
        Ok(Self { prepare: device.span()?, look: device.span()?, infer: device.span()? })
    }
}

impl DeviceExchange {
    /// Black, and zero logits.
    pub fn new(device: &Device, side: usize) -> Result<Self, CudaError> {
        let image = Held::Pixels(device.zeros(3 * side * side)?, device.clone());
        let logits = Held::Floats(device.zeros(side * side)?, device.clone());
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

/// Memory on the engines' device for frames that the host has.
#[derive(Default)]
pub(super) struct Staging {
    spare: Option<DeviceExchange>,
    /// There are no kernels to work with it.
    is_impossible: bool,
}

impl Staging {
    /// The spare, or new memory; none where that is impossible, which is said once.
    fn take(&mut self, device: u32, side: usize) -> Result<Option<DeviceExchange>, SessionError> {
        if self.spare.is_some() || self.is_impossible {
            return Ok(self.spare.take());
        }
        match Device::primary(device as usize) {
            Ok(device) => Ok(Some(DeviceExchange::new(&device, side)?)),
            Err(why) => {
                tracing::warn!("features and memory go over the host, which is slow: {why}");
                self.is_impossible = true;
                Ok(None)
            }
        }
    }
}

impl Session {
    /// One frame on a device if all engines run on one, whether it lies there or with the host;
    /// `None`, and nothing is done, if not, or where the frame lies in a context that is not theirs.
    pub(super) fn step_on_device(
        &mut self,
        frame: &Frame,
        exchange: &mut Exchange,
    ) -> Result<Option<Option<MemoryState>>, SessionError> {
        let device = self.device();
        if let (Some(on), Some(_)) = (&mut exchange.on_device, device)
            && on.device.is_primary()
        {
            return self.infer_on_device(frame, on, &mut exchange.seen).map(Some);
        }
        // Where nothing is remembered, nothing is won by it: picture and logits travel once anyway.
        let (Some(device), None, Some(_)) = (device, &exchange.on_device, &self.tracking) else {
            self.move_to(Place::Host)?;
            return Ok(None);
        };
        let Some(mut on) = self.staging.take(device, self.side)? else {
            self.move_to(Place::Host)?;
            return Ok(None);
        };
        on.put(&exchange.image)?;
        let state = self.infer_on_device(frame, &mut on, &mut exchange.seen)?;
        on.fetch(&mut exchange.logits)?;
        self.staging.spare = Some(on);
        Ok(Some(state))
    }

    /// Queued, but for what the host decides by.
    fn infer_on_device(
        &mut self,
        frame: &Frame,
        on: &mut DeviceExchange,
        seen: &mut Seen,
    ) -> Result<Option<MemoryState>, SessionError> {
        self.move_to(Place::Device(on.device.clone()))?;
        let Place::Device(lane) = self.place.clone() else { return Ok(None) };
        let DeviceExchange { image, logits, last, spans, .. } = on;
        lane.wait_for(last)?;
        image.queue_on(&lane);
        logits.queue_on(&lane);
        let mut state = None;
        lane.timed(&mut spans.infer, || {
            state = self.infer(frame, image, seen, logits)?;
            Ok::<_, SessionError>(())
        })?;
        lane.record(last)?;
        Ok(state)
    }

    /// The GPU that all engines run on; none if not all do.
    fn device(&self) -> Option<u32> {
        let detail = self.detail.iter().map(Detail::device);
        let tracking = self.tracking.iter().flat_map(|(looker, follower)| {
            follower.tracker().devices().into_iter().chain([looker.device()])
        });
        let mut devices = detail.chain(tracking);
        let first = devices.next().flatten();
        first.filter(|_| devices.all(|device| device == first))
    }

    /// Where the engines run from now on, on a stream of their own. What is remembered is forgotten
    /// if that is another place.
    fn move_to(&mut self, place: Place) -> Result<(), SessionError> {
        let place = match (place, &self.place) {
            (Place::Host, Place::Host) => return Ok(()),
            (Place::Device(to), Place::Device(lane)) if lane.is(&to) => return Ok(()),
            (Place::Device(to), _) => Place::Device(to.beside()?),
            (Place::Host, _) => Place::Host,
        };
        if let Some(detail) = &mut self.detail {
            detail.move_to(&place)?;
        }
        if let Some((_, follower)) = &mut self.tracking {
            follower.move_to(&place)?;
        }
        self.place = place;
        Ok(())
    }
}

impl DeviceExchange {
    /// Brings the host's `image` there.
    fn put(&mut self, image: &Held) -> Result<(), CudaError> {
        if let Held::Pixels(there, _) = &mut self.image {
            self.device.upload([(image.pixels(), there)])?;
        }
        self.device.record(&self.last)
    }

    /// Brings the logits to the host's.
    fn fetch(&self, logits: &mut Held) -> Result<(), CudaError> {
        self.device.wait_for(&self.last)?;
        match &self.logits {
            Held::Floats(there, _) => self.device.download([(there, logits.floats_mut())]),
            _ => Ok(()),
        }
    }
}

impl Exchange {
    /// Brings the picture to the host, if it is not there.
    pub fn fetch(&mut self) -> Result<(), CudaError> {
        let Some(on) = &self.on_device else { return Ok(()) };
        on.device.wait_for(&on.last)?;
        match &on.image {
            Held::Pixels(image, _) => on.device.download([(image, self.image.pixels_mut())]),
            _ => Ok(()),
        }
    }

    /// Brings both to the host, if they are not there.
    pub fn fetch_all(&mut self) -> Result<(), CudaError> {
        self.fetch()?;
        self.on_device.as_ref().map_or(Ok(()), |on| on.fetch(&mut self.logits))
    }

    /// Brings the logits to where the picture came from.
    pub fn put(&mut self) -> Result<(), CudaError> {
        let Some(on) = &mut self.on_device else { return Ok(()) };
        if let Held::Floats(logits, _) = &mut on.logits {
            on.device.upload([(self.logits.floats(), logits)])?;
        }
        on.device.record(&on.last)
    }
}
