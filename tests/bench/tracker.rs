//! What following an object adds to a frame: `cargo bench --bench tracker -- base-plus`, first with
//! the recipe's own encoder for the tracker, then with the detail path's.
//!
//! Random weights, in the recipe's arithmetic, from an empty cache in a temporary folder. Frames
//! with and without propagation take turns in blocks, so that a busy machine slows both, and
//! processor seconds are told beside those of the clock; the session's own share is that of the
//! same frames on engines that do nothing. Then each of the tracker's graphs alone (its own encoder
//! is not run where it shares one), and last memory attention by its slots.
#![allow(clippy::unwrap_used)]
use gstmgdsam2::backend::openvino::{OpenVino, Options};
use gstmgdsam2::backend::{BackendError, Engine, Tensor};
use gstmgdsam2::checkpoint::Checkpoint;
use gstmgdsam2::engines::{self, Opened, Recipe, Request, Weights, tracker_recipe::TrackerRecipe};
use gstmgdsam2::model::Sam2Config;
use gstmgdsam2::model::sam2::{Outputs, tracker_graph, tracker_graphs};
use gstmgdsam2::onnx::Graph;
use gstmgdsam2::session::{
    Encoders, Exchange, Frame, Prompt, Propagation, Session, Tracker, TrackerEngines,
    TrackerOptions,
};
use gstmgdsam2::signature::detail::DetailShape;
use gstmgdsam2::signature::image;
use gstmgdsam2::signature::{ElementType, Precision, Signature, tracker};
use std::path::Path;
use std::time::Instant;
use std::{env, fs};

const BLOCKS: usize = 4;
/// Frames of a block, of which the first is not counted. How full the memory is does not matter:
/// unused slots cost as much as used ones.
const FRAMES: i64 = 4;
/// (num_maskmem, conditioning_frames) of memory attention.
const SLOTS: [[usize; 2]; 6] = [[1, 1], [3, 1], [5, 1], [7, 1], [7, 2], [7, 4]];

fn main() {
    let models: Vec<_> = env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    for model in if models.is_empty() { vec!["base-plus".into()] } else { models } {
        measure(&model);
        let folder = tempfile::tempdir().unwrap();
        if let Some(recipe) = shared(&model, folder.path()) {
            measure(&recipe);
        }
    }
}

/// The recipe `model` with one encoder for both paths, where it has two.
fn shared(model: &str, folder: &Path) -> Option<String> {
    let recipe = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("engines/{model}.toml"));
    let recipe = fs::read_to_string(recipe).ok().filter(|text| text.contains("[model]"))?;
    let (own, of_model) = ("encoder = \"own\"", "[tracker.model]");
    let path = folder.join(format!("{model}-shared.toml"));
    let prefixed = format!("{of_model}\nkey_prefix = \"tracker\"");
    recipe.contains(own).then_some(())?;
    fs::write(&path, recipe.replace(own, "encoder = \"shared\"").replace(of_model, &prefixed))
        .unwrap();
    Some(path.to_str().unwrap().into())
}

fn measure(model: &str) {
    let recipe = Recipe::find(model).unwrap();
    let own = Cost::median(block(&mut idle(&recipe), true));
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
    let (off, on) = (Cost::median(off), Cost::median(on));
    println!("{model} {precision:?}, a frame without and with propagation:");
    for (clock, of) in [("clock", Cost::clock as fn(&Cost) -> f64), ("cpu", Cost::cpu)] {
        let (off, on) = (of(&off), of(&on));
        let added = 100.0 * (on / off - 1.0);
        println!("  {clock:5} {:8.1} ms, {:8.1} ms, {added:+5.1} %", 1e3 * off, 1e3 * on);
    }
    let share = 100.0 * own.clock / on.clock;
    println!("  the session itself {:.2} ms, {share:.2} %", 1e3 * own.clock);
    let model = &recipe.tracker.as_ref().unwrap().model;
    for plan in tracker_graphs(model, ElementType::U8) {
        let cost = alone(model, &plan, precision);
        let share = 100.0 * cost.clock / off.clock;
        println!("  {}: {:.1} ms, {share:.1} %", plan.0.graph, 1e3 * cost.clock);
    }
    for [num_maskmem, conditioning_frames] in SLOTS {
        let model = Sam2Config { num_maskmem, conditioning_frames, ..model.clone() };
        let [_, attention, ..] = tracker_graphs(&model, ElementType::U8);
        let cost = alone(&model, &attention, precision);
        let frames = model.shape().frames();
        println!(
            "  memory attention to {frames:2} frames: {:.1} ms, cpu {:.1} ms",
            1e3 * cost.clock,
            1e3 * cost.cpu
        );
    }
}

/// One of the tracker's graphs by itself.
fn alone(model: &Sam2Config, plan: &(Signature, Outputs), precision: Precision) -> Cost {
    let weights = Checkpoint::random(0);
    let graph = Graph::new(&plan.0.graph, &weights, Precision::F32);
    let onnx = tracker_graph(graph, model, plan).unwrap().to_bytes().unwrap();
    let mut engine = OpenVino::build(&onnx, &plan.0, &Options { precision, threads: 0 }).unwrap();
    let inputs: Vec<_> = plan.0.inputs.iter().map(Tensor::zeros).collect();
    let mut outputs: Vec<_> = plan.0.outputs.iter().map(Tensor::zeros).collect();
    let inputs: Vec<_> = inputs.iter().collect();
    let costs = (0..9).map(|_| Cost::of(|| engine.run(&inputs, &mut outputs).unwrap()));
    Cost::median(costs.skip(1).collect())
}

/// Seconds of one thing.
#[derive(Clone, Copy)]
struct Cost {
    clock: f64,
    cpu: f64,
}

impl Cost {
    fn of(work: impl FnOnce()) -> Self {
        let (start, cpu) = (Instant::now(), cpu_seconds());
        work();
        Self { clock: start.elapsed().as_secs_f64(), cpu: cpu_seconds() - cpu }
    }

    fn clock(&self) -> f64 {
        self.clock
    }

    fn cpu(&self) -> f64 {
        self.cpu
    }

    fn median(costs: Vec<Self>) -> Self {
        let median = |of: fn(&Self) -> f64| {
            let mut seconds: Vec<_> = costs.iter().map(of).collect();
            seconds.sort_by(f64::total_cmp);
            seconds[seconds.len() / 2]
        };
        Self { clock: median(Self::clock), cpu: median(Self::cpu) }
    }
}

/// Of this process and all its threads, in steps of 10 ms.
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = |i: usize| fields[i].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}

/// What each counted frame costs.
fn block(session: &mut Session, is_on: bool) -> Vec<Cost> {
    let mut exchange = Exchange::new(session.side());
    let corners = [Prompt::from_corners([0.2, 0.2], [0.8, 0.8])];
    let mut costs = Vec::new();
    for index in 0..FRAMES {
        let value = |i: usize| (i / 3 * 7 % 251 + 3 * index as usize) as u8;
        exchange.image_mut().iter_mut().enumerate().for_each(|(i, v)| *v = value(i));
        let is_first = index == 0;
        let prompts = if is_first { &corners[..] } else { &[] };
        let propagation = Propagation { is_on, ..Propagation::default() };
        let frame = Frame { index, is_first, prompts, propagation, ..Frame::default() };
        let cost = Cost::of(|| assert!(session.step(&frame, &mut exchange).is_ok()));
        costs.extend((!is_first).then_some(cost));
    }
    costs
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
        let shape = DetailShape { inp_size, embed_dim, d_model, prompt_side: None };
        (engine(image(inp_size)), shape)
    });
    let encoder = engine(tracker::encoder(&shape, ElementType::U8));
    let tracker = Tracker::new(engines, shape, TrackerOptions::default()).unwrap();
    Session::with_tracker(detail, Encoders::Tracker(encoder), tracker).unwrap()
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
