//! Colour lines: edges beside the frame's own move there, in every layout, and nothing else does.
use crate::pictures::{BT709, COLORIMETRIES, INPUTS, Noise, Picture};
use crate::refine::{fit, matte};
use crate::squash::squash;
use gstmgdsam2::frame::PixelFormat;
use gstmgdsam2::frame::composite::{Composite, Output};
use gstmgdsam2::frame::foreground::Foreground;
use gstmgdsam2::frame::refine::RefineMode;

const SIDE: usize = 64;
const SIZE: usize = 256;

/// A textured disc of one colour before another of the same luma.
fn disc(x: usize, y: usize) -> bool {
    (x as f64 - 121.5).hypot(y as f64 - 130.5) < 70.0
}

fn frame(noise: &mut Noise) -> Picture {
    let mut frame = Picture::new(PixelFormat::Rgb, (SIZE, SIZE), BT709, 0);
    for (x, y) in (0..SIZE).flat_map(|y| (0..SIZE).map(move |x| (x, y))) {
        let colour: [u8; 3] = if disc(x, y) { [190, 84, 60] } else { [60, 120, 100] };
        for (i, value) in colour.into_iter().enumerate() {
            frame.set(0, 3 * x + i, y, value + noise.byte() % 16);
        }
    }
    frame
}

/// What a model says whose edge is three of its pixels outside of the disc's.
fn wide(x: usize, y: usize) -> f32 {
    let (x, y) = ((4 * x) as f64 + 2.0 - 121.5, (4 * y) as f64 + 2.0 - 130.5);
    ((82.0 - x.hypot(y)) as f32).clamp(-8.0, 8.0)
}

/// The mean absolute difference from the disc, in 0..=1.
fn error(alpha: impl Fn(usize, usize) -> f64) -> f64 {
    let pixels = (0..SIZE).flat_map(|y| (0..SIZE).map(move |x| (x, y)));
    let sum: f64 = pixels.map(|(x, y)| (alpha(x, y) - f64::from(u8::from(disc(x, y)))).abs()).sum();
    sum / (SIZE * SIZE) as f64
}

#[test]
fn edges_move_to_where_the_colours_have_them() {
    let frame = frame(&mut Noise(4));
    let said: Vec<f32> = (0..SIDE * SIDE).map(|i| wide(i % SIDE, i / SIDE)).collect();
    let image = squash(&frame, SIDE);
    let error = |mode| {
        let matte = matte(&frame, &fit(&image, &said, SIDE, mode));
        error(|x, y| f64::from(matte[y * SIZE + x]) / 255.0)
    };
    let (guided, lines) = (error(RefineMode::GuidedFilter), error(RefineMode::ColorLines));
    println!("mean error: guided filter {guided:.4}, colour lines {lines:.4}");
    assert!(guided > 0.05 && lines < 0.01, "{guided}, {lines}");
}

/// Colours of any matrix and range are the same colours.
#[test]
fn every_layout_gets_the_same_matte() {
    let rgb = frame(&mut Noise(4));
    let said: Vec<f32> = (0..SIDE * SIDE).map(|i| wide(i % SIDE, i / SIDE)).collect();
    let coefficients = fit(&squash(&rgb, SIDE), &said, SIDE, RefineMode::ColorLines);
    let want = matte(&rgb, &coefficients);
    for colorimetry in COLORIMETRIES {
        // 4:4:4, so that no colour is lost on the way.
        let mut ayuv = Picture::new(PixelFormat::Ayuv, (SIZE, SIZE), colorimetry, 0);
        let run = |source: &Picture, target: &mut Picture| {
            let (foreground, output) = (Foreground::Original, Output::Straight);
            let mut composite = Composite::new();
            composite
                .run(&source.view(), &coefficients, foreground, output, &mut target.view_mut())
                .unwrap();
        };
        run(&rgb, &mut ayuv);
        let alpha = ayuv.planes[0].0.iter().step_by(4);
        assert!(alpha.eq(&want), "{colorimetry:?}");
    }
}

#[test]
fn saturated_logits_stay_so_on_any_picture() {
    let mut noise = Noise(6);
    for (format, side) in INPUTS.into_iter().zip([48, 46, 45, 16, 7, 2, 1, 64].into_iter().cycle())
    {
        for grey in [true, false] {
            let picture = Picture::new(format, (61, 43), BT709, 1);
            let frame = if grey { picture } else { picture.noise(&mut noise) };
            for (logit, alpha) in [(40.0, 255), (-40.0, 0)] {
                let said = vec![logit; side * side];
                let fitted = fit(&squash(&frame, side), &said, side, RefineMode::ColorLines);
                assert!(matte(&frame, &fitted).iter().all(|&a| a == alpha), "{format:?} {logit}");
            }
        }
    }
}

/// Colours that are all alike make the fit's equations all but singular.
#[test]
fn a_grey_picture_is_as_good_as_any() {
    let mut frame = Picture::new(PixelFormat::Rgb, (SIZE, SIZE), BT709, 0);
    for (x, y) in (0..SIZE).flat_map(|y| (0..SIZE).map(move |x| (x, y))) {
        let value = if disc(x, y) { 255 } else { 0 };
        (0..3).for_each(|i| frame.set(0, 3 * x + i, y, value));
    }
    let said: Vec<f32> = (0..SIDE * SIDE).map(|i| wide(i % SIDE, i / SIDE)).collect();
    let matte = matte(&frame, &fit(&squash(&frame, SIDE), &said, SIDE, RefineMode::ColorLines));
    let error = error(|x, y| f64::from(matte[y * SIZE + x]) / 255.0);
    assert!(error < 0.01, "{error}");
}

/// There is nothing for edges to move to.
#[test]
fn on_a_plain_picture_edges_stay_where_they_are() {
    let frame = Picture::new(PixelFormat::Rgb, (SIDE, SIDE), BT709, 0);
    let said: Vec<f32> = (0..SIDE * SIDE).map(|i| wide(i % SIDE, i / SIDE)).collect();
    let matte = matte(&frame, &fit(&squash(&frame, SIDE), &said, SIDE, RefineMode::ColorLines));
    let moved = matte.iter().zip(&said).filter(|(a, said)| (**a > 127) != (**said > 0.0)).count();
    assert!(moved * 100 < matte.len(), "{moved} of {}", matte.len());
}
