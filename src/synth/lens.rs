//! What a camera does to a whole frame.

/// The camera's faults, the same for all that is in the frame.
#[derive(Debug, Clone)]
pub(super) struct Lens {}

impl Lens {
    /// A lens without faults.
    pub fn clear() -> Self {
        Lens {}
    }

    pub fn expose(&self, _rgb: &mut [u8], _index: usize) {}
}
