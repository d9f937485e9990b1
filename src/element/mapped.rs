//! A frame and its matte to be in host memory, mapped.
use super::formats::{colorimetry, pixel_format};
use crate::frame::{FrameView, FrameViewMut, PixelFormat, Plane, PlaneMut};
use gst_video::prelude::*;
use gst_video::video_frame::{Readable, Writable};
use gst_video::{VideoFrame, VideoInfo};

/// A mapped buffer whose planes are rows from top to bottom.
pub struct Mapped<T> {
    frame: VideoFrame<T>,
    format: PixelFormat,
}

impl Mapped<Readable> {
    /// Maps `buffer` for reading.
    pub fn readable(buffer: gst::Buffer, info: &VideoInfo) -> Result<Self, gst::ErrorMessage> {
        let frame = VideoFrame::from_buffer_readable(buffer, info)
            .map_err(|buffer| unusable(info, &format!("cannot be mapped: {buffer:?}")))?;
        Ok(Self { format: laid_out(&frame)?, frame })
    }

    /// The picture.
    pub fn view(&self) -> FrameView<'_> {
        view(&self.frame, self.format, |plane| self.frame.plane_data(plane).unwrap_or_default())
    }
}

impl Mapped<Writable> {
    /// Maps `buffer` for writing.
    pub fn writable(buffer: gst::Buffer, info: &VideoInfo) -> Result<Self, gst::ErrorMessage> {
        let frame = VideoFrame::from_buffer_writable(buffer, info)
            .map_err(|buffer| unusable(info, &format!("cannot be mapped: {buffer:?}")))?;
        Ok(Self { format: laid_out(&frame)?, frame })
    }

    /// The picture, whatever it holds now.
    #[cfg(feature = "cuda")]
    pub fn view(&self) -> FrameView<'_> {
        view(&self.frame, self.format, |plane| self.frame.plane_data(plane).unwrap_or_default())
    }

    /// The picture to write.
    pub fn view_mut(&mut self) -> FrameViewMut<'_> {
        view_mut(&mut self.frame, self.format)
    }

    /// The buffer, no longer mapped.
    pub fn into_buffer(self) -> gst::Buffer {
        self.frame.into_buffer()
    }
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
    gst::error_msg!(gst::StreamError::Format, ("a {format} {width}x{height} frame {why}"))
}

/// The picture of a frame that is `laid_out`.
fn view<'a, T: VideoFrameExt>(
    frame: &'a T,
    format: PixelFormat,
    bytes: impl Fn(u32) -> &'a [u8],
) -> FrameView<'a> {
    let strides = frame.plane_stride();
    let planes = (0..format.plane_count())
        .map(|plane| Plane { bytes: bytes(plane as u32), stride: strides[plane] as usize });
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
