//! The stages' work where the frame lies: in host memory, or on a device.
use super::Job;
#[cfg(feature = "cuda")]
use super::device;
use crate::frame::composite::{self, Output};
use crate::frame::foreground::Foreground;
use crate::frame::refine::{self, Coefficients, RefineMode};
use crate::frame::{FrameError, preprocess, steady};
use crate::session::Exchange;

/// Frame to the model's picture.
pub struct Squash {
    host: preprocess::Squash,
    #[cfg(feature = "cuda")]
    device: device::Squash,
}

impl Squash {
    pub fn new(side: usize) -> Self {
        Self {
            host: preprocess::Squash::new(side),
            #[cfg(feature = "cuda")]
            device: device::Squash::new(side),
        }
    }

    pub fn run(&mut self, job: &impl Job, exchange: &mut Exchange) -> Result<(), FrameError> {
        #[cfg(feature = "cuda")]
        if let Some(on) = job.on_device() {
            return self.device.run(&on, exchange);
        }
        #[cfg(feature = "cuda")]
        let _ = exchange.on_device.take();
        self.host.run(&job.source(), exchange.image_mut())
    }
}

/// Logits held still.
pub struct Steady {
    host: steady::Steady,
    #[cfg(feature = "cuda")]
    device: device::Steady,
}

impl Steady {
    pub fn new(side: usize) -> Self {
        Self {
            host: steady::Steady::new(side),
            #[cfg(feature = "cuda")]
            device: device::Steady::new(side),
        }
    }

    /// The next frame does not continue the last.
    pub fn reset(&mut self) {
        self.host.reset();
        #[cfg(feature = "cuda")]
        self.device.reset();
    }

    pub fn hold(&mut self, exchange: &mut Exchange) -> Result<(), FrameError> {
        #[cfg(feature = "cuda")]
        if let Some(on) = &mut exchange.on_device {
            return self.device.hold(on);
        }
        let (image, logits) = exchange.image_and_logits();
        self.host.run(image, logits)
    }
}

/// What turns a frame's colours into alpha.
#[derive(Default)]
pub struct Fitted {
    host: Coefficients,
    #[cfg(feature = "cuda")]
    pub(super) device: Option<device::Coefficients>,
}

/// Logits to [`Fitted`].
pub struct Refine {
    host: refine::Refine,
    #[cfg(feature = "cuda")]
    device: device::Refine,
}

impl Refine {
    pub fn new(side: usize) -> Self {
        Self {
            host: refine::Refine::new(side),
            #[cfg(feature = "cuda")]
            device: device::Refine::new(side),
        }
    }

    pub fn fit(
        &mut self,
        exchange: &mut Exchange,
        mode: RefineMode,
        fitted: &mut Fitted,
    ) -> Result<(), FrameError> {
        #[cfg(feature = "cuda")]
        if let Some(on) = &mut exchange.on_device {
            return self.device.fit(on, mode, fitted);
        }
        self.host.fit(exchange.image(), exchange.logits(), mode, &mut fitted.host)
    }
}

/// The matte at the frame's own size.
#[derive(Default)]
pub struct Composite {
    host: composite::Composite,
    #[cfg(feature = "cuda")]
    device: device::Composite,
}

impl Composite {
    pub fn run(
        &mut self,
        job: &mut impl Job,
        fitted: &Fitted,
        foreground: Foreground,
        output: Output,
    ) -> Result<(), FrameError> {
        #[cfg(feature = "cuda")]
        if let Some(on) = job.on_device() {
            let lane = self.device.run(&on, fitted, foreground, output)?;
            self.device.keep(job.settle(&lane)?.map(|kept| (lane, kept)));
            return Ok(());
        }
        let (source, mut target) = job.views();
        self.host.run(&source, &fitted.host, foreground, output, &mut target)
    }

    /// Waits for the last frame, if nobody has, and takes its times for this one's.
    #[cfg(feature = "cuda")]
    pub fn finish(
        &mut self,
        fitted: &mut Fitted,
        times: &mut super::Times,
    ) -> Result<(), FrameError> {
        self.device.finish(fitted, times)
    }

    /// Puts the device's own times in place of the host's, which are of queueing.
    #[cfg(feature = "cuda")]
    pub fn times(&mut self, fitted: &mut Fitted, times: &mut super::Times) {
        self.device.times(fitted, times);
    }
}
