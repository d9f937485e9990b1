//! The foreground's own colours at soft edges, against the colours that clips are drawn from.
use crate::pictures::{BT709, INPUTS, Noise, Picture, TARGETS};
use crate::refine::fit;
use gstmgdsam2::frame::composite::{Composite, Output};
use gstmgdsam2::frame::foreground::Foreground;
use gstmgdsam2::frame::refine::RefineMode;
use gstmgdsam2::frame::{PixelFormat, refine::Coefficients};
use gstmgdsam2::synth::{self, Clip, Kind};

const SIDE: usize = 512;

/// Coefficients that give back `alpha` (side, side) on a frame of that size.
fn exactly(alpha: &[f32], side: usize) -> Coefficients {
    let logits: Vec<f32> =
        alpha.iter().map(|a| a.clamp(1e-4, 1.0 - 1e-4)).map(|a| (a / (1.0 - a)).ln()).collect();
    fit(&vec![0; 3 * side * side], &logits, side, RefineMode::Off)
}

fn rgb(drawn: &synth::Picture) -> Picture {
    let mut frame = Picture::new(PixelFormat::Rgb, (drawn.width, drawn.height), BT709, 0);
    frame.planes[0].0.copy_from_slice(&drawn.rgb);
    frame
}

fn composite(
    frame: &Picture,
    alpha: &Coefficients,
    foreground: Foreground,
    output: Output,
    format: PixelFormat,
) -> Picture {
    let mut target = Picture::new(format, (frame.width, frame.height), BT709, 5);
    let (view, mut out) = (frame.view(), target.view_mut());
    Composite::new().run(&view, alpha, foreground, output, &mut out).unwrap();
    target
}

/// Mean absolute error of colours in 0..=255 where the true alpha is between, and the same of
/// colours times alpha: what is seen over another background.
fn errors(drawn: &synth::Picture, foreground: Foreground) -> [f64; 2] {
    let alpha = exactly(&drawn.alpha, SIDE);
    let target = composite(&rgb(drawn), &alpha, foreground, Output::Straight, PixelFormat::Rgba);
    let (mut sums, mut count) = ([0.0; 2], 0.0);
    for (i, &a) in drawn.alpha.iter().enumerate() {
        if (0.02..=0.98).contains(&a) {
            for c in 0..3 {
                let got = f64::from(target.at(0, 4 * (i % SIDE) + c, i / SIDE));
                let error = (got - f64::from(drawn.foreground[3 * i + c])).abs();
                sums = [sums[0] + error, sums[1] + f64::from(a) * error];
                count += 1.0;
            }
        }
    }
    sums.map(|sum| sum / count)
}

#[test]
fn estimated_colours_are_nearer_to_the_truth_on_every_kind_of_clip() {
    for kind in [Kind::Demo, Kind::Occlusion, Kind::FastMotion] {
        let drawn = Clip::new(kind, SIDE, SIDE, 3).render(5);
        let [original, estimated] =
            [Foreground::Original, Foreground::Estimated].map(|which| errors(&drawn, which));
        println!(
            "{kind:?}: colour {:.1} -> {:.1}, times alpha {:.2} -> {:.2} of 255",
            original[0], estimated[0], original[1], estimated[1]
        );
        assert!(estimated[0] < 0.6 * original[0] && estimated[1] < 0.6 * original[1], "{kind:?}");
    }
}

/// Where alpha is 0 or 255, all layouts hold what they hold without an estimate; of odd sizes too.
#[test]
fn colours_are_touched_only_where_alpha_is_between() {
    let side = 16;
    let mut noise = Noise(4);
    let alpha: Vec<f32> =
        (0..side * side).map(|i| ((i % side) as f32 / 5.0 - 1.0).clamp(0.0, 1.0)).collect();
    let fitted = exactly(&alpha, side);
    for (width, height) in [(1, 1), (3, 2), (8, 8), (61, 37), (64, 3)] {
        for (format, target) in INPUTS.into_iter().flat_map(|i| TARGETS.map(|t| (i, t))) {
            let frame = Picture::new(format, (width, height), BT709, 3).noise(&mut noise);
            let [original, estimated] = [Foreground::Original, Foreground::Estimated]
                .map(|which| composite(&frame, &fitted, which, Output::Straight, target));
            let matte = composite(
                &frame,
                &fitted,
                Foreground::Original,
                Output::Straight,
                PixelFormat::Gray8,
            );
            for (x, y) in (0..height).flat_map(|y| (0..width).map(move |x| (x, y))) {
                // Chroma of 4:2:0 is of three columns and two rows.
                let near = |x: usize, y: usize| matte.at(0, x.min(width - 1), y.min(height - 1));
                let block = (x.saturating_sub(2)..x + 2).flat_map(|x| [near(x, y), near(x, y ^ 1)]);
                let is_end = [0, 255].iter().any(|end| block.clone().all(|a| a == *end));
                let bytes = if target == PixelFormat::Gray8 { 1 } else { 4 };
                for byte in (0..bytes).filter(|_| is_end) {
                    let at = |p: &Picture| match target {
                        PixelFormat::A420 if byte % 3 > 0 => p.at(byte, x / 2, y / 2),
                        PixelFormat::A420 => p.at(byte, x, y),
                        _ => p.at(0, bytes * x + byte, y),
                    };
                    let where_ = format!("{format:?} {target:?} {width}x{height} {x},{y} {byte}");
                    assert_eq!(at(&estimated), at(&original), "{where_}");
                }
            }
        }
    }
}

#[test]
fn a_frame_of_one_kind_alone_keeps_its_colours() {
    let frame = Picture::new(PixelFormat::Rgb, (32, 32), BT709, 0).noise(&mut Noise(4));
    for alpha in [0.0, 1.0] {
        let fitted = exactly(&[alpha; 16 * 16], 16);
        let [original, estimated] = [Foreground::Original, Foreground::Estimated]
            .map(|which| composite(&frame, &fitted, which, Output::Straight, PixelFormat::Rgba));
        assert!(original.planes == estimated.planes);
    }
}
