//! Caps: what goes in, what comes out for it, and the frame module's words for both.
use crate::frame::{Colorimetry, Matrix, PixelFormat};
use gst_video::VideoFormat;

/// What the sink pad takes.
pub const INPUTS: [VideoFormat; 13] = [
    VideoFormat::Nv12,
    VideoFormat::I420,
    VideoFormat::Yv12,
    VideoFormat::P01010le,
    VideoFormat::Rgb,
    VideoFormat::Bgr,
    VideoFormat::Rgba,
    VideoFormat::Bgra,
    VideoFormat::Argb,
    VideoFormat::Abgr,
    VideoFormat::Rgbx,
    VideoFormat::Bgrx,
    VideoFormat::Gray8,
];

/// What the src pad gives.
pub const OUTPUTS: [VideoFormat; 8] = [
    VideoFormat::Rgba,
    VideoFormat::Bgra,
    VideoFormat::Argb,
    VideoFormat::Abgr,
    VideoFormat::A420,
    VideoFormat::Ayuv,
    VideoFormat::Gray8,
    VideoFormat::Gray16Le,
];

/// Raw progressive video in any of `formats`; interlaced fields would be matted as one picture.
pub fn template(formats: &[VideoFormat]) -> gst::Caps {
    gst_video::VideoCapsBuilder::new()
        .format_list(formats.iter().copied())
        .field("interlace-mode", "progressive")
        .build()
}

/// The outputs for an input, the best first: RGB keeps its byte order and gains alpha; Y'CbCr
/// stays Y'CbCr, for its colours then pass unchanged and the frame stays small. Grey is last:
/// it is the matte alone, for those who ask for it.
fn preferred_outputs(input: VideoFormat) -> [VideoFormat; 8] {
    use VideoFormat::{A420, Abgr, Argb, Ayuv, Bgra, Gray8, Gray16Le, Rgba};
    match input {
        VideoFormat::Nv12 | VideoFormat::I420 | VideoFormat::Yv12 | VideoFormat::P01010le => {
            [A420, Ayuv, Rgba, Bgra, Argb, Abgr, Gray8, Gray16Le]
        }
        VideoFormat::Bgr | VideoFormat::Bgra | VideoFormat::Bgrx => {
            [Bgra, Rgba, Argb, Abgr, Ayuv, A420, Gray8, Gray16Le]
        }
        VideoFormat::Argb => [Argb, Rgba, Bgra, Abgr, Ayuv, A420, Gray8, Gray16Le],
        VideoFormat::Abgr => [Abgr, Rgba, Bgra, Argb, Ayuv, A420, Gray8, Gray16Le],
        _ => [Rgba, Bgra, Argb, Abgr, Ayuv, A420, Gray8, Gray16Le],
    }
}

/// What the src pad can give for `sink` caps, the best first.
pub fn outputs_for(sink: &gst::CapsRef) -> gst::Caps {
    let formats = |input: &gst::StructureRef| match input.get::<&str>("format") {
        Ok(name) => preferred_outputs(VideoFormat::from_string(name)),
        Err(_) => preferred_outputs(VideoFormat::Unknown),
    };
    replace_formats(sink, |structure| formats(structure).to_vec(), &OUTPUTS)
}

/// What the sink pad can take so that the src pad gives `src` caps.
pub fn inputs_for(src: &gst::CapsRef) -> gst::Caps {
    replace_formats(src, |_| INPUTS.to_vec(), &INPUTS)
}

/// `caps` of the same size and rate with other formats; colours are described anew for these.
fn replace_formats(
    caps: &gst::CapsRef,
    formats: impl Fn(&gst::StructureRef) -> Vec<VideoFormat>,
    all: &[VideoFormat],
) -> gst::Caps {
    let mut replaced = gst::Caps::new_empty();
    for (structure, features) in caps.iter_with_features() {
        let mut changed = structure.to_owned();
        let names = formats(structure).into_iter().map(|f| f.to_str());
        changed.set("format", gst::List::new(names));
        changed.remove_fields(["colorimetry", "chroma-site"]);
        replaced.merge_structure_full(changed, Some(features.to_owned()));
    }
    let template = template(all);
    replaced.intersect_with_mode(&template, gst::CapsIntersectMode::First)
}

/// The colours of `output` made from `input`: Y'CbCr to Y'CbCr keeps its own, and RGB keeps the
/// primaries and the transfer.
pub fn output_colorimetry(
    input: &gst_video::VideoInfo,
    output: &gst_video::VideoInfo,
) -> gst_video::VideoColorimetry {
    let (from, default) = (input.colorimetry(), output.colorimetry());
    match (input.is_yuv(), output.is_yuv(), output.is_rgb()) {
        (true, true, _) => from,
        (_, _, true) => gst_video::VideoColorimetry::new(
            default.range(),
            default.matrix(),
            from.transfer(),
            from.primaries(),
        ),
        _ => default,
    }
}

/// How samples of `info` become colours. Matrices that have no name in the frame module take the
/// nearest: SMPTE 240M that of 709, all others that of 601.
pub fn colorimetry(info: &gst_video::VideoInfo) -> Colorimetry {
    use gst_video::VideoColorMatrix::{Bt709, Bt2020, Smpte240m};
    let matrix = match info.colorimetry().matrix() {
        Bt709 | Smpte240m => Matrix::Bt709,
        Bt2020 => Matrix::Bt2020,
        _ => Matrix::Bt601,
    };
    let full_range = info.colorimetry().range() == gst_video::VideoColorRange::Range0_255;
    Colorimetry { matrix, full_range }
}

/// The frame module's name of `format`, if it has one.
pub fn pixel_format(format: VideoFormat) -> Option<PixelFormat> {
    Some(match format {
        VideoFormat::Nv12 => PixelFormat::Nv12,
        VideoFormat::I420 => PixelFormat::I420,
        VideoFormat::Yv12 => PixelFormat::Yv12,
        VideoFormat::P01010le => PixelFormat::P010Le,
        VideoFormat::Rgb => PixelFormat::Rgb,
        VideoFormat::Bgr => PixelFormat::Bgr,
        VideoFormat::Rgba => PixelFormat::Rgba,
        VideoFormat::Bgra => PixelFormat::Bgra,
        VideoFormat::Argb => PixelFormat::Argb,
        VideoFormat::Abgr => PixelFormat::Abgr,
        VideoFormat::Rgbx => PixelFormat::Rgbx,
        VideoFormat::Bgrx => PixelFormat::Bgrx,
        VideoFormat::Gray8 => PixelFormat::Gray8,
        VideoFormat::Gray16Le => PixelFormat::Gray16Le,
        VideoFormat::A420 => PixelFormat::A420,
        VideoFormat::Ayuv => PixelFormat::Ayuv,
        _ => return None,
    })
}
