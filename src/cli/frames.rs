//! Decoded frames of a clip or of pictures, one after another, for work outside a pipeline.
use super::drive::Running;
use super::interrupt;
use super::job::Source;
use super::picture;
use anyhow::Context;
use gst::prelude::*;
use gst_video::VideoFrameRef;
use gst_video::prelude::*;
use std::path::Path;

const PATIENCE: gst::ClockTime = gst::ClockTime::from_mseconds(100);

/// One decoded frame.
pub struct Frame {
    /// 0, 1, ...
    pub index: usize,
    /// The samples, in the caps that were asked for.
    pub sample: gst::Sample,
}

/// Decodes `source` to `caps` (`format=RGB,width=320`) and hands over each frame; says how many.
pub fn for_each(
    source: &Source,
    caps: &str,
    mut work: impl FnMut(Frame) -> anyhow::Result<()>,
) -> anyhow::Result<usize> {
    match source {
        Source::Clip(path) => for_each_of_clip(path, caps, &mut work)
            .with_context(|| format!("cannot decode {}", path.display())),
        Source::Pictures(pictures) => {
            for (index, path) in pictures.iter().enumerate() {
                interrupt::check()?;
                work(Frame { index, sample: picture::decode(path, caps)? })?;
            }
            Ok(pictures.len())
        }
    }
}

fn for_each_of_clip(
    path: &Path,
    caps: &str,
    work: &mut impl FnMut(Frame) -> anyhow::Result<()>,
) -> anyhow::Result<usize> {
    let running = Running::parse(&format!(
        "filesrc name=in ! decodebin ! videoconvert ! videoscale ! video/x-raw,{caps} ! appsink name=out sync=false max-buffers=2"
    ))?;
    running.element::<gst::Element>("in").set_property("location", path);
    let sink = running.element::<gst_app::AppSink>("out");
    running.play()?;
    let mut index = 0;
    loop {
        interrupt::check()?;
        match sink.try_pull_sample(PATIENCE) {
            Some(sample) => {
                work(Frame { index, sample })?;
                index += 1;
            }
            None if sink.is_eos() => break,
            None => running.check()?,
        }
    }
    anyhow::ensure!(index > 0, "{}: expected frames, found none", path.display());
    Ok(index)
}

/// The frame's width, height and rows without padding, for packed formats of 8 bits a channel.
pub fn packed(sample: &gst::Sample) -> anyhow::Result<(usize, usize, Vec<u8>)> {
    let caps = sample.caps().context("a decoded frame has caps")?;
    let info = gst_video::VideoInfo::from_caps(caps)?;
    let buffer = sample.buffer().context("a decoded sample has a buffer")?;
    let frame = VideoFrameRef::from_buffer_ref_readable(buffer, &info)?;
    let (width, height) = (info.width() as usize, info.height() as usize);
    let row = width * info.comp_pstride(0) as usize;
    let stride = frame.plane_stride()[0] as usize;
    let rows = frame.plane_data(0)?.chunks(stride).take(height);
    Ok((width, height, rows.flat_map(|r| &r[..row]).copied().collect()))
}
