//! One frame on its way through the stages: two mapped buffers and the permit to be here.
use super::formats::{colorimetry, pixel_format};
use super::qos::Qos;
use super::stream::Permit;
use crate::frame::{FrameView, FrameViewMut, PixelFormat, Plane, PlaneMut};
use crate::matter::Job;
use gst_video::prelude::*;
use gst_video::video_frame::{Readable, Writable};
use gst_video::{VideoFrame, VideoInfo};
use std::ops::ControlFlow;
use std::sync::Arc;

/// A frame, its matte to be, and when somebody waits for it.
pub struct FrameJob {
    source: VideoFrame<Readable>,
    target: VideoFrame<Writable>,
    source_format: PixelFormat,
    target_format: PixelFormat,
    /// When it is due; `None` outside of the segment or without a timestamp.
    pub running_time: Option<gst::ClockTime>,
    /// Where in the stream it is.
    pub stream_time: Option<gst::ClockTime>,
    qos: Arc<Qos>,
    permit: Permit,
}

impl FrameJob {
    /// Maps `buffer` for reading and `matte`, which gets its metadata, for writing.
    pub fn new(
        (buffer, input): (gst::Buffer, &VideoInfo),
        (mut matte, output): (gst::Buffer, &VideoInfo),
        segment: Option<&gst::FormattedSegment<gst::ClockTime>>,
        qos: Arc<Qos>,
        permit: Permit,
    ) -> Result<Self, gst::ErrorMessage> {
        copy_metadata(&buffer, &mut matte)?;
        let pts = buffer.pts();
        let source = VideoFrame::from_buffer_readable(buffer, input)
            .map_err(|buffer| unusable(input, &format!("cannot be mapped: {buffer:?}")))?;
        let target = VideoFrame::from_buffer_writable(matte, output)
            .map_err(|buffer| unusable(output, &format!("cannot be mapped: {buffer:?}")))?;
        Ok(Self {
            source_format: laid_out(&source)?,
            target_format: laid_out(&target)?,
            source,
            target,
            running_time: segment.and_then(|segment| segment.to_running_time(pts)),
            stream_time: segment.and_then(|segment| segment.to_stream_time(pts)),
            qos,
            permit,
        })
    }

    /// The frame's own timestamp.
    pub fn pts(&self) -> Option<gst::ClockTime> {
        self.source.buffer().pts()
    }

    /// How long it is shown.
    pub fn duration(&self) -> Option<gst::ClockTime> {
        self.source.buffer().duration()
    }

    /// The finished matte, and the permit to let go once it is downstream.
    pub fn into_matte(self) -> (gst::Buffer, Permit) {
        (self.target.into_buffer(), self.permit)
    }
}

impl Job for FrameJob {
    fn source(&self) -> FrameView<'_> {
        view(&self.source, self.source_format)
    }

    fn views(&mut self) -> (FrameView<'_>, FrameViewMut<'_>) {
        (view(&self.source, self.source_format), view_mut(&mut self.target, self.target_format))
    }

    fn is_late(&self) -> bool {
        self.qos.is_late(self.running_time)
    }
}

/// Timestamps, flags, and every meta that does not speak of the memory it lies in.
fn copy_metadata(from: &gst::BufferRef, to: &mut gst::Buffer) -> Result<(), gst::ErrorMessage> {
    let failed = |_| gst::error_msg!(gst::CoreError::Failed, ["cannot copy a buffer's metadata"]);
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

/// The frame's format, if its planes are rows from top to bottom that end inside of the buffer.
fn laid_out<T: VideoFrameExt>(frame: &T) -> Result<PixelFormat, gst::ErrorMessage> {
    let info = frame.info();
    let format = pixel_format(frame.format())
        .ok_or_else(|| unusable(info, "has a format that its caps do not have"))?;
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    for plane in 0..format.plane_count() {
        let (row_bytes, rows) = format
            .plane_size(plane, width, height)
            .ok_or_else(|| unusable(info, "is larger than memory"))?;
        let stride = usize::try_from(frame.plane_stride()[plane])
            .ok()
            .filter(|stride| *stride >= row_bytes)
            .ok_or_else(|| unusable(info, "has a stride shorter than its rows"))?;
        let end = frame.plane_offset()[plane] + stride * rows.saturating_sub(1) + row_bytes;
        if end > frame.buffer().size() {
            return Err(unusable(info, &format!("needs {end} bytes: {:?}", frame.buffer())));
        }
    }
    Ok(format)
}

fn unusable(info: &VideoInfo, why: &str) -> gst::ErrorMessage {
    let (format, width, height) = (info.format(), info.width(), info.height());
    gst::error_msg!(gst::StreamError::Format, ["a {format} {width}x{height} frame {why}"])
}

/// The picture of a frame that is `laid_out`.
fn view(frame: &VideoFrame<Readable>, format: PixelFormat) -> FrameView<'_> {
    let strides = frame.plane_stride();
    let planes = (0..format.plane_count()).map(|plane| Plane {
        bytes: frame.plane_data(plane as u32).unwrap_or_default(),
        stride: strides[plane] as usize,
    });
    FrameView {
        format,
        width: frame.width() as usize,
        height: frame.height() as usize,
        colorimetry: colorimetry(frame.info()),
        planes: planes.collect(),
    }
}

/// The picture to write of a frame that is `laid_out`.
fn view_mut(frame: &mut VideoFrame<Writable>, format: PixelFormat) -> FrameViewMut<'_> {
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    let colorimetry = colorimetry(frame.info());
    let mut strides = [0; 4];
    strides.iter_mut().zip(frame.plane_stride()).for_each(|(to, from)| *to = *from as usize);
    let planes = frame.planes_data_mut().into_iter().zip(strides);
    let planes = planes.take(format.plane_count());
    let planes = planes.map(|(bytes, stride)| PlaneMut { bytes, stride }).collect();
    FrameViewMut { format, width, height, colorimetry, planes }
}
