//! A frame and its matte to be, at least one of which is in CUDA memory.
use super::staging::Staging;
use super::{Link, MappedFrame};
use crate::cuda::Device;
use crate::element::mapped::Mapped;
use crate::element::negotiate::Video;
use crate::frame::FrameError;
use crate::frame::device::DeviceFrame;
use crate::matter::OnDevice;
use gst_video::video_frame::{Readable, Writable};
use std::mem;
use std::sync::Arc;

/// Both, mapped where they lie.
pub struct DevicePictures {
    source: Source,
    target: Target,
    link: Arc<Link>,
}

enum Source {
    Cuda(MappedFrame),
    /// Copied to the device.
    Host(Staging),
    /// Given away, until the matte is made.
    Kept,
}

#[allow(clippy::large_enum_variant, reason = "a frame is moved a few times")]
enum Target {
    Cuda(MappedFrame),
    /// To be copied from the device.
    Host(Staging, Mapped<Writable>),
}

impl DevicePictures {
    /// Maps `buffer`, or copies it to the device, and maps `matte`.
    pub fn new(
        link: &Arc<Link>,
        buffer: gst::Buffer,
        matte: gst::Buffer,
        video: &Video,
    ) -> Result<Self, gst::ErrorMessage> {
        let source = match video.input_memory.is_cuda() {
            true => {
                let mapped = MappedFrame::readable(buffer, &video.input, &link.device);
                mapped.map(Source::Cuda).map_err(failed)?
            }
            false => {
                let mapped = Mapped::<Readable>::readable(buffer, &video.input)?;
                Source::Host(Staging::new(link, &mapped.view(), true).map_err(failed)?)
            }
        };
        let target = match video.output_memory.is_cuda() {
            true => {
                MappedFrame::writable(matte, &video.output).map(Target::Cuda).map_err(failed)?
            }
            false => {
                let mapped = Mapped::<Writable>::writable(matte, &video.output)?;
                let staging = Staging::new(link, &mapped.view(), false).map_err(failed)?;
                Target::Host(staging, mapped)
            }
        };
        Ok(Self { source, target, link: link.clone() })
    }

    /// Where the device finds both.
    pub fn on_device(&self) -> OnDevice<'_> {
        let (source, filled): (&DeviceFrame, _) = match &self.source {
            Source::Cuda(mapped) => (mapped.picture(), mapped.ready()),
            Source::Host(staging) => (staging.picture(), staging.ready()),
            Source::Kept => unreachable!("a matte is made once"),
        };
        let (target, made, lane) = match &self.target {
            Target::Cuda(mapped) => (mapped.picture(), None, self.link.matte_stream.as_ref()),
            Target::Host(staging, _) => (staging.picture(), staging.ready(), None),
        };
        let lane = lane.map(|stream| &stream.device);
        OnDevice { device: &self.link.device, source, target, ready: [filled, made], lane }
    }

    /// Waits until `lane` has made the matte, and copies it to the host if it belongs there.
    ///
    /// Where GStreamer knows streams, and both are in CUDA memory, nobody waits: the matte's buffer
    /// tells its stream, and the frame's is given, to be kept until the matte is made. Else the
    /// frame's buffers go back to their pools from here on; meanwhile the other stages queue the
    /// next frames.
    pub fn settle(&mut self, lane: &Device) -> Result<Option<Box<dyn Send>>, FrameError> {
        match (&mut self.target, &self.source, &self.link.matte_stream) {
            (Target::Cuda(_), Source::Cuda(_), Some(_)) => {
                let source = mem::replace(&mut self.source, Source::Kept);
                return Ok(Some(Box::new((source, self.link.clone()))));
            }
            (Target::Cuda(_), ..) => lane.synchronize()?,
            (Target::Host(staging, mapped), ..) => staging.fetch(lane, &mut mapped.view_mut())?,
        }
        Ok(None)
    }

    /// The finished matte.
    pub fn into_matte(self) -> gst::Buffer {
        match self.target {
            Target::Cuda(mapped) => mapped.into_buffer(),
            Target::Host(_, mapped) => mapped.into_buffer(),
        }
    }
}

fn failed(error: impl std::fmt::Display) -> gst::ErrorMessage {
    gst::error_msg!(gst::ResourceError::Failed, ("{error}"))
}
