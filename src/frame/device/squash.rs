//! A frame in device memory to the square RGB picture that the model sees.
use super::DeviceFrame;
use crate::cuda::{self, Axis, Buffer, CudaError, Device, FromYuv};
use crate::frame::preprocess::to_rgb;
use crate::frame::resize::{self, PlaneSize};
use crate::frame::{FrameError, PixelFormat, components, convert};

/// [`preprocess::Squash`](crate::frame::preprocess::Squash) on a device. The tables of the last
/// size are kept.
pub struct Squash {
    side: usize,
    /// Of a format's kind and a size.
    tables: Option<(Key, Tables)>,
}

/// What tables depend on, beside the side.
type Key = (PixelFormat, (usize, usize));

/// For the first component, and for chroma.
struct Tables {
    across: [Axis; 2],
    down: [Axis; 2],
}

impl Squash {
    /// To `side` by `side` pixels.
    pub fn new(side: usize) -> Self {
        Self { side, tables: None }
    }

    /// Queues: `image` (side, side, 3) becomes `frame` in RGB; an alpha in `frame` is ignored.
    pub fn run(
        &mut self,
        device: &Device,
        frame: &DeviceFrame,
        image: &mut Buffer<u8>,
    ) -> Result<(), FrameError> {
        let source = frame.source()?;
        let key = (frame.format, frame.size);
        if self.tables.as_ref().is_none_or(|(of, _)| *of != key) {
            self.tables = Some((key, Tables::new(device, key, self.side)?));
        }
        let Some((_, Tables { across, down })) = &self.tables else { return Ok(()) };
        let squash = cuda::Squash {
            source,
            across: across.each_ref(),
            down: down.each_ref(),
            to_rgb: to_rgb(frame.format, frame.colorimetry).as_ref().map(from_yuv),
            side: self.side,
        };
        Ok(device.squash(&squash, image)?)
    }
}

impl Tables {
    fn new(device: &Device, (format, size): Key, side: usize) -> Result<Self, CudaError> {
        let sizes = [0, 1].map(|component| components::size(format, size, component));
        let axes = |axis: fn(&PlaneSize) -> (usize, f64)| -> Result<[Axis; 2], CudaError> {
            let [first, chroma] = sizes.each_ref().map(|size| upload(device, axis(size), side));
            Ok([first?, chroma?])
        };
        Ok(Self {
            across: axes(|size| (size.columns, size.covered.0))?,
            down: axes(|size| (size.rows, size.covered.1))?,
        })
    }
}

/// The CPU's weights, tap by tap, so that neighbouring threads read neighbouring words.
fn upload(
    device: &Device,
    (inputs, covered): (usize, f64),
    side: usize,
) -> Result<Axis, CudaError> {
    let resize::Axis { taps, first, weights } = resize::Axis::new(inputs, covered, side, 1);
    let by_tap: Vec<u16> =
        (0..taps).flat_map(|tap| weights.iter().skip(tap).step_by(taps).copied()).collect();
    Ok(Axis {
        first: device.copied(&first)?,
        weights: device.copied(&by_tap)?,
        taps: taps as u32,
        inputs: inputs as u32,
    })
}

/// For a kernel.
pub(super) fn from_yuv(map: &convert::FromYuv) -> FromYuv {
    let convert::FromYuv { luma_shift, chroma_shift, .. } = *map;
    FromYuv {
        luma_shift,
        chroma_shift,
        centre: map.centre.into(),
        luma: map.luma.into(),
        red_v: map.red_v.into(),
        green: map.green.map(i32::from),
        blue_u: map.blue_u.into(),
        k: map.k.map(i32::from),
    }
}
