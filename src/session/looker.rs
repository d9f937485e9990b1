//! The encoder, for whoever looks at pictures before it is their turn.
use super::encoder::{Encoder, Seen};
use super::held::{Held, Place};
use super::{Exchange, SessionError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The encoder of a session, which sees the next frame while the session follows the object in
/// this one.
#[derive(Clone)]
pub struct Looker {
    encoder: Arc<Mutex<Encoder>>,
    is_shared: bool,
    device: Option<u32>,
}

/// A frame's picture, and what the encoder says of it once it is asked.
pub(super) struct Sight<'a> {
    pub(super) looker: &'a Looker,
    pub(super) image: &'a Held,
    pub(super) seen: &'a mut Seen,
    /// Where all lie.
    pub(super) place: &'a Place,
}

impl Sight<'_> {
    /// What the encoder says, which is asked once.
    pub(super) fn look(&mut self) -> Result<&Seen, SessionError> {
        // Else it may be busy with the next picture.
        if !self.seen.is_current {
            self.looker.encoder().look(self.image, self.seen, self.place)?;
        }
        Ok(self.seen)
    }

    /// What the second half of the detail path takes of it; nothing if that is whole.
    pub(super) fn views(&mut self) -> Result<&[Held], SessionError> {
        match self.looker.is_shared {
            true => Ok(self.look()?.views()),
            false => Ok(&[]),
        }
    }
}

impl Looker {
    pub(super) fn new(encoder: Encoder) -> Self {
        let (is_shared, device) = (encoder.is_shared(), encoder.device());
        Self { encoder: Arc::new(Mutex::new(encoder)), is_shared, device }
    }

    /// The GPU that the encoder can run on.
    pub(super) fn device(&self) -> Option<u32> {
        self.device
    }

    /// Whether it is the first half of the detail path.
    pub(super) fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// The encoder, for one at a time. What a run that panicked left behind is overwritten whole.
    pub(super) fn encoder(&self) -> MutexGuard<'_, Encoder> {
        self.encoder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the picture in `exchange`, where it lies, if the encoder runs there; else the
    /// session does.
    pub fn look(&self, exchange: &mut Exchange) -> Result<(), SessionError> {
        let mut encoder = self.encoder();
        exchange.seen.is_current = false;
        #[cfg(feature = "cuda")]
        match (&mut exchange.on_device, self.device) {
            (None, None) => {}
            (Some(on), Some(_)) if on.device.is_primary() => {
                let (lane, place) = (&on.device, Place::Device(on.device.clone()));
                lane.timed(&mut on.spans.look, || {
                    encoder.look(&on.image, &mut exchange.seen, &place)
                })?;
                return Ok(lane.record(&on.last)?);
            }
            _ => return Ok(()),
        }
        encoder.look(&exchange.image, &mut exchange.seen, &Place::Host)
    }
}
