//! What looks at pictures: the tracker's encoder, the detail path's first half, or one for both.
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

/// Outputs that are the detail path's.
const VIEWS: usize = 3;
/// Outputs that are the tracker's.
const FEATURES: usize = 3;

/// What the encoders said of a picture.
#[derive(Debug, Default)]
pub struct Seen {
    /// The detail path's views if that is divided, then the tracker's features.
    outputs: Vec<Held>,
    place: Place,
    /// They are of the picture that lies beside them.
    pub(super) has_views: bool,
    pub(super) has_features: bool,
}

impl Seen {
    /// The picture is another one.
    pub(super) fn forget(&mut self) {
        (self.has_views, self.has_features) = (false, false);
    }

    /// What the tracker takes of it.
    pub(super) fn features(&self) -> &Features {
        self.outputs.last_chunk().expect("the tracker's are the last three")
    }

    /// What the second half of the detail path takes of it; nothing if that is whole.
    pub(super) fn views(&self) -> &[Held] {
        self.outputs.first_chunk::<{ VIEWS + FEATURES }>().map_or(&[], |all| &all[..VIEWS])
    }
}

/// The engines that look at pictures.
pub enum Encoders {
    /// Of [`tracker::encoder`](signature::tracker::encoder): the detail path, if any, is whole.
    Tracker(Box<dyn Engine>),
    /// Of [`detail::encoder`](signature::detail::encoder), for a tracker that shares it.
    Shared(Box<dyn Engine>),
    /// One for each path.
    Both {
        /// Of [`detail::encoder`](signature::detail::encoder).
        detail: Box<dyn Engine>,
        /// Of [`tracker::encoder`](signature::tracker::encoder).
        tracker: Box<dyn Engine>,
    },
}

/// The same where they run.
pub(super) struct Encoder {
    /// The detail path's first half, if that is divided; the tracker's too, if it has none.
    detail: Option<Runner>,
    tracker: Option<Runner>,
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
    /// Engines of any other signature are an error.
    pub(super) fn new(
        engines: Encoders,
        tracker: &TrackerShape,
        detail: Option<&DetailShape>,
    ) -> Result<Self, SessionError> {
        let own = |engine: Box<dyn Engine>| {
            let image = engine.signature().inputs.first().map(|image| image.element_type);
            let expected = signature::tracker::encoder(tracker, image.unwrap_or(ElementType::U8));
            Runner::new(engine, expected)
        };
        let half = |engine: Box<dyn Engine>, sharing: Option<&TrackerShape>| match detail {
            Some(detail) => Runner::new(engine, signature::detail::encoder(detail, sharing)),
            None => own(engine),
        };
        let side = detail.map_or(tracker.side, |detail| 2 * detail.inp_size);
        let (first_half, own) = match engines {
            Encoders::Tracker(engine) => (None, Some(own(engine)?)),
            Encoders::Shared(engine) => (Some(half(engine, Some(tracker))?), None),
            Encoders::Both { detail, tracker } => (Some(half(detail, None)?), Some(own(tracker)?)),
        };
        let smaller = own.is_some() && side != tracker.side;
        let smaller = smaller.then(|| Smaller::new(tracker.side));
        Ok(Self { detail: first_half, tracker: own, smaller })
    }

    fn engines(&self) -> impl Iterator<Item = &Runner> {
        self.detail.iter().chain(&self.tracker)
    }

    /// The GPU that all engines can run on.
    pub(super) fn device(&self) -> Option<u32> {
        let mut devices = self.engines().map(Runner::device);
        let first = devices.next().flatten();
        first.filter(|_| devices.all(|device| device == first))
    }

    /// Whether one of them is the first half of the detail path.
    pub(super) fn divides_detail(&self) -> bool {
        self.detail.is_some()
    }

    /// Looks at the session's picture, which lies at `place`: for the detail path if that is
    /// divided, and for the tracker if `is_tracked`; not again at what it has seen.
    pub(super) fn look(
        &mut self,
        image: &Held,
        is_tracked: bool,
        seen: &mut Seen,
        place: &Place,
    ) -> Result<(), SessionError> {
        #[cfg(feature = "cuda")]
        self.move_to(place)?;
        if !seen.place.is(place) || seen.outputs.is_empty() {
            let outputs = self.engines().map(Runner::outputs).collect::<Result<Vec<_>, _>>()?;
            let outputs = outputs.into_iter().flatten().collect();
            *seen = Seen { outputs, place: place.clone(), ..Seen::default() };
        }
        let of_detail = if self.detail.is_some() { VIEWS } else { 0 };
        if let Some(detail) = &mut self.detail
            && !seen.has_views
        {
            let of_tracker = if self.tracker.is_some() { FEATURES } else { 0 };
            let end = seen.outputs.len() - of_tracker;
            detail.run(&[image], &mut seen.outputs[..end])?;
            (seen.has_views, seen.has_features) = (true, of_tracker == 0);
        }
        if let Some(tracker) = &mut self.tracker
            && is_tracked
            && !seen.has_features
        {
            let image = self.smaller.as_mut().map_or(Ok(image), |smaller| smaller.of(image))?;
            tracker.run(&[image], &mut seen.outputs[of_detail..])?;
            seen.has_features = true;
        }
        Ok(())
    }

    #[cfg(feature = "cuda")]
    fn move_to(&mut self, place: &Place) -> Result<(), SessionError> {
        if self.engines().all(|engine| engine.place().is(place)) {
            return Ok(());
        }
        if let Some(smaller) = &mut self.smaller {
            *smaller = Smaller::new(square_side(smaller.image.len()));
            smaller.image = place.pixels(smaller.image.len())?;
        }
        self.detail.iter_mut().chain(&mut self.tracker).for_each(|engine| engine.move_to(place));
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
