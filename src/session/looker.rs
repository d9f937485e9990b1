//! The encoders, for whoever looks at pictures before it is their turn.
use super::encoder::{Encoder, Seen};
use super::held::{Held, Place};
use super::{Exchange, SessionError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The encoders of a session, which see the next frame while the session follows the object in
/// this one.
#[derive(Clone)]
pub struct Looker {
    encoder: Arc<Mutex<Encoder>>,
    divides_detail: bool,
    device: Option<u32>,
}

/// A frame's picture, and what the encoders say of it once they are asked.
pub(super) struct Sight<'a> {
    pub(super) looker: &'a Looker,
    pub(super) image: &'a Held,
    pub(super) seen: &'a mut Seen,
    /// Where all lie.
    pub(super) place: &'a Place,
}

impl Sight<'_> {
    /// What all say, who are asked once.
    pub(super) fn look(&mut self) -> Result<&Seen, SessionError> {
        // Else they may be busy with the next picture.
        if !self.seen.has_features {
            self.looker.encoder().look(self.image, true, self.seen, self.place)?;
        }
        Ok(self.seen)
    }

    /// What the second half of the detail path takes of it; nothing if that is whole.
    pub(super) fn views(&mut self) -> Result<&[Held], SessionError> {
        if self.looker.divides_detail && !self.seen.has_views {
            self.looker.encoder().look(self.image, false, self.seen, self.place)?;
        }
        Ok(self.seen.views())
    }
}

impl Looker {
    pub(super) fn new(encoder: Encoder) -> Self {
        let (divides_detail, device) = (encoder.divides_detail(), encoder.device());
        Self { encoder: Arc::new(Mutex::new(encoder)), divides_detail, device }
    }

    /// The GPU that the encoders can run on.
    pub(super) fn device(&self) -> Option<u32> {
        self.device
    }

    /// Whether one is the first half of the detail path.
    pub(super) fn divides_detail(&self) -> bool {
        self.divides_detail
    }

    /// The encoders, for one at a time. What a run that panicked left behind is overwritten whole.
    pub(super) fn encoder(&self) -> MutexGuard<'_, Encoder> {
        self.encoder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the picture in `exchange`, where it lies, if the encoders run there; else the
    /// session does. The tracker's looks only where the object is followed, `is_tracked`.
    pub fn look(&self, exchange: &mut Exchange, is_tracked: bool) -> Result<(), SessionError> {
        let mut encoder = self.encoder();
        exchange.seen.forget();
        #[cfg(feature = "cuda")]
        match (&mut exchange.on_device, self.device) {
            (None, None) => {}
            (Some(on), Some(_)) if on.device.is_primary() => {
                let (lane, place) = (&on.device, Place::Device(on.device.clone()));
                lane.timed(&mut on.spans.look, || {
                    encoder.look(&on.image, is_tracked, &mut exchange.seen, &place)
                })?;
                return Ok(lane.record(&on.last)?);
            }
            _ => return Ok(()),
        }
        encoder.look(&exchange.image, is_tracked, &mut exchange.seen, &Place::Host)
    }
}
