//! The stages' work on a device: queued, on the stream of the frame's device.
//!
//! What a stage keeps belongs to one device, and is made anew when frames come from another.
use super::place::Fitted;
use crate::cuda::Device;
use crate::frame::FrameError;
use crate::frame::composite::Output;
use crate::frame::device::{self, DeviceFrame};
use crate::frame::refine::RefineMode;
use crate::session::{DeviceExchange, Exchange};

/// A frame and its matte in the memory of a device.
pub struct OnDevice<'a> {
    /// The device.
    pub device: &'a Device,
    /// The picture.
    pub source: &'a DeviceFrame,
    /// The picture to write, of the same size.
    pub target: &'a DeviceFrame,
}

/// Something in a device's memory, which must go before the device.
struct Kept<T>(Option<(T, Device)>);

impl<T> Kept<T> {
    /// What is kept on `device`, or what `make` makes there.
    fn on(
        &mut self,
        device: &Device,
        make: impl FnOnce() -> Result<T, FrameError>,
    ) -> Result<&mut T, FrameError> {
        if self.0.as_ref().is_some_and(|(_, of)| !of.is(device)) {
            self.0 = None;
        }
        let kept = match self.0.take() {
            Some(kept) => kept,
            None => (make()?, device.clone()),
        };
        Ok(&mut self.0.insert(kept).0)
    }
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(None)
    }
}

/// Coefficients, and whose memory they lie in.
pub type Coefficients = (device::Coefficients, Device);

pub struct Squash {
    side: usize,
    squash: Kept<device::Squash>,
}

impl Squash {
    pub fn new(side: usize) -> Self {
        Self { side, squash: Kept::default() }
    }

    pub fn run(&mut self, on: &OnDevice, exchange: &mut Exchange) -> Result<(), FrameError> {
        let there = match exchange.on_device.take().filter(|there| there.device.is(on.device)) {
            Some(there) => there,
            None => DeviceExchange::new(on.device, self.side)?,
        };
        let there = exchange.on_device.insert(there);
        let squash = self.squash.on(on.device, || Ok(device::Squash::new(self.side)))?;
        squash.run(on.device, on.source, &mut there.image)
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
        on: &DeviceExchange,
        mode: RefineMode,
        fitted: &mut Fitted,
    ) -> Result<(), FrameError> {
        let DeviceExchange { image, logits, device } = on;
        let (mut coefficients, _) = match fitted.device.take().filter(|(_, of)| of.is(device)) {
            Some(kept) => kept,
            None => (device::Coefficients::new(device, self.side)?, device.clone()),
        };
        let make = || Ok(device::Refine::new(device, self.side)?);
        self.refine.on(device, make)?.fit(device, image, logits, mode, &mut coefficients)?;
        fitted.device = Some((coefficients, device.clone()));
        Ok(())
    }
}

#[derive(Default)]
pub struct Composite {
    composite: Kept<device::Composite>,
}

impl Composite {
    pub fn run(
        &mut self,
        on: &OnDevice,
        fitted: &Fitted,
        output: Output,
    ) -> Result<(), FrameError> {
        let coefficients = fitted.device.as_ref().filter(|(_, of)| of.is(on.device));
        let (coefficients, _) = coefficients.ok_or(FrameError::NotFitted)?;
        let composite = self.composite.on(on.device, || Ok(device::Composite::new()))?;
        composite.run(on.device, on.source, coefficients, output, on.target)
    }
}
