//! Logits that keep to the frame's edges, wherever they lie.
use super::SessionError;
use super::held::Held;
#[cfg(feature = "cuda")]
use crate::cuda::Device;
#[cfg(feature = "cuda")]
use crate::frame::device;
use crate::frame::redraw::Redraw;

/// Draws logits towards the edges of the frame's colours.
pub(super) struct Redrawn {
    host: Redraw,
    #[cfg(feature = "cuda")]
    device: Option<(device::Redraw, Device)>,
    #[cfg(feature = "cuda")]
    side: usize,
}

impl Redrawn {
    /// For pictures of `side` by `side` pixels.
    pub(super) fn new(side: usize) -> Self {
        Self {
            host: Redraw::new(side),
            #[cfg(feature = "cuda")]
            device: None,
            #[cfg(feature = "cuda")]
            side,
        }
    }

    /// `logits` (1, 1, side, side) of `image` (1, side, side, 3), both in one place.
    pub(super) fn run(&mut self, image: &Held, logits: &mut Held) -> Result<(), SessionError> {
        #[cfg(feature = "cuda")]
        if let (Held::Pixels(image, _), Held::Floats(logits, lane)) = (image, &mut *logits) {
            let kept = self.device.take().filter(|(_, on)| on.is(lane));
            let (redraw, lane) = match kept {
                Some(kept) => kept,
                None => (device::Redraw::new(lane, self.side)?, lane.clone()),
            };
            let (redraw, lane) = self.device.insert((redraw, lane));
            return Ok(redraw.run(lane, image, logits)?);
        }
        Ok(self.host.run(image.pixels(), logits.floats_mut())?)
    }
}
