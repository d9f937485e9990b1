//! Caps: what goes in, what comes out for it, and the frame module's words for both.
#[cfg(feature = "cuda")]
use super::cuda_memory;
use crate::frame::{Colorimetry, Matrix, PixelFormat};
use gst_video::VideoFormat;

/// What the sink pad takes; those that CUDA memory has too come first.
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

/// What the src pad gives; those that CUDA memory has too come first.
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

/// Of which memory frames are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    /// The host's.
    System,
    /// A CUDA device's.
    #[cfg(feature = "cuda")]
    Cuda,
}

/// A side of the element: its formats, and where it takes or gives them.
#[derive(Debug, Clone, Copy)]
pub struct Side {
    system: &'static [VideoFormat],
    #[cfg(feature = "cuda")]
    cuda: &'static [VideoFormat],
}

/// The sink pad's.
pub const INPUT: Side = Side {
    system: &INPUTS,
    #[cfg(feature = "cuda")]
    cuda: cuda_memory::INPUTS,
};

/// The src pad's.
pub const OUTPUT: Side = Side {
    system: &OUTPUTS,
    #[cfg(feature = "cuda")]
    cuda: cuda_memory::OUTPUTS,
};

impl Side {
    /// Everything that the pad could agree on, on some machine.
    pub fn template(self) -> gst::Caps {
        let caps = raw(self.system).build();
        #[cfg(feature = "cuda")]
        let caps = {
            let mut all = raw(self.cuda).features([cuda_memory::FEATURE]).build();
            all.merge(caps);
            all
        };
        caps
    }

    /// Everything that it can agree on here.
    pub fn caps(self) -> gst::Caps {
        #[cfg(feature = "cuda")]
        if cuda_memory::is_available() {
            return self.template();
        }
        raw(self.system).build()
    }
}

/// Raw progressive video in any of `formats`; interlaced fields would be matted as one picture.
fn raw(formats: &[VideoFormat]) -> gst_video::VideoCapsBuilder<gst::caps::NoFeature> {
    gst_video::VideoCapsBuilder::new()
        .format_list(formats.iter().copied())
        .field("interlace-mode", "progressive")
}

impl Memory {
    /// Where frames of these features are.
    pub fn of(features: &gst::CapsFeaturesRef) -> Self {
        #[cfg(feature = "cuda")]
        if features.contains(cuda_memory::FEATURE) {
            return Self::Cuda;
        }
        let _ = features;
        Self::System
    }

    /// Where frames of fixed `caps` are.
    #[cfg(feature = "cuda")]
    pub fn of_caps(caps: &gst::CapsRef) -> Self {
        caps.features(0).map_or(Self::System, Self::of)
    }

    /// All, this first: a frame best stays where it is.
    fn and_others(self) -> impl Iterator<Item = Self> {
        #[cfg(feature = "cuda")]
        let others = [Self::Cuda, Self::System];
        #[cfg(not(feature = "cuda"))]
        let others = [Self::System];
        [self].into_iter().chain(others.into_iter().filter(move |other| *other != self))
    }

    /// Whether it is a CUDA device's.
    #[cfg(feature = "cuda")]
    pub fn is_cuda(self) -> bool {
        self == Self::Cuda
    }

    fn features(self) -> gst::CapsFeatures {
        match self {
            Self::System => gst::CapsFeatures::new_empty(),
            #[cfg(feature = "cuda")]
            Self::Cuda => gst::CapsFeatures::new([cuda_memory::FEATURE]),
        }
    }
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
    replace_formats(sink, |structure| formats(structure).to_vec(), OUTPUT)
}

/// What the sink pad can take so that the src pad gives `src` caps.
pub fn inputs_for(src: &gst::CapsRef) -> gst::Caps {
    replace_formats(src, |_| INPUTS.to_vec(), INPUT)
}

/// `caps` of the same size and rate with other formats, in the same memory or else in another;
/// colours are described anew for these.
fn replace_formats(
    caps: &gst::CapsRef,
    formats: impl Fn(&gst::StructureRef) -> Vec<VideoFormat>,
    side: Side,
) -> gst::Caps {
    let mut replaced = gst::Caps::new_empty();
    for (structure, features) in caps.iter_with_features() {
        let mut changed = structure.to_owned();
        let names = formats(structure).into_iter().map(|f| f.to_str());
        changed.set("format", gst::List::new(names));
        changed.remove_fields(["colorimetry", "chroma-site"]);
        for memory in Memory::of(features).and_others() {
            replaced.merge_structure_full(changed.clone(), Some(memory.features()));
        }
    }
    replaced.intersect_with_mode(&side.caps(), gst::CapsIntersectMode::First)
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
