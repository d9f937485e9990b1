//! A mask that somebody drew, of any size.
use super::SessionError;

/// How much of each pixel is the object.
#[derive(Debug, Clone, PartialEq)]
pub struct Coverage {
    /// In pixels.
    pub width: usize,
    /// In pixels.
    pub height: usize,
    /// 0..=1, row by row.
    pub values: Vec<f32>,
}

impl Coverage {
    /// An error unless there is a value in 0..=1 for each of the pixels, of which there is one.
    pub(super) fn check(&self) -> Result<(), SessionError> {
        let wrong = |expected: &str, found: String| {
            Err(SessionError::Prompt { what: "mask", expected: expected.into(), found })
        };
        let pixels = self.width.checked_mul(self.height);
        if pixels != Some(self.values.len()) || self.values.is_empty() {
            let expected = format!("values for {} x {} pixels", self.width, self.height);
            return wrong(&expected, self.values.len().to_string());
        }
        match self.values.iter().find(|v| !(0.0..=1.0).contains(*v)) {
            None => Ok(()),
            Some(odd) => wrong("values of 0 to 1", odd.to_string()),
        }
    }

    /// The mask at `side` x `side` pixels: itself if it is of that size, else squashed with
    /// antialiasing and decided at one half, as SAM2's video predictor does it.
    pub(super) fn write(&self, side: usize, to: &mut [f32]) {
        if (self.width, self.height) == (side, side) {
            to.copy_from_slice(&self.values);
            return;
        }
        let across = taps(self.width, side);
        let mut narrow = vec![0.0; side * self.height];
        for (row, from) in narrow.chunks_exact_mut(side).zip(self.values.chunks_exact(self.width)) {
            for (to, tap) in row.iter_mut().zip(&across) {
                *to = tap.weights.iter().zip(&from[tap.first..]).map(|(w, v)| w * v).sum();
            }
        }
        let down = taps(self.height, side);
        for (row, tap) in to.chunks_exact_mut(side).zip(&down) {
            for (x, to) in row.iter_mut().enumerate() {
                let column = narrow[tap.first * side..].iter().skip(x).step_by(side);
                let sum: f32 = tap.weights.iter().zip(column).map(|(w, v)| w * v).sum();
                *to = f32::from(u8::from(sum >= 0.5));
            }
        }
    }
}

/// What one output sample takes of the input's.
struct Tap {
    first: usize,
    weights: Vec<f32>,
}

/// A triangle as wide as what is left out, as Pillow and PyTorch antialias.
fn taps(from: usize, to: usize) -> Vec<Tap> {
    let scale = from as f32 / to as f32;
    let support = scale.max(1.0);
    let tap = |i: usize| {
        let centre = (i as f32 + 0.5) * scale;
        let first = ((centre - support + 0.5).max(0.0) as usize).min(from - 1);
        let last = ((centre + support + 0.5) as usize).clamp(first + 1, from);
        let weight = |at: usize| (1.0 - ((at as f32 + 0.5 - centre) / support).abs()).max(0.0);
        let weights: Vec<f32> = (first..last).map(weight).collect();
        let sum: f32 = weights.iter().sum();
        Tap { first, weights: weights.iter().map(|w| w / sum).collect() }
    };
    (0..to).map(tap).collect()
}
