//! What looks at pictures for the tracker: an encoder of its own, or the detail path's.
use super::tracker::{Features, check};
use super::{SessionError, square_side};
use crate::backend::{Engine, Tensor};
use crate::frame::preprocess::Squash;
use crate::frame::{Colorimetry, FrameView, Matrix, PixelFormat, Plane};
use crate::signature;
use crate::signature::ElementType;
use crate::signature::detail::DetailShape;
use crate::signature::tracker::TrackerShape;

/// Outputs of a shared encoder that are the detail path's.
const VIEWS: usize = 3;

/// The engine and what it said of the last picture.
pub(super) struct Encoder {
    engine: Box<dyn Engine>,
    /// The detail path's views if it is shared, then the tracker's features.
    outputs: Vec<Tensor>,
    is_shared: bool,
    /// The picture at the tracker's size, where the session's is of another.
    picture: Option<(Squash, Tensor)>,
}

impl Encoder {
    /// `engine` is of [`signature::tracker::encoder`], or of [`signature::detail::encoder`] if the
    /// path `detail` shares it; any other is an error.
    pub(super) fn new(
        engine: Box<dyn Engine>,
        tracker: &TrackerShape,
        detail: Option<&DetailShape>,
    ) -> Result<Self, SessionError> {
        let found = engine.signature();
        let shared = detail.map(|detail| signature::detail::encoder(detail, tracker));
        let shared = shared.filter(|shared| shared.graph == found.graph);
        let image = found.inputs.first().map_or(ElementType::U8, |image| image.element_type);
        let is_shared = shared.is_some();
        let expected = shared.unwrap_or_else(|| signature::tracker::encoder(tracker, image));
        let outputs = check(engine.as_ref(), expected)?;
        let side = detail.map_or(tracker.side, |detail| 2 * detail.inp_size);
        let picture = (!is_shared && side != tracker.side).then(|| {
            let pixels = vec![0; 3 * tracker.side * tracker.side];
            (Squash::new(tracker.side), Tensor::U8(pixels))
        });
        Ok(Self { engine, outputs, is_shared, picture })
    }

    /// Whether it is the first half of the detail path.
    pub(super) fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// Looks at the session's picture.
    pub(super) fn run(&mut self, image: &Tensor) -> Result<(), SessionError> {
        let mut image = image;
        if let (Some((squash, Tensor::U8(small))), Tensor::U8(large)) = (&mut self.picture, image) {
            squash.run(&rgb(large), small)?;
        }
        if let Some((_, small)) = &self.picture {
            image = small;
        }
        Ok(self.engine.run(&[image], &mut self.outputs)?)
    }

    /// What the tracker takes of it.
    pub(super) fn features(&self) -> &Features {
        self.outputs.last_chunk().expect("both signatures end in the tracker's features")
    }

    /// What the second half of the detail path takes of it; nothing if that is whole.
    pub(super) fn views(&self) -> &[Tensor] {
        if self.is_shared { &self.outputs[..VIEWS] } else { &[] }
    }
}

/// A square picture's bytes as a frame.
fn rgb(bytes: &[u8]) -> FrameView<'_> {
    let side = square_side(bytes);
    let planes = vec![Plane { bytes, stride: 3 * side }];
    let colorimetry = Colorimetry { matrix: Matrix::Bt709, full_range: true };
    FrameView { format: PixelFormat::Rgb, width: side, height: side, colorimetry, planes }
}
