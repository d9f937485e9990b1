//! What a clip gives: pictures with their truth, and where to write them.

/// One frame with its truth. All planes are row by row without padding.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// In pixels.
    pub width: usize,
    /// In pixels.
    pub height: usize,
    /// (height, width, 3), sRGB.
    pub rgb: Vec<u8>,
    /// (height, width), 0..=1: how much of each pixel the subject covers.
    ///
    /// A blurred lens blurs it with the colours; grain, light and JPEG leave it as it is.
    pub alpha: Vec<f32>,
    /// (height, width, 3), sRGB: the subject's own colour; black where alpha is 0.
    pub foreground: Vec<u8>,
}

/// Where [`Clip::render_into`](super::Clip::render_into) writes: the planes of a [`Picture`], alpha as bytes.
#[derive(Debug)]
pub struct Planes<'a> {
    /// (height, width, 3).
    pub rgb: &'a mut [u8],
    /// (height, width).
    pub alpha: &'a mut [u8],
    /// (height, width, 3).
    pub foreground: &'a mut [u8],
}

impl Planes<'_> {
    /// Whether the planes are those of a frame of so many pixels.
    pub(super) fn check(&self, pixels: usize) -> Result<(), PlaneError> {
        let found = [("rgb", 3, self.rgb.len()), ("alpha", 1, self.alpha.len())];
        for (plane, channels, found) in
            found.into_iter().chain([("foreground", 3, self.foreground.len())])
        {
            let expected = channels * pixels;
            if expected != found {
                return Err(PlaneError { plane, expected, found });
            }
        }
        Ok(())
    }
}

/// A plane that does not hold a frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("plane `{plane}`: expected {expected} bytes, found {found}")]
pub struct PlaneError {
    /// The plane's name in [`Planes`].
    pub plane: &'static str,
    /// Bytes of a frame's plane.
    pub expected: usize,
    /// Bytes given.
    pub found: usize,
}

/// A frame in floats: `foreground + background` is what the lens sees.
#[derive(Debug, Clone, PartialEq)]
pub struct Addends {
    /// (height, width, 3), 0..=1: the subject's colour times alpha.
    pub foreground: Vec<f32>,
    /// (height, width), 0..=1.
    pub alpha: Vec<f32>,
    /// (height, width, 3), 0..=1: all the rest, times one minus alpha.
    pub background: Vec<f32>,
}

impl Picture {
    /// Alpha as bytes, 255 for a pixel that is covered.
    pub fn alpha_u8(&self) -> Vec<u8> {
        self.alpha.iter().map(|a| byte(*a)).collect()
    }
}

/// 0..=1 to 0..=255, rounded.
pub(super) fn byte(v: f32) -> u8 {
    (v.clamp(0.0, 1.0) * 255.0 + 0.5) as u8
}
