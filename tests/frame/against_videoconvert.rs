//! Colours as GStreamer's own `videoconvert` has them.
//!
//! It is no exact reference: its 8-bit paths are up to 6/255 from the formulas, and its 16-bit one,
//! asked for here, colours even full-range grey by up to 2/255. The bounds below (mean 2/255, worst
//! 5/255) are that and chroma's siting; a wrong matrix, range or plane order is far outside them.
use crate::pictures::Picture;
use crate::refine::fit;
use gst::prelude::*;
use gstmgdsam2::frame::composite::{Composite, Output};
use gstmgdsam2::frame::foreground::Foreground;
use gstmgdsam2::frame::refine::RefineMode;
use gstmgdsam2::frame::{Colorimetry, Matrix, PixelFormat};

const SIZE: (usize, usize) = (66, 50);

/// GStreamer's names.
fn format_name(format: PixelFormat) -> &'static str {
    match format {
        PixelFormat::Nv12 => "NV12",
        PixelFormat::I420 => "I420",
        PixelFormat::Yv12 => "YV12",
        PixelFormat::P010Le => "P010_10LE",
        PixelFormat::Gray8 => "GRAY8",
        PixelFormat::A420 => "A420",
        PixelFormat::Ayuv => "AYUV",
        other => panic!("{other:?} is not compared"),
    }
}

/// range:matrix:transfer:primaries, with transfer and primaries that are always the same.
fn colorimetry_name(colorimetry: Colorimetry) -> String {
    let range = if colorimetry.full_range { 1 } else { 2 };
    let matrix = match colorimetry.matrix {
        Matrix::Bt601 => 4,
        Matrix::Bt709 => 3,
        Matrix::Bt2020 => 6,
    };
    format!("{range}:{matrix}:5:1")
}

fn caps(format: &str, colorimetry: &str) -> gst::Caps {
    gst::Caps::builder("video/x-raw")
        .field("format", format)
        .field("width", SIZE.0 as i32)
        .field("height", SIZE.1 as i32)
        .field("framerate", gst::Fraction::new(25, 1))
        .field("colorimetry", colorimetry)
        .build()
}

/// `picture` through `videoconvert`: alpha, red, green and blue of sixteen bits.
fn videoconvert(picture: &Picture) -> Vec<u16> {
    let line =
        "appsrc name=in format=time ! videoconvert dither=none ! appsink name=out sync=false";
    let pipeline = gst::parse::launch(line).unwrap().downcast::<gst::Pipeline>().unwrap();
    let source = pipeline.by_name("in").unwrap().downcast::<gst_app::AppSrc>().unwrap();
    let sink = pipeline.by_name("out").unwrap().downcast::<gst_app::AppSink>().unwrap();
    let caps_in = caps(format_name(picture.format), &colorimetry_name(picture.colorimetry));
    sink.set_caps(Some(&caps("ARGB64", "1:1:5:1")));
    let info = gst_video::VideoInfo::from_caps(&caps_in).unwrap();
    source.set_caps(Some(&caps_in));
    let mut bytes = vec![0; info.size()];
    for plane in 0..picture.planes.len() {
        let (row_bytes, rows) = picture.format.plane_size(plane, SIZE.0, SIZE.1).unwrap();
        for (x, y) in (0..rows).flat_map(|y| (0..row_bytes).map(move |x| (x, y))) {
            let at = info.offset()[plane] + y * info.stride()[plane] as usize + x;
            bytes[at] = picture.at(plane, x, y);
        }
    }
    pipeline.set_state(gst::State::Playing).unwrap();
    source.push_buffer(gst::Buffer::from_mut_slice(bytes)).unwrap();
    let sample = sink.try_pull_sample(gst::ClockTime::from_seconds(20)).expect("a frame in time");
    pipeline.set_state(gst::State::Null).unwrap();
    let bytes = sample.buffer().unwrap().map_readable().unwrap();
    bytes.as_chunks::<2>().0.iter().map(|&word| u16::from_ne_bytes(word)).collect()
}

/// Slow waves: how chroma is enlarged shows little, what a sample means shows fully.
fn waves(format: PixelFormat, colorimetry: Colorimetry) -> Picture {
    let mut picture = Picture::new(format, SIZE, colorimetry, 0);
    for plane in 0..format.plane_count() {
        let (row_bytes, rows) = format.plane_size(plane, SIZE.0, SIZE.1).unwrap();
        for (x, y) in (0..rows).flat_map(|y| (0..row_bytes).map(move |x| (x, y))) {
            let component = match (format, plane) {
                (PixelFormat::Nv12, 1) => 1 + x % 2,
                (PixelFormat::P010Le, 1) => 1 + x / 2 % 2,
                _ => plane,
            };
            let slow = (x as f64 / 40.0 + y as f64 / 33.0 + component as f64).sin();
            let byte = match (format, component, x % 2) {
                (PixelFormat::P010Le, _, 0) => 64.0,
                (_, 0, _) => 120.0 + 60.0 * slow,
                _ => 128.0 + 30.0 * slow,
            } as u8;
            picture.set(plane, x, y, byte);
        }
    }
    picture
}

/// `frame` with opaque alpha.
fn opaque(frame: &Picture, format: PixelFormat) -> Picture {
    let coefficients = fit(&[0; 12], &[30.0; 4], 2, RefineMode::Off);
    let mut target = Picture::new(format, SIZE, frame.colorimetry, 0);
    Composite::new()
        .run(
            &frame.view(),
            &coefficients,
            Foreground::Original,
            Output::Straight,
            &mut target.view_mut(),
        )
        .unwrap();
    target
}

/// Fails where the mean difference is above 2, or any above 5.
fn assert_same_colours(ours: &Picture, theirs: &[u16], what: &str) {
    let (mut worst, mut sum) = (0.0f64, 0.0);
    for (x, y) in (0..SIZE.1).flat_map(|y| (0..SIZE.0).map(move |x| (x, y))) {
        for (rgba, argb) in [1, 2, 3, 0].into_iter().enumerate() {
            let theirs = f64::from(theirs[4 * (y * SIZE.0 + x) + argb]) / 257.0;
            let difference = (f64::from(ours.at(0, 4 * x + rgba, y)) - theirs).abs();
            worst = worst.max(difference);
            sum += difference;
        }
    }
    let mean = sum / (SIZE.0 * SIZE.1 * 4) as f64;
    println!("{what}: mean {mean:.2}, worst {worst:.2}");
    assert!(mean <= 2.0 && worst <= 5.0, "{what}: mean {mean:.2}, worst {worst:.2}");
}

fn colorimetries() -> impl Iterator<Item = Colorimetry> {
    let ranges = [false, true].into_iter();
    ranges.flat_map(|full_range| {
        [Matrix::Bt601, Matrix::Bt709, Matrix::Bt2020]
            .map(|matrix| Colorimetry { matrix, full_range })
    })
}

#[test]
fn rgba_is_videoconverts() {
    gst::init().unwrap();
    use PixelFormat::*;
    for format in [Nv12, I420, Yv12, P010Le, Gray8] {
        for colorimetry in colorimetries() {
            let frame = waves(format, colorimetry);
            let what = format!("{format:?} {colorimetry:?}");
            assert_same_colours(&opaque(&frame, Rgba), &videoconvert(&frame), &what);
        }
    }
}

#[test]
fn yuv_with_alpha_means_the_same_to_videoconvert() {
    gst::init().unwrap();
    for format in [PixelFormat::A420, PixelFormat::Ayuv] {
        for colorimetry in colorimetries() {
            let frame = waves(PixelFormat::Nv12, colorimetry);
            let want = opaque(&frame, PixelFormat::Rgba);
            let what = format!("{format:?} {colorimetry:?}");
            assert_same_colours(&want, &videoconvert(&opaque(&frame, format)), &what);
        }
    }
}
