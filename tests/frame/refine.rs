//! Alpha at the frame's size: exact where it must be, finer than the model where luma allows.
use crate::pictures::{BT709, COLORIMETRIES, INPUTS, Noise, Picture};
use crate::reference::{self, Square};
use crate::squash::{largest_difference, squash};
use gstmgdsam2::frame::PixelFormat;
use gstmgdsam2::frame::composite::{Composite, Output};
use gstmgdsam2::frame::foreground::Foreground;
use gstmgdsam2::frame::refine::{Coefficients, Refine, RefineMode};

pub fn fit(image: &[u8], logits: &[f32], side: usize, mode: RefineMode) -> Coefficients {
    let mut coefficients = Coefficients::new();
    Refine::new(side).fit(image, logits, mode, &mut coefficients).unwrap();
    coefficients
}

/// The matte of `frame`, tightly packed.
pub fn matte(frame: &Picture, coefficients: &Coefficients) -> Vec<u8> {
    let size = (frame.width, frame.height);
    let mut target = Picture::new(PixelFormat::Gray8, size, BT709, 0);
    Composite::new()
        .run(
            &frame.view(),
            coefficients,
            Foreground::Original,
            Output::Straight,
            &mut target.view_mut(),
        )
        .unwrap();
    target.planes.remove(0).0
}

/// Blobs of both signs, with saturated middles and noise on top.
pub fn logits(side: usize, noise: &mut Noise) -> Vec<f32> {
    let wave = |i: usize| (i as f32 / side as f32 * 9.0).sin();
    (0..side * side).map(|i| 12.0 * wave(i % side) * wave(i / side) + noise.signed(3.0)).collect()
}

/// On white noise of full contrast, which shows an error of the slope most; the smallest windows
/// have few pixels to average it over.
#[test]
fn alpha_matches_the_f64_reference() {
    let (mut worst, mut sum, mut count) = (0.0f64, 0.0, 0.0);
    let mut noise = Noise(21);
    for (format, side) in INPUTS.into_iter().zip([48, 46, 45, 16, 7, 2, 1, 64].into_iter().cycle())
    {
        for (size, colorimetry) in [((61, 43), COLORIMETRIES[0]), ((8, 130), COLORIMETRIES[4])] {
            let frame = Picture::new(format, size, colorimetry, 3).noise(&mut noise);
            let bound = if side < 8 { 2.0 } else { 1.0 };
            let (image, logits) = (squash(&frame, side), logits(side, &mut noise));
            let alpha: Vec<f64> = logits.iter().map(|&l| reference::sigmoid(l)).collect();
            let plain = Square { side, values: alpha };
            let (slope, offset) = reference::coefficients(&image, &logits, side);
            let off = matte(&frame, &fit(&image, &logits, side, RefineMode::Off));
            let guided = matte(&frame, &fit(&image, &logits, side, RefineMode::GuidedFilter));
            for (i, (&off, &guided)) in off.iter().zip(&guided).enumerate() {
                let at = (i % size.0, i / size.0);
                let luma = reference::guidance(reference::rgb_at(&frame, at.0, at.1));
                let want = slope.at(at, size) * luma + offset.at(at, size);
                let near = |got: u8, want: f64| (f64::from(got) - want.clamp(0., 1.) * 255.).abs();
                assert!(near(off, plain.at(at, size)) <= 0.51, "off, {format:?} at {at:?}");
                assert!(
                    near(guided, want) <= bound,
                    "{format:?} {side} at {at:?}: {guided}, {want}"
                );
                worst = worst.max(near(guided, want));
                sum += near(guided, want);
                count += 1.0;
            }
        }
    }
    println!("worst {worst:.2}, mean {:.3} of 255", sum / count);
    // Rounding alone is 0.25.
    assert!(sum / count < 0.3);
}

#[test]
fn saturated_logits_are_exactly_0_and_255() {
    let frame = Picture::new(PixelFormat::Nv12, (203, 77), BT709, 0).noise(&mut Noise(2));
    for side in [64, 31] {
        let image = squash(&frame, side);
        for mode in [RefineMode::Off, RefineMode::GuidedFilter] {
            for (logit, alpha) in [(6.24, 255), (40.0, 255), (-6.24, 0), (-40.0, 0)] {
                let logits = vec![logit; side * side];
                let matte = matte(&frame, &fit(&image, &logits, side, mode));
                assert!(matte.iter().all(|&a| a == alpha), "{mode:?} {logit}");
            }
        }
    }
}

/// Two cells of windows, one of interpolation: 12 pixels from an edge nothing of it is left.
#[test]
fn saturated_alpha_is_exact_away_from_edges() {
    let side = 64;
    let frame = Picture::new(PixelFormat::Rgb, (128, 128), BT709, 0).noise(&mut Noise(9));
    let logits: Vec<f32> =
        (0..side * side).map(|i| if i % side < 32 { 9.0 } else { -9.0 }).collect();
    let guided = fit(&squash(&frame, side), &logits, side, RefineMode::GuidedFilter);
    for (i, alpha) in matte(&frame, &guided).into_iter().enumerate() {
        match i % 128 {
            0..40 => assert_eq!(alpha, 255),
            88.. => assert_eq!(alpha, 0),
            _ => {}
        }
    }
}

#[test]
fn the_models_matte_comes_out_unchanged_at_its_own_size() {
    let side = 40;
    let frame = Picture::new(PixelFormat::Rgb, (side, side), BT709, 0).noise(&mut Noise(8));
    let logits = logits(side, &mut Noise(81));
    let image = squash(&frame, side);
    let off = matte(&frame, &fit(&image, &logits, side, RefineMode::Off));
    let guided = matte(&frame, &fit(&image, &logits, side, RefineMode::GuidedFilter));
    assert!(largest_difference(&guided, &off) <= 1);
}

#[test]
fn a_hard_mask_stays_hard_where_luma_is_flat() {
    let side = 48;
    let frame = Picture::new(PixelFormat::Gray8, (192, 108), BT709, 0);
    let image = squash(&frame, side);
    let logits: Vec<f32> =
        (0..side * side).map(|i| if i % side > i / side { 20.0 } else { -20.0 }).collect();
    let off = matte(&frame, &fit(&image, &logits, side, RefineMode::Off));
    assert_eq!(matte(&frame, &fit(&image, &logits, side, RefineMode::GuidedFilter)), off);
    assert!(off.iter().filter(|&&a| a == 0 || a == 255).count() * 10 > off.len() * 9);
}

/// A striped disc at eight times the model's size; the model's matte is right but coarse.
#[test]
fn edges_finer_than_the_model_reach_alpha() {
    let (side, size) = (64, 512);
    let inside = |x: usize, y: usize| {
        let (dx, dy) = (x as f64 - 250.3, y as f64 - 257.8);
        dx.hypot(dy) < 180.0 && (x / 48 + y / 64).is_multiple_of(2)
    };
    let mut frame = Picture::new(PixelFormat::Gray8, (size, size), COLORIMETRIES[4], 0);
    let mut share = vec![0.0f64; side * side];
    for (x, y) in (0..size).flat_map(|y| (0..size).map(move |x| (x, y))) {
        frame.set(0, x, y, if inside(x, y) { 190 } else { 70 });
        share[y / 8 * side + x / 8] += f64::from(u8::from(inside(x, y))) / 64.0;
    }
    let logits: Vec<f32> = share
        .iter()
        .map(|a| a.clamp(1e-4, 1.0 - 1e-4))
        .map(|a| (a / (1.0 - a)).ln() as f32)
        .collect();
    let image = squash(&frame, side);
    let error = |mode| {
        let matte = matte(&frame, &fit(&image, &logits, side, mode));
        let off = |(i, a): (usize, &u8)| {
            (f64::from(*a) / 255.0 - f64::from(u8::from(inside(i % size, i / size)))).abs()
        };
        matte.iter().enumerate().map(off).sum::<f64>() / matte.len() as f64
    };
    let (off, guided) = (error(RefineMode::Off), error(RefineMode::GuidedFilter));
    println!("mean error: bilinear {off:.5}, guided {guided:.5}");
    assert!(guided < 0.5 * off, "bilinear {off:.5}, guided {guided:.5}");
}

/// `interval` applies them to later frames, and the size may change in between.
#[test]
fn coefficients_apply_to_other_frames_and_sizes() {
    let side = 32;
    let first = Picture::new(PixelFormat::I420, (64, 48), BT709, 0).noise(&mut Noise(1));
    let logits = logits(side, &mut Noise(2));
    let coefficients = fit(&squash(&first, side), &logits, side, RefineMode::GuidedFilter);
    let mut composite = Composite::new();
    for (size, seed) in [((64, 48), 1), ((99, 31), 3), ((64, 48), 5)] {
        let frame = Picture::new(PixelFormat::Nv12, size, BT709, 0).noise(&mut Noise(seed));
        let mut target = Picture::new(PixelFormat::Gray8, size, BT709, 0);
        let (view, mut out) = (frame.view(), target.view_mut());
        composite
            .run(&view, &coefficients, Foreground::Original, Output::Straight, &mut out)
            .unwrap();
        assert_eq!(target.planes[0].0, matte(&frame, &coefficients), "{size:?}");
    }
}
