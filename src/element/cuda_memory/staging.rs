//! Device memory for a side of the element whose buffers are the host's: one copy a frame.
use super::Link;
use crate::cuda::{Buffer, CudaError, Current};
use crate::frame::device::{DeviceFrame, DevicePlane};
use crate::frame::{FrameError, FrameView, FrameViewMut};
use crossbeam::queue::ArrayQueue;
use std::sync::Arc;

/// Planes that wait for the next frame.
#[derive(Debug)]
pub struct Spares(ArrayQueue<Vec<Buffer<u8>>>);

impl Default for Spares {
    fn default() -> Self {
        Self(ArrayQueue::new(16))
    }
}

/// A frame's planes in device memory, which goes back to its link when dropped.
pub struct Staging {
    planes: Vec<Buffer<u8>>,
    picture: DeviceFrame,
    link: Arc<Link>,
}

impl Staging {
    /// Memory for a picture like `view`, with what it holds if `with_content`.
    pub fn new(link: &Arc<Link>, view: &FrameView, with_content: bool) -> Result<Self, FrameError> {
        view.check()?;
        // This may be upstream's thread.
        let _current = Current::keep();
        let mut planes = take(link, view)?;
        if with_content {
            for (plane, host) in planes.iter_mut().zip(&view.planes) {
                link.device.upload(host.bytes, plane)?;
            }
        }
        let described = planes.iter().zip(&view.planes).map(|(plane, host)| DevicePlane {
            data: link.device.address(plane),
            stride: host.stride,
        });
        let (described, size) = (described.collect(), (view.width, view.height));
        // SAFETY: the planes live beside the picture, are as large as the host's, which was
        // checked, and freed or used again in the stream's order.
        let picture = unsafe { DeviceFrame::new(view.format, size, view.colorimetry, described)? };
        Ok(Self { planes, picture, link: link.clone() })
    }

    /// The picture.
    pub fn picture(&self) -> &DeviceFrame {
        &self.picture
    }

    /// Copies the picture to the host, and waits until it is there.
    pub fn fetch(&self, target: &mut FrameViewMut) -> Result<(), FrameError> {
        for (plane, host) in self.planes.iter().zip(&mut target.planes) {
            self.link.device.download(plane, host.bytes)?;
        }
        Ok(())
    }
}

/// Spare planes that are large enough, else new ones.
fn take(link: &Link, view: &FrameView) -> Result<Vec<Buffer<u8>>, CudaError> {
    let lens: Vec<usize> = view.planes.iter().map(|plane| plane.bytes.len()).collect();
    // Those of another size are of an earlier stream, and are freed.
    while let Some(planes) = link.spares.0.pop() {
        if planes.iter().map(Buffer::len).eq(lens.iter().copied()) {
            return Ok(planes);
        }
    }
    lens.into_iter().map(|len| link.device.zeros(len)).collect()
}

impl Drop for Staging {
    fn drop(&mut self) {
        // A full box of spares is no loss.
        let _ = self.link.spares.0.push(std::mem::take(&mut self.planes));
    }
}
