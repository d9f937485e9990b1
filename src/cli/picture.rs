//! Pictures in files: found in a folder, decoded one by one, written one by one.
use super::drive::Running;
use super::interrupt;
use anyhow::Context;
use gst::prelude::*;
use gst_video::{VideoFormat, VideoInfo};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

const PATIENCE: gst::ClockTime = gst::ClockTime::from_mseconds(100);
/// What picture files are called.
const EXTENSIONS: [&str; 10] =
    ["png", "jpg", "jpeg", "webp", "bmp", "tif", "tiff", "ppm", "pgm", "pnm"];

/// Whether `path` is called as a picture is.
pub fn is_picture(path: &Path) -> bool {
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    EXTENSIONS.contains(&extension.to_ascii_lowercase().as_str())
}

/// The pictures in `folder`, in the order of their names.
pub fn in_folder(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let context = || format!("cannot read the folder {}", folder.display());
    let mut pictures = Vec::new();
    for entry in fs::read_dir(folder).with_context(context)? {
        let path = entry.with_context(context)?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if path.is_file() && !hidden && is_picture(&path) {
            pictures.push(path);
        }
    }
    anyhow::ensure!(
        !pictures.is_empty(),
        "{}: expected pictures ({}), found none",
        folder.display(),
        EXTENSIONS.join(", ")
    );
    pictures.sort();
    Ok(pictures)
}

/// One picture, decoded to `caps` (`format=RGB`; `width=[1,max]` takes it as it is).
pub fn decode(path: &Path, caps: &str) -> anyhow::Result<gst::Sample> {
    let running = Running::parse(&format!(
        "filesrc name=in ! decodebin ! videoconvert ! videoscale ! video/x-raw,{caps} ! appsink name=out sync=false"
    ))?;
    running.element::<gst::Element>("in").set_property("location", path);
    running.play()?;
    let found = first_sample(&running).with_context(|| format!("cannot decode {}", path.display()));
    found?.with_context(|| format!("{}: expected a picture, found none", path.display()))
}

/// Packed R'G'B' rows without padding, in GStreamer's hands.
pub fn of_rgb((width, height): (usize, usize), rgb: Vec<u8>) -> anyhow::Result<gst::Sample> {
    let info = VideoInfo::builder(VideoFormat::Rgb, width as u32, height as u32).build()?;
    // Caps do not say how long rows are: GStreamer takes whole fours.
    let (row, stride) = (3 * width, info.stride()[0] as usize);
    let rows = match row == stride {
        true => rgb,
        false => {
            let padding = vec![0; stride - row];
            rgb.chunks_exact(row).flat_map(|row| [row, &padding]).flatten().copied().collect()
        }
    };
    let buffer = gst::Buffer::from_mut_slice(rows);
    Ok(gst::Sample::builder().buffer(&buffer).caps(&info.to_caps()?).build())
}

/// What `description` makes of one sample, from its appsrc `in` to its appsink `out`.
pub fn through(description: &str, sample: &gst::Sample) -> anyhow::Result<gst::Sample> {
    let running = Running::parse(description)?;
    let source = running.element::<gst_app::AppSrc>("in");
    running.play()?;
    source.push_sample(sample)?;
    source.end_of_stream()?;
    first_sample(&running)?.with_context(|| format!("`{description}` made no picture"))
}

/// The first that reaches the appsink `out`; none at the end of the stream.
fn first_sample(running: &Running) -> anyhow::Result<Option<gst::Sample>> {
    let sink = running.element::<gst_app::AppSink>("out");
    loop {
        interrupt::check()?;
        match sink.try_pull_sample(PATIENCE) {
            Some(sample) => return Ok(Some(sample)),
            None if sink.is_eos() => return Ok(None),
            None => running.check()?,
        }
    }
}

/// `sample` as frame `index` of a clip of `framerate`.
pub fn as_frame(sample: &gst::Sample, index: usize, framerate: u32) -> Option<gst::Sample> {
    let mut caps = sample.caps_owned()?;
    caps.make_mut().set("framerate", gst::Fraction::new(framerate as i32, 1));
    let mut buffer = sample.buffer_owned()?;
    let writable = buffer.make_mut();
    // Each picture was the first of a pipeline of its own.
    writable.unset_flags(gst::BufferFlags::DISCONT);
    writable.set_pts(pts_of(index, framerate));
    writable.set_duration(pts_of(index + 1, framerate) - pts_of(index, framerate));
    Some(gst::Sample::builder().buffer(&buffer).caps(&caps).build())
}

/// When frame `index` is shown.
pub fn pts_of(index: usize, framerate: u32) -> gst::ClockTime {
    gst::ClockTime::from_nseconds(index as u64 * 1_000_000_000 / u64::from(framerate))
}

/// Which frame is shown at `pts`: the inverse of [`pts_of`], whose rounding it undoes.
pub fn index_at(pts: gst::ClockTime, framerate: u32) -> usize {
    let (ns, rate) = (u128::from(pts.nseconds()), u128::from(framerate));
    ((ns * rate + 500_000_000) / 1_000_000_000) as usize
}

/// Writes 8-bit samples as a PNG.
pub fn write_png(
    path: &Path,
    (width, height): (usize, usize),
    colour: png::ColorType,
    samples: &[u8],
) -> anyhow::Result<()> {
    let context = || format!("cannot write {}", path.display());
    let file = BufWriter::new(File::create(path).with_context(context)?);
    let mut encoder = png::Encoder::new(file, width as u32, height as u32);
    encoder.set_color(colour);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().with_context(context)?;
    writer.write_image_data(samples).with_context(context)?;
    writer.finish().with_context(context)
}
