//! What comes out for the caps that come in, and where its buffers come from.
use super::CAT;
#[cfg(feature = "cuda")]
use super::cuda_memory::{CudaMemoryError, Link};
#[cfg(feature = "cuda")]
use super::formats::Memory;
use super::formats::{output_colorimetry, outputs_for, pixel_format};
use gst::prelude::*;
use gst_video::{VideoBufferPool, VideoInfo, VideoInterlaceMode};
#[cfg(feature = "cuda")]
use std::sync::Arc;

/// Both sides' formats, and the pool for the src side's buffers.
#[derive(Debug, Clone)]
pub struct Video {
    /// What comes in.
    pub input: VideoInfo,
    /// What goes out.
    pub output: VideoInfo,
    /// What goes out, as its CAPS event says it.
    pub caps: gst::Caps,
    /// Active; every matte is a new buffer of it.
    pub pool: gst::BufferPool,
    /// Where frames come in.
    #[cfg(feature = "cuda")]
    pub input_memory: Memory,
    /// Where mattes go out.
    #[cfg(feature = "cuda")]
    pub output_memory: Memory,
    /// The device, if one of both is CUDA memory.
    #[cfg(feature = "cuda")]
    pub link: Option<Arc<Link>>,
}

impl Video {
    /// Agrees with what is downstream of `srcpad` on an output for `sink_caps`, tells it, and asks
    /// it for a pool that can spare `frames` buffers. Everything before must be downstream already.
    pub fn negotiate(
        srcpad: &gst::Pad,
        sink_caps: &gst::Caps,
        frames: u32,
        #[cfg(feature = "cuda")] link: impl FnOnce() -> Result<Arc<Link>, CudaMemoryError>,
    ) -> Result<Self, gst::LoggableError> {
        let input = progressive(sink_caps)?;
        let caps = output_caps(srcpad, sink_caps, &input)?;
        let output = VideoInfo::from_caps(&caps)?;
        if srcpad.current_caps().as_ref() != Some(&caps) {
            srcpad.push_event(gst::event::Caps::new(&caps));
        }
        // A flush may have come in between.
        if srcpad.current_caps().as_ref() != Some(&caps) {
            return Err(gst::loggable_error!(CAT, "downstream did not take {caps}"));
        }
        #[cfg(feature = "cuda")]
        let (input_memory, output_memory) = (Memory::of_caps(sink_caps), Memory::of_caps(&caps));
        #[cfg(feature = "cuda")]
        let link = match input_memory.is_cuda() || output_memory.is_cuda() {
            true => Some(link().map_err(|e| gst::loggable_error!(CAT, "no CUDA device: {e}"))?),
            false => None,
        };
        #[cfg(feature = "cuda")]
        let ours = link.as_ref().filter(|_| output_memory.is_cuda());
        #[cfg(feature = "cuda")]
        let ours = ours.map(|link| device_pool(link, &caps, &output, frames)).transpose()?;
        #[cfg(not(feature = "cuda"))]
        let ours = None;
        let pool = match ours {
            Some(pool) => pool,
            None => allocate(srcpad, &caps, &output, frames)?,
        };
        Ok(Self {
            input,
            output,
            caps,
            pool,
            #[cfg(feature = "cuda")]
            input_memory,
            #[cfg(feature = "cuda")]
            output_memory,
            #[cfg(feature = "cuda")]
            link,
        })
    }
}

#[cfg(feature = "cuda")]
impl Video {
    /// The same on another device.
    pub fn moved_to(&self, link: Arc<Link>, frames: u32) -> Result<Self, gst::LoggableError> {
        let mut moved = self.clone();
        if self.output_memory.is_cuda() {
            moved.pool = device_pool(&link, &self.caps, &self.output, frames)?;
            // Its buffers that are downstream come back to nobody.
            let _ = self.pool.set_active(false);
        }
        moved.link = Some(link);
        Ok(moved)
    }
}

/// A pool of our own on the device: downstream's may be of another context.
#[cfg(feature = "cuda")]
fn device_pool(
    link: &Link,
    caps: &gst::Caps,
    info: &VideoInfo,
    frames: u32,
) -> Result<gst::BufferPool, gst::LoggableError> {
    let failed = |error: &dyn std::fmt::Display| {
        gst::loggable_error!(CAT, "no buffers in CUDA memory for {caps}: {error}")
    };
    let pool = link.pool().map_err(|e| failed(&e))?;
    let mut config = pool.config();
    let size = u32::try_from(info.size()).map_err(|e| failed(&e))?;
    config.set_params(Some(caps), size, frames, 0);
    config.add_option(gst_video::BUFFER_POOL_OPTION_VIDEO_META);
    link.configure(&mut config);
    pool.set_config(config).and_then(|()| pool.set_active(true)).map_err(|e| failed(&e))?;
    Ok(pool)
}

/// The frames of `sink_caps`; interlaced ones are an error.
fn progressive(sink_caps: &gst::Caps) -> Result<VideoInfo, gst::LoggableError> {
    let info = VideoInfo::from_caps(sink_caps)?;
    if info.interlace_mode() != VideoInterlaceMode::Progressive {
        let mode = info.interlace_mode();
        return Err(gst::loggable_error!(CAT, "expected progressive video, found {mode:?}"));
    }
    if pixel_format(info.format()).is_none() || info.width() == 0 || info.height() == 0 {
        return Err(gst::loggable_error!(CAT, "expected frames of a known format, found {info:?}"));
    }
    Ok(info)
}

/// Our first choice that the peer takes, with its colours described where the peer lets us.
fn output_caps(
    srcpad: &gst::Pad,
    sink_caps: &gst::Caps,
    input: &VideoInfo,
) -> Result<gst::Caps, gst::LoggableError> {
    let ours = outputs_for(sink_caps);
    let theirs = srcpad.peer_query_caps(Some(&ours));
    let mut common = ours.intersect_with_mode(&theirs, gst::CapsIntersectMode::First);
    if common.is_empty() {
        return Err(gst::loggable_error!(CAT, "downstream takes none of {ours}, only {theirs}"));
    }
    common.truncate();
    common.fixate();
    let output = VideoInfo::from_caps(&common)?;
    let mut described = common.clone();
    let colorimetry = output_colorimetry(input, &output).to_string();
    described.make_mut().set("colorimetry", colorimetry);
    if output.format() == gst_video::VideoFormat::A420
        && let Some(site) = sink_caps.structure(0).and_then(|s| s.get::<String>("chroma-site").ok())
    {
        described.make_mut().set("chroma-site", site);
    }
    Ok(if described.is_subset(&theirs) { described } else { common })
}

/// Downstream's pool if it takes our configuration, else one of our own.
fn allocate(
    srcpad: &gst::Pad,
    caps: &gst::Caps,
    info: &VideoInfo,
    frames: u32,
) -> Result<gst::BufferPool, gst::LoggableError> {
    let mut query = gst::query::Allocation::new(Some(caps), true);
    let size = u32::try_from(info.size())
        .map_err(|_| gst::loggable_error!(CAT, "a frame of {caps} is too large"))?;
    let mut offered = Vec::new();
    if srcpad.peer_query(&mut query) {
        offered.extend(query.allocation_pools().filter_map(|(pool, bytes, min, max)| {
            Some((pool?.to_owned(), bytes.max(size), min, max))
        }));
    }
    offered.push((VideoBufferPool::new().upcast(), size, 0, 0));
    let takes_meta = query.find_allocation_meta::<gst_video::VideoMeta>().is_some();
    for (pool, bytes, min, max) in offered {
        // The frames in flight come on top of what downstream keeps to itself.
        let (min, max) = (min + frames, if max == 0 { 0 } else { max + frames });
        let mut config = pool.config();
        config.set_params(Some(caps), bytes, min, max);
        if takes_meta && pool.has_option(gst_video::BUFFER_POOL_OPTION_VIDEO_META) {
            config.add_option(gst_video::BUFFER_POOL_OPTION_VIDEO_META);
        }
        match pool.set_config(config).and_then(|()| pool.set_active(true)) {
            Ok(()) => return Ok(pool),
            Err(error) => gst::debug!(CAT, obj = srcpad, "pool {pool:?} is of no use: {error}"),
        }
    }
    Err(gst::loggable_error!(CAT, "no buffer pool for {caps}"))
}
