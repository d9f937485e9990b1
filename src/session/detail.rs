//! The detail path: how much of each pixel is the foreground.
use super::SessionError;
use super::held::{Held, Place};
use super::runner::Runner;
use crate::backend::Engine;
use crate::signature;
use crate::signature::detail::DetailShape;

/// The engine that gives logits: the whole path, or its second half.
pub(super) struct Detail {
    engine: Runner,
    /// The tracked mask and whether there is one, if it is the dense prompt.
    prompt: Option<[Held; 2]>,
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
            false => signature::image(shape.inp_size),
        };
        let prompt = prompt(shape.prompt_side, &Place::Host)?;
        Ok(Self { engine: Runner::new(engine, expected)?, prompt })
    }

    /// The GPU that the engine can run on.
    #[cfg(feature = "cuda")]
    pub(super) fn device(&self) -> Option<u32> {
        self.engine.device()
    }

    /// From now on the engine runs at `place`.
    #[cfg(feature = "cuda")]
    pub(super) fn move_to(&mut self, place: &Place) -> Result<(), SessionError> {
        let side = self.prompt.as_ref().map(|[mask, _]| mask.len().isqrt());
        self.prompt = prompt(side, place)?;
        self.engine.move_to(place);
        Ok(())
    }

    /// Whether the tracked mask is its dense prompt.
    pub(super) fn is_prompted(&self) -> bool {
        self.prompt.is_some()
    }

    /// From now on `mask_logits`, square, is the dense prompt, or nothing is.
    pub(super) fn prompt(&mut self, mask_logits: Option<&Held>) -> Result<(), SessionError> {
        let Some([mask, has_mask]) = &mut self.prompt else { return Ok(()) };
        has_mask.write(&[f32::from(u8::from(mask_logits.is_some()))])?;
        mask_logits.map_or(Ok(()), |mask_logits| mask.copy(mask_logits, 0))
    }

    /// `image` (1, 2S, 2S, 3) and, of a divided path, what the first half said of it, to `logits`.
    pub(super) fn run(
        &mut self,
        image: &Held,
        views: &[Held],
        logits: &mut Held,
    ) -> Result<(), SessionError> {
        let prompt = self.prompt.iter().flatten();
        let inputs: Vec<&Held> = std::iter::once(image).chain(views).chain(prompt).collect();
        self.engine.run(&inputs, std::slice::from_mut(logits))
    }
}

/// No mask, of this side.
fn prompt(side: Option<usize>, place: &Place) -> Result<Option<[Held; 2]>, SessionError> {
    side.map(|side| Ok([place.floats(side * side)?, place.floats(1)?])).transpose()
}

/// Whether more than next to nothing is foreground.
pub(super) fn holds_object(logits: &Held) -> Result<bool, SessionError> {
    /// A thousandth of the picture.
    const LEAST: usize = 1000;
    let mut values = Vec::new();
    logits.read(&mut values)?;
    Ok(values.iter().filter(|&&v| v > 0.0).count() * LEAST > values.len())
}
