//! The foreground's own colours at soft edges, against the colours that clips are drawn from.
use crate::pictures::{BT709, Picture};
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
    let clips = [Kind::Demo, Kind::Occlusion, Kind::Crossing, Kind::FastMotion, Kind::Cut];
    for kind in clips {
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
