//! The tracker's own graphs on OpenVINO, with random weights.
#![allow(clippy::unwrap_used, missing_docs)]
mod toy;

use gstmgdsam2::backend::openvino::{OpenVino, Options};
use gstmgdsam2::backend::{Engine, Tensor};
use gstmgdsam2::checkpoint::Checkpoint;
use gstmgdsam2::engines::Recipe;
use gstmgdsam2::model::Sam2Config;
use gstmgdsam2::model::sam2::{tracker_graph, tracker_graphs};
use gstmgdsam2::onnx::Graph;
use gstmgdsam2::session::{Exchange, Frame, Prompt, Session, TrackedMask};
use gstmgdsam2::signature::{ElementType, Precision, TensorSpec};
use toy::{SIDE, config, session};

/// Prompted in frame 0, tracked after.
fn track(session: &mut Session, index: usize, image: Tensor) -> TrackedMask {
    let corners = [Prompt::from_corners([0.2, 0.3], [0.7, 0.8])];
    let prompts = if index == 0 { &corners[..] } else { &[] };
    let frame = Frame { index: index as i64, prompts, ..Frame::default() };
    let mut exchange = Exchange::new(SIDE);
    exchange.image = image.into();
    session.step(&frame, &mut exchange).unwrap();
    session.tracker().unwrap().mask().clone()
}

/// A slope that moves, as bytes (S, S, 3).
fn pixels(frame: usize) -> Vec<u8> {
    let value = |i: usize| (i / 3 % SIDE * 3 + i / 3 / SIDE + 5 * frame + i % 3 * 40) as u8;
    (0..3 * SIDE * SIDE).map(value).collect()
}

/// The same as floats (3, S, S) with ImageNet's mean and deviation.
fn normalised(pixels: &[u8]) -> Vec<f32> {
    let (mean, deviation) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    let channel = |c: usize| {
        let values = pixels.iter().skip(c).step_by(3);
        values.map(move |&v| (f32::from(v) / 255.0 - mean[c]) / deviation[c])
    };
    (0..3).flat_map(channel).collect()
}

#[test]
fn bytes_and_normalised_floats_are_tracked_alike() {
    let weights = Checkpoint::random(7);
    let mut of_bytes = session(&weights, &config(), ElementType::U8);
    let mut of_floats = session(&weights, &config(), ElementType::F32);
    for frame in 0..6 {
        let bytes = pixels(frame);
        let b = track(&mut of_floats, frame, Tensor::F32(normalised(&bytes)));
        let a = track(&mut of_bytes, frame, Tensor::U8(bytes));
        assert_alike(&a, &b, 1e-4);
    }
}

#[test]
fn empty_slots_do_not_count() {
    let weights = Checkpoint::random(7);
    for num_maskmem in [1, 2] {
        let few = Sam2Config {
            num_maskmem,
            conditioning_frames: 1,
            max_obj_ptrs: num_maskmem,
            points: 2,
            ..config()
        };
        let many = Sam2Config { conditioning_frames: 5, points: 6, ..few.clone() };
        let [mut few, mut many] =
            [few, many].map(|config| session(&weights, &config, ElementType::U8));
        for frame in 0..4 {
            let [a, b] = [&mut few, &mut many]
                .map(|session| track(session, frame, Tensor::U8(pixels(frame))));
            assert_alike(&a, &b, 1e-5);
        }
    }
}

#[test]
fn fast_arithmetic_stays_close_to_f32() {
    let config = Recipe::find("nano-tracker").unwrap().tracker.unwrap().model;
    let weights = Checkpoint::random(7);
    for plan in &tracker_graphs(&config, ElementType::U8)[..2] {
        let graph = Graph::new(&plan.0.graph, &weights, Precision::F32);
        let onnx = tracker_graph(graph, &config, plan).unwrap().to_bytes().unwrap();
        let inputs: Vec<_> = plan.0.inputs.iter().map(noise).collect();
        let [exact, fast] = [Precision::F32, Precision::Bf16].map(|precision| {
            let options = Options { precision, threads: 1 };
            let mut engine = OpenVino::build(&onnx, &plan.0, &options).unwrap();
            let mut outputs: Vec<_> = plan.0.outputs.iter().map(Tensor::zeros).collect();
            engine.run(&inputs.iter().collect::<Vec<_>>(), &mut outputs).unwrap();
            let Tensor::F32(first) = outputs.remove(0) else { unreachable!("features are floats") };
            first
        });
        let relative = relative_l2(&exact, &fast);
        println!("{} in bf16: relative L2 to f32 {relative:.1e}", plan.0.graph);
        assert!(relative < 0.03, "{}: relative L2 {relative}", plan.0.graph);
    }
}

/// Noise, and masks that leave the second half out.
fn noise(spec: &TensorSpec) -> Tensor {
    let size = spec.shape.iter().product::<usize>();
    let value = |i: usize| (i as u32).wrapping_mul(2_654_435_761) >> 8;
    match (spec.element_type, spec.name.as_str()) {
        (ElementType::U8, _) => Tensor::U8((0..size).map(|i| value(i) as u8).collect()),
        (_, "key_mask") => {
            Tensor::F32((0..size).map(|i| if 2 * i < size { 0.0 } else { -1e4 }).collect())
        }
        _ => Tensor::F32((0..size).map(|i| value(i) as f32 / (1 << 23) as f32 - 1.0).collect()),
    }
}

/// The same mask and pointer, to this relative L2.
fn assert_alike(a: &TrackedMask, b: &TrackedMask, most: f32) {
    for (a, b) in [(&a.logits, &b.logits), (&a.obj_ptr, &b.obj_ptr)] {
        let relative = relative_l2(a, b);
        assert!(relative < most, "relative L2 {relative}");
    }
    assert!(a.is_remembered && b.is_remembered);
}

fn relative_l2(a: &[f32], b: &[f32]) -> f32 {
    let norm = |values: &mut dyn Iterator<Item = f32>| values.map(|v| v * v).sum::<f32>().sqrt();
    norm(&mut a.iter().zip(b).map(|(a, b)| a - b)) / norm(&mut a.iter().copied())
}

#[test]
fn sizes_that_no_tracker_has_are_refused() {
    let weights = Checkpoint::random(7);
    let refused = |config: Sam2Config, message: &str| {
        for plan in tracker_graphs(&config, ElementType::U8) {
            let graph = Graph::new(&plan.0.graph, &weights, Precision::F32);
            let error = tracker_graph(graph, &config, &plan).map(drop).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    };
    let config = config();
    let odd = Sam2Config { image_size: 60, ..config.clone() };
    refused(odd, "image_size: expected a multiple of 32, found 60");
    let odd = Sam2Config { dec_heads: 0, ..config.clone() };
    refused(odd, "dec_heads: expected a multiple of 1, found 0");
    let odd = Sam2Config { mem_dim: 0, ..config.clone() };
    refused(odd, "mem_dim: expected a multiple of 4, found 0");
    let odd = Sam2Config { window_spec: [8, 0, 4, 2], ..config };
    refused(
        odd,
        "window_spec: expected windows that halve where the stage changes, found [8, 0, 4, 2]",
    );
}
