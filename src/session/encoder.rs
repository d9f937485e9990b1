//! What looks at pictures for the tracker: an encoder of its own, or the detail path's.
use super::held::{Held, Place};
use super::runner::Runner;
use super::tracker::Features;
use super::{SessionError, square_side};
use crate::backend::{Engine, Tensor};
#[cfg(feature = "cuda")]
use crate::frame::device;
use crate::frame::preprocess::Squash;
use crate::frame::{Colorimetry, FrameView, Matrix, PixelFormat, Plane};
use crate::signature;
use crate::signature::ElementType;
use crate::signature::detail::DetailShape;
use crate::signature::tracker::TrackerShape;

/// Outputs of a shared encoder that are the detail path's.
const VIEWS: usize = 3;
/// Outputs that are the tracker's.
const FEATURES: usize = 3;

/// What an encoder said of a picture.
#[derive(Debug, Default)]
pub struct Seen {
    /// The detail path's views if the encoder is shared, then the tracker's features.
    outputs: Vec<Held>,
    place: Place,
    /// It is of the picture that lies beside it.
    pub(super) is_current: bool,
}

impl Seen {
    /// What the tracker takes of it.
    pub(super) fn features(&self) -> &Features {
        self.outputs.last_chunk().expect("both signatures end in the tracker's features")
    }

    /// What the second half of the detail path takes of it; nothing if that is whole.
    pub(super) fn views(&self) -> &[Held] {
        self.outputs.first_chunk::<{ VIEWS + FEATURES }>().map_or(&[], |all| &all[..VIEWS])
    }
}

/// The engine that looks at pictures.
pub(super) struct Encoder {
    engine: Runner,
    is_shared: bool,
    /// Where the session's picture is of another size than the tracker's.
    smaller: Option<Smaller>,
}

/// The picture at the tracker's size.
struct Smaller {
    squash: Squash,
    #[cfg(feature = "cuda")]
    on_device: device::Squash,
    image: Held,
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
        let side = detail.map_or(tracker.side, |detail| 2 * detail.inp_size);
        let smaller = (!is_shared && side != tracker.side).then(|| Smaller::new(tracker.side));
        Ok(Self { engine: Runner::new(engine, expected)?, is_shared, smaller })
    }

    /// The GPU that the engine can run on.
    pub(super) fn device(&self) -> Option<u32> {
        self.engine.device()
    }

    /// Whether it is the first half of the detail path.
    pub(super) fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// Looks at the session's picture, which lies at `place`.
    pub(super) fn look(
        &mut self,
        image: &Held,
        seen: &mut Seen,
        place: &Place,
    ) -> Result<(), SessionError> {
        #[cfg(feature = "cuda")]
        self.move_to(place)?;
        if !seen.place.is(place) || seen.outputs.is_empty() {
            seen.outputs = self.engine.outputs()?;
            seen.place = place.clone();
        }
        match &mut self.smaller {
            Some(smaller) => self.engine.run(&[smaller.of(image)?], &mut seen.outputs)?,
            None => self.engine.run(&[image], &mut seen.outputs)?,
        }
        seen.is_current = true;
        Ok(())
    }

    #[cfg(feature = "cuda")]
    fn move_to(&mut self, place: &Place) -> Result<(), SessionError> {
        if self.engine.place().is(place) {
            return Ok(());
        }
        if let Some(smaller) = &mut self.smaller {
            *smaller = Smaller::new(square_side(smaller.image.len()));
            smaller.image = place.pixels(smaller.image.len())?;
        }
        self.engine.move_to(place);
        Ok(())
    }
}

impl Smaller {
    /// Black, with the host.
    fn new(side: usize) -> Self {
        Self {
            squash: Squash::new(side),
            #[cfg(feature = "cuda")]
            on_device: device::Squash::new(side),
            image: Tensor::U8(vec![0; 3 * side * side]).into(),
        }
    }

    /// The same picture, smaller.
    fn of(&mut self, large: &Held) -> Result<&Held, SessionError> {
        #[cfg(feature = "cuda")]
        if let (Held::Pixels(large, _), Held::Pixels(small, lane)) = (large, &mut self.image) {
            let side = square_side(large.len());
            let plane = device::DevicePlane { data: lane.address(large), stride: 3 * side };
            // SAFETY: the buffer holds that many rows, and lives until it is read in this stream's
            // order.
            let frame = unsafe {
                device::DeviceFrame::new(PixelFormat::Rgb, (side, side), COLORIMETRY, vec![plane])?
            };
            self.on_device.run(lane, &frame, small)?;
            return Ok(&self.image);
        }
        self.squash.run(&rgb(large.pixels()), self.image.pixels_mut())?;
        Ok(&self.image)
    }
}

/// Of the session's pictures.
const COLORIMETRY: Colorimetry = Colorimetry { matrix: Matrix::Bt709, full_range: true };

/// A square picture's bytes as a frame.
fn rgb(bytes: &[u8]) -> FrameView<'_> {
    let side = square_side(bytes.len());
    let planes = vec![Plane { bytes, stride: 3 * side }];
    let (format, colorimetry) = (PixelFormat::Rgb, COLORIMETRY);
    FrameView { format, width: side, height: side, colorimetry, planes }
}
