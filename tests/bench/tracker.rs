//! What following an object adds to a frame: `cargo bench --bench tracker -- base-plus`.
//!
//! Random weights, in the recipe's arithmetic, from an empty cache in a temporary folder. Frames
//! with and without propagation take turns in blocks, so that a busy machine slows both; the
//! session's own share is that of the same frames on engines that do nothing.
#![allow(clippy::unwrap_used)]
use gstmgdsam2::backend::{BackendError, Engine, Tensor};
use gstmgdsam2::engines::{self, Opened, Recipe, Request, Weights, tracker_recipe::TrackerRecipe};
use gstmgdsam2::session::{
    Exchange, Frame, Prompt, Propagation, Session, Tracker, TrackerEngines, TrackerOptions,
};
use gstmgdsam2::signature::detail::{DetailShape, whole};
use gstmgdsam2::signature::{ElementType, Signature, tracker};
use std::env;
use std::time::Instant;

const BLOCKS: usize = 3;
/// Frames of a block; the first ones, until the memory is full, are not counted.
const FRAMES: i64 = 12;
const UNCOUNTED: i64 = 7;

fn main() {
    let models: Vec<_> = env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    for model in if models.is_empty() { vec!["base-plus".into()] } else { models } {
        measure(&model);
    }
}

fn measure(model: &str) {
    let cache = tempfile::tempdir().unwrap();
    let request = Request {
        model: model.into(),
        weights: Weights::random(0),
        backend: engines::BackendChoice::Auto,
        precision: None,
        threads: 0,
        cache: Some(cache.path().into()),
        ..Request::default()
    };
    let Opened { mut session, precision, .. } = engines::open(&request, &mut |_| ()).unwrap();
    let (mut off, mut on) = (Vec::new(), Vec::new());
    for _ in 0..BLOCKS {
        off.extend(block(&mut session, false));
        on.extend(block(&mut session, true));
    }
    let idle = median(block(&mut idle(&Recipe::find(model).unwrap()), true));
    let (off, on) = (median(off), median(on));
    println!(
        "{model} {precision:?}: off {:.1} ms, on {:.1} ms, {:+.1} %; the session alone {:.2} ms, \
         {:.2} %",
        1e3 * off,
        1e3 * on,
        100.0 * (on / off - 1.0),
        1e3 * idle,
        100.0 * idle / on,
    );
}

/// Seconds of each counted frame.
fn block(session: &mut Session, is_on: bool) -> Vec<f64> {
    let mut exchange = Exchange::new(session.side());
    let corners = [Prompt::from_corners([0.2, 0.2], [0.8, 0.8])];
    let mut seconds = Vec::new();
    for index in 0..FRAMES {
        let value = |i: usize| (i / 3 * 7 % 251 + 3 * index as usize) as u8;
        exchange.image_mut().iter_mut().enumerate().for_each(|(i, v)| *v = value(i));
        let is_first = index == 0;
        let prompts = if is_first { &corners[..] } else { &[] };
        let propagation = Propagation { is_on, ..Propagation::default() };
        let frame = Frame { index, is_first, prompts, propagation, ..Frame::default() };
        let start = Instant::now();
        session.step(&frame, &mut exchange).unwrap();
        if index >= UNCOUNTED {
            seconds.push(start.elapsed().as_secs_f64());
        }
    }
    seconds
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

/// The recipe's session on engines that do nothing but find the object everywhere.
fn idle(recipe: &Recipe) -> Session {
    let TrackerRecipe { model, .. } = recipe.tracker.as_ref().unwrap();
    let shape = model.shape();
    let engine = |signature| -> Box<dyn Engine> { Box::new(Idle(signature)) };
    let engines = TrackerEngines {
        memory_attention: engine(tracker::memory_attention(&shape)),
        decoder: engine(tracker::decoder(&shape)),
        prompt_decoder: engine(tracker::prompt_decoder(&shape)),
        memory_encoder: engine(tracker::memory_encoder(&shape)),
    };
    let detail = recipe.model.as_ref().map(|model| {
        let (inp_size, embed_dim, d_model) = (model.inp_size, model.embed_dim, model.d_model);
        let shape = DetailShape { inp_size, embed_dim, d_model, is_prompted: false };
        (engine(whole(&shape)), shape)
    });
    let encoder = engine(tracker::encoder(&shape, ElementType::U8));
    let tracker = Tracker::new(engines, shape, TrackerOptions::default()).unwrap();
    Session::with_tracker(detail, encoder, tracker).unwrap()
}

struct Idle(Signature);

impl Engine for Idle {
    fn signature(&self) -> &Signature {
        &self.0
    }

    fn run(&mut self, _: &[&Tensor], outputs: &mut [Tensor]) -> Result<(), BackendError> {
        let named = self.0.outputs.iter().zip(outputs);
        for (_, output) in named.filter(|(spec, _)| spec.name == "object_score_logits") {
            *output = Tensor::F32(vec![1.0]);
        }
        Ok(())
    }
}
