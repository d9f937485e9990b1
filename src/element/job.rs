//! One frame on its way through the stages: two mapped buffers and the permit to be here.
#[cfg(feature = "cuda")]
use super::cuda_memory::DevicePictures;
use super::mapped::Mapped;
use super::negotiate::Video;
use super::qos::Qos;
use super::stream::Permit;
#[cfg(feature = "cuda")]
use crate::cuda::Device;
#[cfg(feature = "cuda")]
use crate::frame::FrameError;
use crate::frame::{FrameView, FrameViewMut};
use crate::matter::Job;
#[cfg(feature = "cuda")]
use crate::matter::OnDevice;
use gst_video::video_frame::{Readable, Writable};
use std::ops::ControlFlow;
use std::sync::Arc;

/// A frame, its matte to be, and when somebody waits for it.
pub struct FrameJob {
    pictures: Pictures,
    /// The frame's own timestamp.
    pub pts: Option<gst::ClockTime>,
    /// How long it is shown.
    pub duration: Option<gst::ClockTime>,
    /// When it is due; `None` outside of the segment or without a timestamp.
    pub running_time: Option<gst::ClockTime>,
    /// Where in the stream it is.
    pub stream_time: Option<gst::ClockTime>,
    qos: Arc<Qos>,
    permit: Permit,
}

#[allow(clippy::large_enum_variant, reason = "a frame is moved a few times")]
enum Pictures {
    Host(Mapped<Readable>, Mapped<Writable>),
    #[cfg(feature = "cuda")]
    Device(DevicePictures),
}

impl FrameJob {
    /// Maps `buffer` for reading and `matte`, which gets its metadata, for writing.
    pub fn new(
        buffer: gst::Buffer,
        mut matte: gst::Buffer,
        video: &Video,
        segment: Option<&gst::FormattedSegment<gst::ClockTime>>,
        qos: Arc<Qos>,
        permit: Permit,
    ) -> Result<Self, gst::ErrorMessage> {
        copy_metadata(&buffer, &mut matte)?;
        let (pts, duration) = (buffer.pts(), buffer.duration());
        Ok(Self {
            pictures: Pictures::new(buffer, matte, video)?,
            pts,
            duration,
            running_time: segment.and_then(|segment| segment.to_running_time(pts)),
            stream_time: segment.and_then(|segment| segment.to_stream_time(pts)),
            qos,
            permit,
        })
    }

    /// The finished matte, and the permit to let go once it is downstream.
    pub fn into_matte(self) -> (gst::Buffer, Permit) {
        let matte = match self.pictures {
            Pictures::Host(_, target) => target.into_buffer(),
            #[cfg(feature = "cuda")]
            Pictures::Device(pictures) => pictures.into_matte(),
        };
        (matte, self.permit)
    }
}

impl Pictures {
    fn new(
        buffer: gst::Buffer,
        matte: gst::Buffer,
        video: &Video,
    ) -> Result<Self, gst::ErrorMessage> {
        #[cfg(feature = "cuda")]
        if let Some(link) = &video.link {
            return DevicePictures::new(link, buffer, matte, video).map(Self::Device);
        }
        let source = Mapped::readable(buffer, &video.input)?;
        Ok(Self::Host(source, Mapped::writable(matte, &video.output)?))
    }
}

impl Job for FrameJob {
    fn source(&self) -> FrameView<'_> {
        match &self.pictures {
            Pictures::Host(source, _) => source.view(),
            #[cfg(feature = "cuda")]
            Pictures::Device(_) => unreachable!("stages look on the device first"),
        }
    }

    fn views(&mut self) -> (FrameView<'_>, FrameViewMut<'_>) {
        match &mut self.pictures {
            Pictures::Host(source, target) => (source.view(), target.view_mut()),
            #[cfg(feature = "cuda")]
            Pictures::Device(_) => unreachable!("stages look on the device first"),
        }
    }

    #[cfg(feature = "cuda")]
    fn on_device(&self) -> Option<OnDevice<'_>> {
        match &self.pictures {
            Pictures::Host(..) => None,
            Pictures::Device(pictures) => Some(pictures.on_device()),
        }
    }

    #[cfg(feature = "cuda")]
    fn settle(&mut self, lane: &Device) -> Result<Option<Box<dyn Send>>, FrameError> {
        match &mut self.pictures {
            Pictures::Host(..) => Ok(None),
            Pictures::Device(pictures) => pictures.settle(lane),
        }
    }

    fn is_late(&self) -> bool {
        self.qos.is_late(self.running_time)
    }
}

/// Timestamps, flags, and every meta that does not speak of the memory it lies in.
fn copy_metadata(from: &gst::BufferRef, to: &mut gst::Buffer) -> Result<(), gst::ErrorMessage> {
    let failed = |_| gst::error_msg!(gst::CoreError::Failed, ("cannot copy a buffer's metadata"));
    let to = to.make_mut();
    let flags = gst::BufferCopyFlags::TIMESTAMPS | gst::BufferCopyFlags::FLAGS;
    from.copy_into(to, flags, ..).map_err(failed)?;
    from.foreach_meta(|meta| {
        if !meta.has_tag::<gst::meta::tags::Memory>() {
            // A meta that cannot be copied stays behind.
            let _ = meta.transform(to, &gst::meta::MetaTransformCopy::new(..));
        }
        ControlFlow::Continue(())
    });
    Ok(())
}
