//! A frame in device memory with alpha, in the layout that goes on.
use super::DeviceFrame;
use super::refine::{Coefficients, taps};
use super::squash::from_yuv;
use crate::cuda::{
    Affine, Alpha, Buffer, Colour, CudaError, Device, Guesses, Halved, Lerps, Lines, Target,
};
use crate::frame::colorimetry;
use crate::frame::composite::{Output, Plan, is_output};
use crate::frame::foreground::Foreground;
use crate::frame::refine::Guide;
use crate::frame::source_rows::to_rgb;
use crate::frame::{FrameError, PixelFormat};

/// [`composite::Composite`](crate::frame::composite::Composite) on a device. The tables of the
/// last sizes are kept.
#[derive(Default)]
pub struct Composite {
    /// Slopes (3, grid, grid) and offset (grid, grid) of the frame's samples.
    of_samples: Option<[Buffer<f32>; 2]>,
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
        let Coefficients { side, guide, grid, slope, offset } = coefficients;
        let (slope, offset) = match guide {
            Guide::Colors => {
                let to_rgb = affine(&to_rgb(frame.format, frame.colorimetry));
                let [slopes, at_zero] = of_samples(&mut self.of_samples, device, *grid)?;
                let lines = Lines { slopes: &mut *slopes, offset: &mut *at_zero };
                device.lines_of_samples((slope, offset), to_rgb, lines)?;
                (&*slopes, &*at_zero)
            }
            _ => (slope, offset),
        };
        let offset_lerps = lerps(&mut self.offset, device, (frame.size, *side))?;
        let slope = match *guide {
            Guide::None => None,
            _ => Some((slope, *grid, lerps(&mut self.slope, device, (frame.size, *grid))?)),
        };
        let offset = (offset, *side, offset_lerps);
        let of_samples = *guide == Guide::Colors;
        let alpha = Alpha { slope, of_samples, offset, to_luma: plan.to_luma };
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

fn of_samples<'a>(
    kept: &'a mut Option<[Buffer<f32>; 2]>,
    device: &Device,
    grid: usize,
) -> Result<&'a mut [Buffer<f32>; 2], CudaError> {
    let cells = grid * grid;
    let planes = match kept.take().filter(|[_, offset]| offset.len() == cells) {
        Some(planes) => planes,
        None => [device.zeros(3 * cells)?, device.zeros(cells)?],
    };
    Ok(kept.insert(planes))
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
    let halved = plan.chroma_to_chroma.as_ref().map(|map| {
        let rows = [1, 2].map(|i| map.output(i));
        Halved { m: [rows[0].0[1], rows[1].0[2]], k: rows.map(|(_, k)| k) }
    });
    Colour {
        to_target: affine(&plan.to_target),
        from_yuv: plan.from_yuv.as_ref().map(from_yuv),
        anchor: plan.anchor,
        opaque: plan.opaque,
        shifts: plan.shifts,
        halved,
    }
}

fn affine(map: &colorimetry::Affine) -> Affine {
    let rows = [0, 1, 2].map(|i| map.output(i));
    Affine { m: rows.map(|(m, _)| m), k: rows.map(|(_, k)| k) }
}
