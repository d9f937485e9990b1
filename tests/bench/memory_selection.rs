//! How well each memory selection follows an object: `cargo bench --bench memory_selection`.
//!
//! nano-tracker, shown the subject's mask in the first frame of `synth`'s trials, over
//! [`TRIAL_FRAMES`] frames of some seeds: mean J against the exact alpha, from the second frame
//! on. A frame in which neither truth nor mask holds anything counts as 1.
//!
//! The recipe is gated for what `engines/nano/MODEL_CARD.md` says of longer clips of that kind.
#![allow(clippy::unwrap_used)]
use gstmgdsam2::engines::{self, Request};
use gstmgdsam2::session::{Coverage, Exchange, Frame, FrameIndex, Prompt, Session};
use gstmgdsam2::synth::{Clip, Kind, TRIAL_FRAMES};
use std::fs;

const SEEDS: std::ops::Range<u64> = 0..4;
const KINDS: [Kind; 6] = [
    Kind::Occlusion,
    Kind::LeaveAndReturn,
    Kind::Cut,
    Kind::Crossing,
    Kind::FastMotion,
    Kind::LightingJump,
];
const RECIPE: &str = include_str!("../../engines/nano-tracker.toml");

fn main() {
    let mut sessions = ["sam2", "gated"].map(open);
    println!("mean J             sam2  gated");
    for kind in KINDS {
        let [sam2, gated] = sessions.each_mut().map(|session| {
            let scores: Vec<f64> = SEEDS.map(|seed| follow(session, kind, seed)).collect();
            scores.iter().sum::<f64>() / scores.len() as f64
        });
        println!("{:16} {sam2:6.3} {gated:6.3}", format!("{kind:?}"));
    }
}

/// nano-tracker with another selection, from an empty cache.
fn open(selection: &str) -> Session {
    let folder = tempfile::tempdir().unwrap();
    // The shipped weights go by the recipe's name, which is the file's.
    let recipe = folder.path().join("nano-tracker.toml");
    let selected = RECIPE.replace(&selection_line("gated"), &selection_line(selection));
    assert!(selected.contains(&selection_line(selection)));
    fs::write(&recipe, selected).unwrap();
    let model = recipe.to_str().unwrap().into();
    let request = Request { model, cache: Some(folder.path().into()), ..Request::default() };
    engines::open(&request, &mut |_| ()).unwrap().session
}

fn selection_line(selection: &str) -> String {
    format!("memory_selection = \"{selection}\"")
}

fn follow(session: &mut Session, kind: Kind, seed: u64) -> f64 {
    let side = session.side();
    let clip = Clip::new(kind, side, side, seed);
    let mut exchange = Exchange::new(side);
    let mut sum = 0.0;
    for index in 0..TRIAL_FRAMES {
        let picture = clip.render(index);
        let truth: Vec<bool> = picture.alpha_u8().iter().map(|alpha| *alpha > 127).collect();
        let values = truth.iter().map(|inside| f32::from(u8::from(*inside))).collect();
        let prompts = [Prompt::Mask(Coverage { width: side, height: side, values })];
        exchange.image_mut().copy_from_slice(&picture.rgb);
        let (is_first, index) = (index == 0, index as FrameIndex);
        let prompts = if is_first { prompts.as_slice() } else { &[] };
        let frame = Frame { index, is_first, prompts, ..Frame::default() };
        session.step(&frame, &mut exchange).unwrap();
        if !is_first {
            sum += region_similarity(exchange.logits(), &truth);
        }
    }
    sum / (TRIAL_FRAMES - 1) as f64
}

fn region_similarity(logits: &[f32], truth: &[bool]) -> f64 {
    let pairs = || logits.iter().map(|v| *v > 0.0).zip(truth.iter().copied());
    let union = pairs().filter(|(found, is)| *found || *is).count();
    let both = pairs().filter(|(found, is)| *found && *is).count();
    if union == 0 { 1.0 } else { both as f64 / union as f64 }
}
