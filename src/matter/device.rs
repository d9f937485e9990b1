//! The stages' work on a device: queued, each stage's on a stream of its own, so that frames overlap
//! there as they do on the host. What one stage leaves for the next carries the event to wait for.
//!
//! What a stage keeps belongs to one device, and is made anew when frames come from another.
use super::Times;
use super::place::Fitted;
use crate::cuda::{CudaError, Device, Event, Span};
use crate::frame::FrameError;
use crate::frame::composite::Output;
use crate::frame::device::{self, DeviceFrame};
use crate::frame::foreground::Foreground;
use crate::frame::refine::RefineMode;
use crate::session::{DeviceExchange, Exchange, Held, Spans};
use std::mem;
use std::time::Duration;

/// A frame and its matte in the memory of a device.
pub struct OnDevice<'a> {
    /// The device.
    pub device: &'a Device,
    /// The picture.
    pub source: &'a DeviceFrame,
    /// The picture to write, of the same size.
    pub target: &'a DeviceFrame,
    /// The ends of what was queued on either before, where that may not be done yet.
    pub ready: [Option<&'a Event>; 2],
    /// The stream that the matte must be made on, if on a certain one.
    pub lane: Option<&'a Device>,
}

impl OnDevice<'_> {
    /// What is queued on `lane` from now on may use both pictures.
    fn wait_on(&self, lane: &Device) -> Result<(), CudaError> {
        self.ready.into_iter().flatten().try_for_each(|ready| lane.wait_for(ready))
    }
}

/// Something in a device's memory, which must go before the device, and the stream of its stage.
struct Kept<T>(Option<(T, Device)>);

impl<T> Kept<T> {
    /// What is kept on `device`, or what `make` makes there.
    fn on<E: From<CudaError>>(
        &mut self,
        device: &Device,
        make: impl FnOnce(&Device) -> Result<T, E>,
    ) -> Result<(&mut T, &Device), E> {
        self.on_lane(device, None, make)
    }

    /// The same on the stream of `lane`, if on a certain one.
    fn on_lane<E: From<CudaError>>(
        &mut self,
        device: &Device,
        lane: Option<&Device>,
        make: impl FnOnce(&Device) -> Result<T, E>,
    ) -> Result<(&mut T, &Device), E> {
        let is_there = |of: &Device| {
            of.is(device) && lane.is_none_or(|lane| lane.stream_handle() == of.stream_handle())
        };
        let kept = match self.0.take().filter(|(_, of)| is_there(of)) {
            Some(kept) => kept,
            None => {
                let lane = lane.map_or_else(|| device.beside(), |lane| Ok(lane.clone()))?;
                (make(&lane)?, lane)
            }
        };
        let (kept, lane) = self.0.insert(kept);
        Ok((kept, lane))
    }
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(None)
    }
}

pub struct Squash {
    side: usize,
    squash: Kept<device::Squash>,
}

impl Squash {
    pub fn new(side: usize) -> Self {
        Self { side, squash: Kept::default() }
    }

    pub fn run(&mut self, on: &OnDevice, exchange: &mut Exchange) -> Result<(), FrameError> {
        let make = |_: &Device| Ok::<_, FrameError>(device::Squash::new(self.side));
        let (squash, lane) = self.squash.on(on.device, make)?;
        let there = match exchange.on_device.take().filter(|there| there.device.is(lane)) {
            Some(there) => there,
            None => DeviceExchange::new(lane, self.side)?,
        };
        let DeviceExchange { image, last, spans, .. } = exchange.on_device.insert(there);
        let Held::Pixels(image, _) = image else { return Err(FrameError::NotFitted) };
        on.wait_on(lane)?;
        lane.wait_for(last)?;
        lane.timed(&mut spans.prepare, || squash.run(lane, on.source, image))?;
        Ok(lane.record(last)?)
    }
}

/// Coefficients, and what their frame took until they were made.
pub struct Coefficients {
    coefficients: device::Coefficients,
    /// The end of what was last queued on them.
    last: Event,
    spans: Spans,
    refine: Span,
    /// Whose memory they lie in, and the stream that it came from.
    device: Device,
}

impl Coefficients {
    fn new(device: &Device, side: usize) -> Result<Self, CudaError> {
        let coefficients = device::Coefficients::new(device, side)?;
        let (last, spans, refine) = (device.event()?, Spans::new(device)?, device.span()?);
        device.record(&last)?;
        Ok(Self { coefficients, last, spans, refine, device: device.clone() })
    }
}

impl Drop for Coefficients {
    /// Memory is freed in the order of the stream that it came from.
    fn drop(&mut self) {
        // Where the device fails, nothing is left to be waited for.
        let _ = self.device.wait_for(&self.last);
    }
}

pub struct Steady {
    side: usize,
    steady: Kept<device::Steady>,
}

impl Steady {
    pub fn new(side: usize) -> Self {
        Self { side, steady: Kept::default() }
    }

    pub fn reset(&mut self) {
        if let Some((steady, _)) = &mut self.steady.0 {
            steady.reset();
        }
    }

    pub fn hold(&mut self, on: &mut DeviceExchange) -> Result<(), FrameError> {
        let make = |lane: &Device| device::Steady::new(lane, self.side);
        let (steady, lane) = self.steady.on(&on.device, make)?;
        let (Held::Pixels(image, _), Held::Floats(logits, _)) = (&on.image, &mut on.logits) else {
            return Err(FrameError::NotFitted);
        };
        lane.wait_for(&on.last)?;
        steady.run(lane, image, logits)?;
        Ok(lane.record(&on.last)?)
    }
}

pub struct Refine {
    side: usize,
    refine: Kept<device::Refine>,
}

impl Refine {
    pub fn new(side: usize) -> Self {
        Self { side, refine: Kept::default() }
    }

    pub fn fit(
        &mut self,
        on: &mut DeviceExchange,
        mode: RefineMode,
        fitted: &mut Fitted,
    ) -> Result<(), FrameError> {
        let make = |lane: &Device| device::Refine::new(lane, self.side);
        let (refine, lane) = self.refine.on(&on.device, make)?;
        let there = match fitted.device.take().filter(|there| there.device.is(lane)) {
            Some(there) => there,
            None => Coefficients::new(lane, self.side)?,
        };
        let there = fitted.device.insert(there);
        let (Held::Pixels(image, _), Held::Floats(logits, _)) = (&on.image, &on.logits) else {
            return Err(FrameError::NotFitted);
        };
        lane.wait_for(&on.last)?;
        lane.wait_for(&there.last)?;
        lane.timed(&mut there.refine, || {
            refine.fit(lane, image, logits, mode, &mut there.coefficients)
        })?;
        lane.record(&on.last)?;
        // The exchange goes to another frame.
        mem::swap(&mut there.spans, &mut on.spans);
        Ok(lane.record(&there.last)?)
    }
}

#[derive(Default)]
pub struct Composite {
    composite: Kept<(device::Composite, Span)>,
    /// What the last matte is made of, and where, until it is made.
    unfinished: Option<(Device, Box<dyn Send>)>,
    /// What the matte before that took.
    last: Option<Duration>,
}

impl Drop for Composite {
    fn drop(&mut self) {
        if let Some((lane, _made_of)) = self.unfinished.take() {
            // Where the device fails, nothing is left to be waited for.
            let _ = lane.synchronize();
        }
    }
}

impl Composite {
    /// Gives the stream on which the matte is made.
    pub fn run(
        &mut self,
        on: &OnDevice,
        fitted: &Fitted,
        foreground: Foreground,
        output: Output,
    ) -> Result<Device, FrameError> {
        let there = fitted.device.as_ref().filter(|there| there.device.is(on.device));
        let Coefficients { coefficients, last, .. } = there.ok_or(FrameError::NotFitted)?;
        let make = |lane: &Device| Ok::<_, CudaError>((device::Composite::new(), lane.span()?));
        let ((composite, span), lane) = self.composite.on_lane(on.device, on.lane, make)?;
        on.wait_on(lane)?;
        lane.wait_for(last)?;
        let OnDevice { source, target, .. } = *on;
        lane.timed(span, || composite.run(lane, source, coefficients, foreground, output, target))?;
        lane.record(last)?;
        Ok(lane.clone())
    }

    /// Keeps what the matte is made of until it is made, if nobody has waited for that.
    pub fn keep(&mut self, unfinished: Option<(Device, Box<dyn Send>)>) {
        self.unfinished = unfinished;
    }

    /// Waits until the last matte is made, if nobody has. Its times stand for those of the frame
    /// that `times` are of.
    pub fn finish(&mut self, fitted: &mut Fitted, times: &mut Times) -> Result<(), FrameError> {
        let Some((lane, made_of)) = self.unfinished.take() else { return Ok(()) };
        lane.synchronize()?;
        drop(made_of);
        let mut last = Times::default();
        self.times(fitted, &mut last);
        times.prepare = times.prepare.map(|host| last.prepare.unwrap_or(host));
        times.infer = times.infer.map(|host| last.infer.unwrap_or(host));
        times.refine = times.refine.map(|host| last.refine.unwrap_or(host));
        self.last = Some(last.composite);
        Ok(())
    }

    /// What a frame that is done took on the device, where its work was done there.
    pub fn times(&mut self, fitted: &mut Fitted, times: &mut Times) {
        if self.unfinished.is_some() {
            times.composite = self.last.take().unwrap_or(times.composite);
            return;
        }
        if let Some(Coefficients { spans, refine, .. }) = &mut fitted.device {
            times.prepare = spans.prepare.take().or(times.prepare);
            let look = spans.look.take().unwrap_or_default();
            times.infer = spans.infer.take().map(|infer| look + infer).or(times.infer);
            times.refine = refine.take().or(times.refine);
        }
        if let Some(((_, span), _)) = &mut self.composite.0 {
            times.composite = span.take().unwrap_or(times.composite);
        }
    }
}
