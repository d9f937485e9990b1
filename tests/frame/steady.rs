//! The temporal filter: steadier where nothing moves, and nowhere behind what moves.
use crate::pictures::Noise;
use gstmgdsam2::frame::steady::Steady;
use gstmgdsam2::metrics::Gray;
use gstmgdsam2::metrics::alpha::{Frame, dtssd};
use gstmgdsam2::synth::{Clip, Kind};

const SIDE: usize = 128;
const RADIUS: f32 = 30.0;

/// A textured disc before a texture, and its exact alpha; its centre is at `x`.
fn disc(x: f32) -> (Vec<u8>, Vec<f32>) {
    let (mut image, mut alpha) = (Vec::new(), Vec::new());
    for i in 0..SIDE * SIDE {
        let (px, py) = ((i % SIDE) as f32, (i / SIDE) as f32);
        let (dx, dy) = (px - x, py - SIDE as f32 / 2.0);
        let a = (RADIUS + 0.5 - dx.hypot(dy)).clamp(0.0, 1.0);
        let wave = |x: f32, y: f32| 10.0 * (0.9 * x).sin() * (0.7 * y).cos();
        let (inside, outside) = (140.0 + wave(dx, dy), 110.0 + wave(0.6 * px, 0.8 * py));
        image.extend([(a * inside + (1.0 - a) * outside).round() as u8; 3]);
        alpha.push(a);
    }
    (image, alpha)
}

fn logit(a: f32) -> f32 {
    let a = a.clamp(1e-3, 1.0 - 1e-3);
    (a / (1.0 - a)).ln()
}

/// A model's trembling: of single pixels, and of patches of 8 x 8.
fn tremble(logits: &mut [f32], noise: &mut Noise) {
    let side = logits.len().isqrt();
    let patches: Vec<f32> = (0..side * side / 64).map(|_| noise.signed(1.5)).collect();
    for (i, logit) in logits.iter_mut().enumerate() {
        let (x, y) = (i % side / 8, i / side / 8);
        *logit += patches[y * side.div_euclid(8) + x] + noise.signed(1.0);
    }
}

fn alpha(logits: &[f32]) -> Vec<f32> {
    logits.iter().map(|l| 1.0 / (1.0 + (-l).exp())).collect()
}

/// Where alpha crosses a half in the middle row, from outside: left and right, in pixels.
fn edges(alpha: &[f32]) -> [f32; 2] {
    let row = &alpha[SIDE / 2 * SIDE..][..SIDE];
    let crossing = |x: usize, other: usize| {
        let step = (0.5 - row[other]) / (row[x] - row[other]);
        other as f32 + step * (x as f32 - other as f32)
    };
    let left = row.iter().position(|a| *a > 0.5).unwrap();
    let right = row.iter().rposition(|a| *a > 0.5).unwrap();
    [crossing(left, left - 1), crossing(right, right + 1)]
}

/// How far the edges lie behind the truth's at a speed in pixels a frame, in pixels, at most.
fn lag(speed: f32) -> f32 {
    let mut steady = Steady::new(SIDE);
    let mut most = 0.0_f32;
    for t in 0..(40.0 / speed).clamp(6.0, 40.0) as usize {
        let (image, truth) = disc(40.0 + speed * t as f32);
        let mut logits: Vec<f32> = truth.iter().map(|a| logit(*a)).collect();
        steady.run(&image, &mut logits).unwrap();
        let (want, got) = (edges(&truth), edges(&alpha(&logits)));
        most = most.max(want[0] - got[0]).max(want[1] - got[1]);
    }
    most
}

#[test]
fn no_edge_lags_behind_at_any_speed() {
    for speed in [0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0] {
        let lag = lag(speed);
        println!("{speed} pixels a frame: {lag:.3} pixels behind");
        assert!(lag < 0.25, "{speed}: {lag}");
    }
}

/// dtSSD of trembling mattes of a clip's frames, unfiltered and filtered.
fn unsteadiness(frames: &[(Vec<u8>, Vec<f32>)], side: usize) -> [f64; 2] {
    let (mut steady, mut noise) = (Steady::new(side), Noise(7));
    let (mut raw, mut held) = (Vec::new(), Vec::new());
    for (image, truth) in frames {
        let mut logits: Vec<f32> = truth.iter().map(|a| logit(*a)).collect();
        tremble(&mut logits, &mut noise);
        raw.push(alpha(&logits));
        steady.run(image, &mut logits).unwrap();
        held.push(alpha(&logits));
    }
    [raw, held].map(|pred| {
        let gray = |samples| Gray::<f32>::new(side, side, samples).unwrap();
        let pair = |t: usize| Frame { pred: gray(&pred[t]), gt: gray(&frames[t].1) };
        let steps = 1..frames.len();
        steps.clone().map(|t| dtssd(pair(t), pair(t - 1)).unwrap()).sum::<f64>()
            / steps.len() as f64
    })
}

#[test]
fn a_still_picture_gets_a_steadier_matte() {
    for grain in [0.0, 4.0] {
        let mut frames = vec![disc(60.0); 12];
        let mut noise = Noise(3);
        for sample in frames.iter_mut().flat_map(|(image, _)| image) {
            *sample = (f32::from(*sample) + noise.signed(grain)) as u8;
        }
        let [raw, held] = unsteadiness(&frames, SIDE);
        println!("still, grain of {grain}: dtSSD {raw:.2} -> {held:.2}");
        assert!(held < 0.6 * raw);
    }
}

#[test]
fn clips_in_motion_are_never_less_steady() {
    for kind in [Kind::Demo, Kind::FastMotion, Kind::LightingJump, Kind::Cut] {
        let clip = Clip::new(kind, SIDE, SIDE, 3);
        let drawn = (0..24).map(|t| clip.render(t)).map(|p| (p.rgb, p.alpha));
        let [raw, held] = unsteadiness(&drawn.collect::<Vec<_>>(), SIDE);
        println!("{kind:?}: dtSSD {raw:.2} -> {held:.2}");
        assert!(held < 1.01 * raw, "{kind:?}");
    }
}

#[test]
fn another_scene_and_a_reset_start_from_nothing() {
    let (image, truth) = disc(60.0);
    let logits: Vec<f32> = truth.iter().map(|a| logit(*a)).collect();
    let mut steady = Steady::new(SIDE);
    let other: Vec<u8> = image.iter().map(|v| 255 - v).collect();
    let run = |steady: &mut Steady, image: &[u8], logits: &[f32]| {
        let mut logits = logits.to_vec();
        steady.run(image, &mut logits).unwrap();
        logits
    };
    let nothing = vec![-7.0; SIDE * SIDE];
    assert_eq!(run(&mut steady, &image, &logits), logits);
    assert_ne!(run(&mut steady, &image, &nothing), nothing);
    steady.reset();
    assert_eq!(run(&mut steady, &image, &logits), logits);
    assert_eq!(run(&mut steady, &other, &nothing), nothing);
}
