//! Colours and alpha in every layout, against the definitions.
use crate::pictures::{BT709, COLORIMETRIES, INPUTS, Noise, Picture, TARGETS, packed_offsets};
use crate::reference;
use crate::refine::{fit, logits, matte};
use crate::squash::squash;
use gstmgdsam2::frame::composite::{Composite, Output};
use gstmgdsam2::frame::foreground::Foreground;
use gstmgdsam2::frame::refine::{Coefficients, RefineMode};
use gstmgdsam2::frame::{Colorimetry, Matrix, PixelFormat};

const SIDE: usize = 16;
const OUTPUTS: [Output; 3] = [Output::Straight, Output::Premultiplied, Output::Over([200, 30, 90])];

fn coefficients(frame: &Picture, noise: &mut Noise) -> Coefficients {
    fit(&squash(frame, SIDE), &logits(SIDE, noise), SIDE, RefineMode::GuidedFilter)
}

fn composite(
    frame: &Picture,
    coefficients: &Coefficients,
    output: Output,
    format: PixelFormat,
    colorimetry: Colorimetry,
) -> Picture {
    let mut target = Picture::new(format, (frame.width, frame.height), colorimetry, 7);
    Composite::new()
        .run(&frame.view(), coefficients, Foreground::Original, output, &mut target.view_mut())
        .unwrap();
    target
}

/// What `anchor * (1 - alpha)` has for an anchor, in the target's code values.
fn anchor(output: Output, target: &Picture) -> [f64; 3] {
    let rgb = match output {
        Output::Straight | Output::Premultiplied => [0.0; 3],
        Output::Over(colour) => colour.map(|c| f64::from(c) / 255.0),
    };
    match target.format {
        PixelFormat::A420 | PixelFormat::Ayuv => reference::yuv_from_rgb(rgb, target.colorimetry),
        _ => rgb.map(|c| c * 255.0),
    }
}

fn round(value: f64) -> f64 {
    value.round().clamp(0.0, 255.0)
}

/// The frame's colour at a pixel in the target's code values: rounded, straight.
fn colour(frame: &Picture, target: &Picture, x: usize, y: usize) -> [f64; 3] {
    let rgb = reference::rgb_at(frame, x, y);
    match (target.format, frame.format.is_yuv()) {
        (PixelFormat::A420 | PixelFormat::Ayuv, _) => {
            reference::yuv_from_rgb(rgb, target.colorimetry).map(round)
        }
        _ => rgb.map(|c| round(c * 255.0)),
    }
}

fn blend(output: Output, value: f64, alpha: f64, anchor: f64) -> f64 {
    match output {
        Output::Straight => value,
        _ => round((value * alpha + round(anchor) * (255.0 - alpha)) / 255.0),
    }
}

/// Weights 1, 2, 1 around column 2x and the mean of rows 2y and 2y + 1, edges repeated.
fn halve(width: usize, height: usize, x: usize, y: usize, at: impl Fn(usize, usize) -> f64) -> f64 {
    let columns = [(2 * x).saturating_sub(1), 2 * x, 2 * x, (2 * x + 1).min(width - 1)];
    let rows = [2 * y, (2 * y + 1).min(height - 1)];
    let sum: f64 = rows.iter().flat_map(|&y| columns.map(|x| at(x, y))).sum();
    (sum / 8.0 + 1e-9).round()
}

fn check_packed(frame: &Picture, target: &Picture, output: Output, matte: &[u8]) {
    let (offsets, bytes) = packed_offsets(target.format);
    let anchor = anchor(output, target);
    for (i, &alpha) in matte.iter().enumerate() {
        let (x, y) = (i % frame.width, i / frame.width);
        let got = offsets.map(|o| target.at(0, x * bytes + o, y));
        let opaque = matches!(output, Output::Over(_));
        assert_eq!(got[3], if opaque { 255 } else { alpha }, "alpha at {x}, {y}");
        let colour = colour(frame, target, x, y);
        for (c, anchor) in anchor.into_iter().enumerate() {
            let want = blend(output, colour[c], f64::from(alpha), anchor);
            assert!((f64::from(got[c]) - want).abs() <= 1.0, "{c} at {x}, {y}: {got:?}, {want}");
        }
    }
}

fn check_a420(frame: &Picture, target: &Picture, output: Output, matte: &[u8]) {
    let (width, height) = (frame.width, frame.height);
    let anchor = anchor(output, target);
    let alpha_at = |x: usize, y: usize| f64::from(matte[y * width + x]);
    for (x, y) in (0..height).flat_map(|y| (0..width).map(move |x| (x, y))) {
        let opaque = matches!(output, Output::Over(_));
        let alpha = alpha_at(x, y);
        assert_eq!(f64::from(target.at(3, x, y)), if opaque { 255.0 } else { alpha });
        let want = blend(output, colour(frame, target, x, y)[0], alpha, anchor[0]);
        assert!((f64::from(target.at(0, x, y)) - want).abs() <= 1.0, "luma at {x}, {y}");
    }
    use PixelFormat::*;
    let keeps_chroma = matches!(frame.format, Nv12 | I420 | Yv12 | P010Le)
        && frame.colorimetry.matrix == target.colorimetry.matrix;
    for (x, y) in (0..height.div_ceil(2)).flat_map(|y| (0..width.div_ceil(2)).map(move |x| (x, y)))
    {
        let alpha = halve(width, height, x, y, alpha_at);
        for (c, &anchor) in anchor.iter().enumerate().skip(1) {
            let straight = match keeps_chroma {
                true => kept_chroma(frame, target, x, y)[c - 1],
                false => halve(width, height, x, y, |x, y| colour(frame, target, x, y)[c]),
            };
            let want = blend(output, straight, alpha, anchor);
            let got = f64::from(target.at(c, x, y));
            assert!((got - want).abs() <= 1.0, "chroma {c} at {x}, {y}: {got}, {want}");
        }
    }
}

/// A chroma sample in the target's range and eight bits.
fn kept_chroma(frame: &Picture, target: &Picture, x: usize, y: usize) -> [f64; 2] {
    let step = if frame.format == PixelFormat::P010Le { 4.0 } else { 1.0 };
    let from = if frame.colorimetry.full_range { 256.0 * step - 1.0 } else { 224.0 * step };
    let to = if target.colorimetry.full_range { 255.0 } else { 224.0 };
    frame.chroma(x, y).map(|c| round((c - 128.0 * step) / from * to + 128.0))
}

#[test]
fn every_layout_into_every_layout_is_within_1() {
    let mut noise = Noise(31);
    for format in INPUTS {
        for target_format in TARGETS {
            for output in OUTPUTS {
                let size = (1 + noise.below(40), 1 + noise.below(30));
                let (from, to) = (COLORIMETRIES[noise.below(6)], COLORIMETRIES[noise.below(6)]);
                println!("{format:?} {from:?} -> {target_format:?} {to:?} {output:?} {size:?}");
                let frame = Picture::new(format, size, from, noise.below(9)).noise(&mut noise);
                let coefficients = coefficients(&frame, &mut noise);
                let matte = matte(&frame, &coefficients);
                let target = composite(&frame, &coefficients, output, target_format, to);
                match target_format {
                    PixelFormat::Gray8 => {
                        let row = |y| &target.planes[0].0[y * target.planes[0].1..][..size.0];
                        assert!((0..size.1).all(|y| row(y) == &matte[y * size.0..][..size.0]));
                    }
                    PixelFormat::A420 => check_a420(&frame, &target, output, &matte),
                    _ => check_packed(&frame, &target, output, &matte),
                }
            }
        }
    }
}

#[test]
fn sixteen_bits_of_alpha_are_the_same_matte_and_finer() {
    let mut noise = Noise(33);
    for format in INPUTS {
        let frame = Picture::new(format, (37, 21), BT709, 3).noise(&mut noise);
        for mode in [RefineMode::GuidedFilter, RefineMode::Off] {
            let fitted = fit(&squash(&frame, SIDE), &logits(SIDE, &mut noise), SIDE, mode);
            let straight = Output::Straight;
            let coarse = composite(&frame, &fitted, straight, PixelFormat::Gray8, BT709);
            let fine = composite(&frame, &fitted, straight, PixelFormat::Gray16Le, BT709);
            let mut steps_between = 0;
            for (x, y) in (0..21).flat_map(|y| (0..37).map(move |x| (x, y))) {
                let bytes = [fine.at(0, 2 * x, y), fine.at(0, 2 * x + 1, y)];
                let (fine, coarse) = (u16::from_le_bytes(bytes), coarse.at(0, x, y));
                let difference = f64::from(fine) / 257.0 - f64::from(coarse);
                assert!(difference.abs() <= 0.51, "{format:?} {mode:?}: {fine} for {coarse}");
                steps_between += usize::from(fine % 257 != 0);
            }
            assert!(steps_between > 100, "{format:?} {mode:?}: only {steps_between}");
        }
    }
}

#[test]
fn yuv_passes_through_exactly_where_colorimetry_is_the_same() {
    for (format, size) in [(PixelFormat::Nv12, (37, 21)), (PixelFormat::I420, (36, 23))] {
        for colorimetry in COLORIMETRIES {
            let frame = Picture::new(format, size, colorimetry, 2).noise(&mut Noise(6));
            let fitted = coefficients(&frame, &mut Noise(7));
            let a420 = composite(&frame, &fitted, Output::Straight, PixelFormat::A420, colorimetry);
            let ayuv = composite(&frame, &fitted, Output::Straight, PixelFormat::Ayuv, colorimetry);
            for (x, y) in (0..size.1).flat_map(|y| (0..size.0).map(move |x| (x, y))) {
                assert_eq!(a420.at(0, x, y), frame.at(0, x, y));
                assert_eq!(ayuv.at(0, 4 * x + 1, y), frame.at(0, x, y));
                assert_eq!(a420.chroma(x / 2, y / 2), frame.chroma(x / 2, y / 2));
            }
        }
    }
}

#[test]
fn rgb_passes_through_exactly() {
    use PixelFormat::*;
    let frame = Picture::new(Bgr, (33, 9), BT709, 1).noise(&mut Noise(6));
    let fitted = coefficients(&frame, &mut Noise(7));
    for format in [Rgba, Bgra, Argb, Abgr] {
        let target = composite(&frame, &fitted, Output::Straight, format, BT709);
        let (to, _) = packed_offsets(format);
        for (x, y) in (0..9).flat_map(|y| (0..33).map(move |x| (x, y))) {
            for (c, &to) in to[..3].iter().enumerate() {
                assert_eq!(target.at(0, 4 * x + to, y), frame.at(0, 3 * x + 2 - c, y));
            }
        }
    }
}

#[test]
fn opaque_and_transparent_ends_are_exact() {
    let frame = Picture::new(PixelFormat::Rgb, (20, 20), BT709, 0).noise(&mut Noise(6));
    let image = squash(&frame, SIDE);
    for (logit, output, want) in [
        (30.0, Output::Premultiplied, None),
        (-30.0, Output::Premultiplied, Some([0, 0, 0, 0])),
        (30.0, Output::Over([1, 2, 3]), None),
        (-30.0, Output::Over([1, 2, 3]), Some([1, 2, 3, 255])),
    ] {
        let fitted = fit(&image, &[logit; SIDE * SIDE], SIDE, RefineMode::GuidedFilter);
        let target = composite(&frame, &fitted, output, PixelFormat::Rgba, BT709);
        for (x, y) in (0..20).flat_map(|y| (0..20).map(move |x| (x, y))) {
            let got = [0, 1, 2, 3].map(|c| target.at(0, 4 * x + c, y));
            let own = [0, 1, 2].map(|c| frame.at(0, 3 * x + c, y));
            assert_eq!(got, want.unwrap_or([own[0], own[1], own[2], 255]), "{logit} {output:?}");
        }
    }
}

/// Black is 16 in limited range, and stays so where nothing shows.
#[test]
fn premultiplied_yuv_falls_to_black() {
    let limited = Colorimetry { matrix: Matrix::Bt601, full_range: false };
    let frame = Picture::new(PixelFormat::I420, (17, 11), limited, 0).noise(&mut Noise(6));
    let fitted = fit(&squash(&frame, SIDE), &[-30.0; SIDE * SIDE], SIDE, RefineMode::GuidedFilter);
    let target = composite(&frame, &fitted, Output::Premultiplied, PixelFormat::A420, limited);
    for (plane, want) in [(0, 16), (1, 128), (2, 128), (3, 0)] {
        let (bytes, stride) = &target.planes[plane];
        let row_bytes = if plane % 3 == 0 { 17 } else { 9 };
        assert!(bytes.chunks(*stride).all(|row| row[..row_bytes].iter().all(|&b| b == want)));
    }
}
