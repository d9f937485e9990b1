//! A frame in device memory with alpha, in the layout that goes on.
use super::DeviceFrame;
use super::refine::{Coefficients, taps};
use super::squash::from_yuv;
use crate::cuda::{Affine, Alpha, Colour, CudaError, Device, Guesses, Halved, Lerps, Target};
use crate::frame::composite::{Output, Plan, is_output};
use crate::frame::foreground::Foreground;
use crate::frame::{FrameError, PixelFormat};

/// [`composite::Composite`](crate::frame::composite::Composite) on a device. The tables of the
/// last sizes are kept.
#[derive(Default)]
pub struct Composite {
    offset: Option<(Key, Lerps)>,
    slope: Option<(Key, Lerps)>,
    /// For frames of a size.
    guesses: Option<((usize, usize), Guesses)>,
}

/// A frame's size, and a plane's side.
type Key = ((usize, usize), usize);

impl Composite {
    /// No tables yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Queues: `target` gets `frame`'s colours and the alpha of `coefficients` on `frame`'s luma.
    ///
    /// Targets are RGBA, BGRA, ARGB, ABGR, A420, AYUV, GRAY8 or GRAY16_LE, of the frame's size.
    pub fn run(
        &mut self,
        device: &Device,
        frame: &DeviceFrame,
        coefficients: &Coefficients,
        foreground: Foreground,
        output: Output,
        target: &DeviceFrame,
    ) -> Result<(), FrameError> {
        if !is_output(target.format) {
            return Err(FrameError::Output { found: target.format });
        }
        if frame.size != target.size {
            let (expected, found) = (frame.size, target.size);
            return Err(FrameError::TargetSize { expected, found });
        }
        let (from, to) = ((frame.format, frame.colorimetry), (target.format, target.colorimetry));
        let plan = Plan::new(from, output, to);
        let Coefficients { side, grid, slope, offset } = coefficients;
        let offset_lerps = lerps(&mut self.offset, device, (frame.size, *side))?;
        let slope = match *grid {
            0 => None,
            grid => Some((slope, grid, lerps(&mut self.slope, device, (frame.size, grid))?)),
        };
        let offset = (offset, *side, offset_lerps);
        let alpha = Alpha { slope, offset, to_luma: plan.to_luma };
        let source = frame.source()?;
        let planes: Vec<_> = target.planes.iter().map(|plane| (plane.data, plane.stride)).collect();
        // SAFETY: whoever made the target vouches for its memory; it is of the source's size.
        let into = unsafe { Target::new(&planes) };
        match target.format {
            PixelFormat::Gray8 => device.composite_gray(&source, &alpha, &into)?,
            PixelFormat::Gray16Le => device.composite_gray16(&source, &alpha, &into)?,
            format => {
                let colour = colour(&plan);
                let guesses = match foreground {
                    Foreground::Original => None,
                    Foreground::Estimated => {
                        let guesses = guesses(&mut self.guesses, device, frame.size)?;
                        device.guess(&source, &alpha, &colour, guesses)?;
                        Some(&*guesses)
                    }
                };
                if format == PixelFormat::A420 {
                    device.composite_a420(&source, &alpha, &colour, guesses, &into)?;
                } else {
                    device.composite_packed(&source, &alpha, &colour, guesses, &into)?;
                }
            }
        }
        Ok(())
    }
}

fn guesses<'a>(
    kept: &'a mut Option<((usize, usize), Guesses)>,
    device: &Device,
    size: (usize, usize),
) -> Result<&'a mut Guesses, CudaError> {
    if kept.as_ref().is_none_or(|(of, _)| *of != size) {
        *kept = Some((size, Guesses::new(device, size)?));
    }
    let (_, guesses) = kept.as_mut().expect("it was just put there");
    Ok(guesses)
}

fn lerps<'a>(
    kept: &'a mut Option<(Key, Lerps)>,
    device: &Device,
    key: Key,
) -> Result<&'a Lerps, CudaError> {
    if kept.as_ref().is_none_or(|(of, _)| *of != key) {
        let ((width, height), side) = key;
        let (x, y) = (device.copied(&taps(width, side))?, device.copied(&taps(height, side))?);
        *kept = Some((key, Lerps { x, y }));
    }
    let (_, lerps) = kept.as_ref().expect("it was just put there");
    Ok(lerps)
}

fn colour(plan: &Plan) -> Colour {
    let rows = [0, 1, 2].map(|i| plan.to_target.output(i));
    let halved = plan.chroma_to_chroma.as_ref().map(|map| {
        let rows = [1, 2].map(|i| map.output(i));
        Halved { m: [rows[0].0[1], rows[1].0[2]], k: rows.map(|(_, k)| k) }
    });
    Colour {
        to_target: Affine { m: rows.map(|(m, _)| m), k: rows.map(|(_, k)| k) },
        from_yuv: plan.from_yuv.as_ref().map(from_yuv),
        anchor: plan.anchor,
        opaque: plan.opaque,
        shifts: plan.shifts,
        halved,
    }
}
