//! Device memory for a side of the element whose buffers are the host's: one copy a frame.
use super::Link;
use crate::cuda::{Buffer, CudaError, Current, Device, Event};
use crate::frame::device::{DeviceFrame, DevicePlane};
use crate::frame::{FrameError, FrameView, FrameViewMut};
use crossbeam::queue::ArrayQueue;
use std::sync::Arc;

/// Planes that wait for the next frame.
#[derive(Debug)]
pub struct Spares(ArrayQueue<Planes>);

impl Default for Spares {
    fn default() -> Self {
        Self(ArrayQueue::new(16))
    }
}

/// A frame's memory, and the end of what was queued on it before its frame.
#[derive(Debug)]
struct Planes {
    buffers: Vec<Buffer<u8>>,
    ready: Event,
}

/// A frame's planes in device memory, which go back to their link when dropped.
pub struct Staging {
    planes: Option<Planes>,
    picture: DeviceFrame,
    link: Arc<Link>,
}

impl Staging {
    /// Memory for a picture like `view`, with what it holds if `with_content`.
    pub fn new(link: &Arc<Link>, view: &FrameView, with_content: bool) -> Result<Self, FrameError> {
        view.check()?;
        // This may be upstream's thread.
        let _current = Current::keep();
        let device = &link.device;
        let mut planes = take(link, view)?;
        if with_content {
            let host = view.planes.iter().map(|plane| plane.bytes);
            device.upload(host.zip(&mut planes.buffers))?;
        }
        device.record(&planes.ready)?;
        let described = planes
            .buffers
            .iter()
            .zip(&view.planes)
            .map(|(plane, host)| DevicePlane { data: device.address(plane), stride: host.stride });
        let (described, size) = (described.collect(), (view.width, view.height));
        // SAFETY: the planes live beside the picture, are as large as the host's, which was
        // checked, and are used again or freed once the frame is done.
        let picture = unsafe { DeviceFrame::new(view.format, size, view.colorimetry, described)? };
        Ok(Self { planes: Some(planes), picture, link: link.clone() })
    }

    /// The picture.
    pub fn picture(&self) -> &DeviceFrame {
        &self.picture
    }

    /// The end of what made it what it is.
    pub fn ready(&self) -> Option<&Event> {
        self.planes.as_ref().map(|planes| &planes.ready)
    }

    /// Copies the picture to the host on the stream of `lane`, and waits until it is there.
    pub fn fetch(&self, lane: &Device, target: &mut FrameViewMut) -> Result<(), FrameError> {
        let planes = self.planes.iter().flat_map(|planes| &planes.buffers);
        Ok(lane.download(planes.zip(target.planes.iter_mut().map(|plane| &mut *plane.bytes)))?)
    }
}

/// Spare planes that are large enough, else new ones.
fn take(link: &Link, view: &FrameView) -> Result<Planes, CudaError> {
    let lens: Vec<usize> = view.planes.iter().map(|plane| plane.bytes.len()).collect();
    // Those of another size are of an earlier stream, and are freed.
    while let Some(planes) = link.spares.0.pop() {
        if planes.buffers.iter().map(Buffer::len).eq(lens.iter().copied()) {
            return Ok(planes);
        }
    }
    let buffers = lens.into_iter().map(|len| link.device.zeros(len)).collect::<Result<_, _>>()?;
    Ok(Planes { buffers, ready: link.device.event()? })
}

impl Drop for Staging {
    fn drop(&mut self) {
        // A full box of spares is no loss.
        self.planes.take().map(|planes| self.link.spares.0.push(planes));
    }
}
