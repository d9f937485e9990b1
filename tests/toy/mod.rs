//! A tracker of toy sizes on OpenVINO, with random weights.
#![allow(dead_code, reason = "each test file uses what it needs")]
use gstmgdsam2::backend::Engine;
use gstmgdsam2::backend::openvino::{OpenVino, Options};
use gstmgdsam2::checkpoint::Checkpoint;
use gstmgdsam2::model::Sam2Config;
use gstmgdsam2::model::sam2::{tracker_graph, tracker_graphs};
use gstmgdsam2::onnx::Graph;
use gstmgdsam2::session::{Encoders, Session, Tracker, TrackerEngines, TrackerOptions};
use gstmgdsam2::signature::{ElementType, Precision};

/// Of its pictures and masks.
pub const SIDE: usize = 64;

pub fn config() -> Sam2Config {
    Sam2Config {
        image_size: SIDE,
        embed_dim: 8,
        num_heads: 1,
        stages: [1, 2, 2, 1],
        global_att_blocks: vec![4],
        window_pos_embed_bkg_spatial_size: [7, 7],
        window_spec: [8, 4, 4, 2],
        d_model: 32,
        mem_dim: 8,
        mem_layers: 2,
        ff: 48,
        dec_heads: 4,
        dec_mlp_dim: 64,
        num_maskmem: 3,
        conditioning_frames: 2,
        max_obj_ptrs: 4,
        points: 4,
        key_prefix: String::new(),
    }
}

pub fn session(weights: &Checkpoint, config: &Sam2Config, image: ElementType) -> Session {
    wrapped(weights, config, image, |engine| engine)
}

/// [`session`] on engines that are wrapped.
pub fn wrapped(
    weights: &Checkpoint,
    config: &Sam2Config,
    image: ElementType,
    wrap: fn(Box<dyn Engine>) -> Box<dyn Engine>,
) -> Session {
    let options = Options { precision: Precision::F32, threads: 1 };
    let mut engines = tracker_graphs(config, image).into_iter().map(|plan| {
        let graph = Graph::new(&plan.0.graph, weights, Precision::F32);
        let onnx = tracker_graph(graph, config, &plan).unwrap().to_bytes().unwrap();
        wrap(Box::new(OpenVino::build(&onnx, &plan.0, &options).unwrap()))
    });
    let mut next = || engines.next().unwrap();
    let encoder = next();
    let engines = TrackerEngines {
        memory_attention: next(),
        decoder: next(),
        prompt_decoder: next(),
        memory_encoder: next(),
    };
    let tracker = Tracker::new(engines, config.shape(), TrackerOptions::default()).unwrap();
    Session::with_tracker(None, Encoders::Tracker(encoder), tracker).unwrap()
}
