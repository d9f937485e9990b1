//! A buffer in CUDA memory, mapped for the device.
use super::CudaMemoryError;
use super::library::{MAP_CUDA, functions};
use super::stream::written;
use crate::cuda::{Device, Event};
use crate::element::formats::{colorimetry, pixel_format};
use crate::frame::device::{DeviceFrame, DevicePlane};
use gst::ffi::GST_MAP_READ;
use gst::glib::translate::{FromGlib, ToGlibPtr, from_glib};
use gst_video::VideoInfo;
use gst_video::ffi::{GstVideoFrame, gst_video_frame_map, gst_video_frame_unmap};
use std::mem::MaybeUninit;

/// A mapped buffer and the picture in it.
pub struct MappedFrame {
    mapped: Box<GstVideoFrame>,
    picture: DeviceFrame,
    /// The end of what was queued on it before.
    ready: Option<Event>,
    buffer: gst::Buffer,
}

// SAFETY: the buffer may be used from any thread, and its mapping by one after the other.
unsafe impl Send for MappedFrame {}

impl MappedFrame {
    /// Maps `buffer`, which lies in the context of `device`, for the device to read.
    pub fn readable(
        buffer: gst::Buffer,
        info: &VideoInfo,
        device: &Device,
    ) -> Result<Self, CudaMemoryError> {
        let mut mapped = Self::map(buffer, info, GST_MAP_READ)?;
        let memory = mapped.buffer.peek_memory(0).as_mut_ptr();
        // SAFETY: it is CUDA memory, or had not been mapped, and the buffer keeps it.
        mapped.ready = unsafe { written(device, memory) }?;
        Ok(mapped)
    }

    /// Maps `buffer`, which nobody else has, for the device to write.
    pub fn writable(buffer: gst::Buffer, info: &VideoInfo) -> Result<Self, CudaMemoryError> {
        Self::map(buffer, info, gst::ffi::GST_MAP_WRITE)
    }

    fn map(
        buffer: gst::Buffer,
        info: &VideoInfo,
        flags: gst::ffi::GstMapFlags,
    ) -> Result<Self, CudaMemoryError> {
        let unusable = || CudaMemoryError::NotCuda(format!("{buffer:?}"));
        let format = pixel_format(info.format()).filter(|_| is_cuda(&buffer));
        let format = format.ok_or_else(unusable)?;
        let mut mapped = Box::new(MaybeUninit::<GstVideoFrame>::zeroed());
        // SAFETY: the frame keeps its own reference until it is unmapped; without one, the map may
        // be of memory that is written.
        let ok: bool = unsafe {
            let (info, buffer) = (info.to_glib_none().0, buffer.as_ptr().cast_mut());
            let flags = flags | MAP_CUDA | gst_video::ffi::GST_VIDEO_FRAME_MAP_FLAG_NO_REF;
            from_glib(gst_video_frame_map(mapped.as_mut_ptr(), info, buffer, flags))
        };
        if !ok {
            return Err(unusable());
        }
        // SAFETY: it was just filled in.
        let mapped = unsafe { mapped.assume_init() };
        let planes = (0..format.plane_count()).map(|plane| DevicePlane {
            data: mapped.data[plane] as u64,
            stride: usize::try_from(mapped.info.stride[plane]).unwrap_or(0),
        });
        let size = (info.width() as usize, info.height() as usize);
        // SAFETY: libgstcuda allocated the planes for this format and size, and the buffer keeps
        // them until this is dropped, which whoever uses the picture waits for.
        let picture =
            unsafe { DeviceFrame::new(format, size, colorimetry(info), planes.collect()) };
        match picture {
            Ok(picture) => Ok(Self { mapped, picture, ready: None, buffer }),
            Err(error) => {
                let mut mapped = mapped;
                // SAFETY: it was mapped above.
                unsafe { gst_video_frame_unmap(&mut *mapped) };
                Err(CudaMemoryError::NotCuda(error.to_string()))
            }
        }
    }

    /// The picture.
    pub fn picture(&self) -> &DeviceFrame {
        &self.picture
    }

    /// The end of what was queued on the picture before it was mapped, if that may not be done.
    pub fn ready(&self) -> Option<&Event> {
        self.ready.as_ref()
    }

    /// The buffer, no longer mapped.
    pub fn into_buffer(self) -> gst::Buffer {
        self.buffer.clone()
    }
}

impl Drop for MappedFrame {
    fn drop(&mut self) {
        // SAFETY: it was mapped when this was made.
        unsafe { gst_video_frame_unmap(&mut *self.mapped) };
    }
}

fn is_cuda(buffer: &gst::BufferRef) -> bool {
    // SAFETY: the buffer keeps its memory alive.
    functions().is_ok_and(|functions| unsafe {
        buffer.n_memory() == 1
            && bool::from_glib((functions.is_cuda_memory)(buffer.peek_memory(0).as_mut_ptr()))
    })
}
