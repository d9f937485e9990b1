//! The clips, frame by frame through the real session and its memory bank.
use super::{Comparison, Fixture, spec};
use gstmgdsam2::backend::openvino::{OpenVino, Options};
use gstmgdsam2::backend::{BackendError, Engine, Tensor as HostTensor};
use gstmgdsam2::model::Sam2Config;
use gstmgdsam2::model::sam2::{Outputs, tracker_graphs};
use gstmgdsam2::onnx::Graph;
use gstmgdsam2::session::{
    BankOptions, Coverage, Encoders, Exchange, Frame, FrameIndex, Point, PointKind, Prompt,
    Session, TrackedMask, Tracker, TrackerEngines, TrackerOptions,
};
use gstmgdsam2::signature::{ElementType, Precision, Signature};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Relative L2 for object scores, which the fixtures' weights sharpen.
const SCORE_TOLERANCE: f64 = 5e-4;
/// What the tracker has no use for and the fixtures list.
const TAPS: [&str; 4] = ["vision_pos.2", "memory", "memory_pos", "maskmem_pos_enc"];

/// What went through the engines in this frame, by name.
type Seen = Arc<Mutex<BTreeMap<String, Vec<f32>>>>;

/// An engine that gives out more than its signature says, to the test alone.
struct Watched {
    inner: OpenVino,
    signature: Signature,
    outputs: Vec<HostTensor>,
    seen: Seen,
}

impl Watched {
    fn build(
        f: &Fixture,
        c: &Sam2Config,
        (signature, outputs): &(Signature, Outputs),
        seen: &Seen,
    ) -> Result<Box<dyn Engine>, String> {
        let graph = Graph::new(&signature.graph, &f.weights, Precision::F32);
        let mut named: Vec<_> = outputs(&graph, c, signature)
            .into_iter()
            .zip(&signature.outputs)
            .map(|(value, spec)| (spec.name.clone(), value))
            .collect();
        for tap in TAPS {
            named.extend(graph.tapped(tap).map(|value| (format!("seen.{tap}"), value)));
        }
        let extended = Signature {
            outputs: named.iter().map(|(name, value)| spec(name, &value.shape)).collect(),
            ..signature.clone()
        };
        let named: Vec<_> = named.iter().map(|(name, value)| (name.as_str(), value)).collect();
        let model = graph.clone().finish(&named).map_err(|e| e.to_string())?;
        let bytes = model.to_bytes().map_err(|e| e.to_string())?;
        let options = Options { precision: Precision::F32, threads: 0 };
        let inner = OpenVino::build(&bytes, &extended, &options).map_err(|e| e.to_string())?;
        let outputs = extended.outputs.iter().map(HostTensor::zeros).collect();
        Ok(Box::new(Self { inner, signature: signature.clone(), outputs, seen: seen.clone() }))
    }
}

impl Engine for Watched {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn run(
        &mut self,
        inputs: &[&HostTensor],
        outputs: &mut [HostTensor],
    ) -> Result<(), BackendError> {
        self.inner.run(inputs, &mut self.outputs)?;
        outputs.clone_from_slice(&self.outputs[..outputs.len()]);
        let mut seen = self.seen.lock().unwrap();
        let inputs = self.inner.signature().inputs.iter().zip(inputs.iter().copied());
        let outputs = self.inner.signature().outputs.iter().zip(&self.outputs);
        for (spec, tensor) in inputs.chain(outputs) {
            if let HostTensor::F32(values) = tensor {
                seen.insert(spec.name.clone(), values.clone());
            }
        }
        Ok(())
    }
}

/// Runs the clip of a fixture and compares every tensor that it lists.
///
/// Where all prompts come first, the order in which they came is that of the memory's tokens,
/// and no configuration tells it: it may be the frames' or that of tracking.
pub fn clip(f: &Fixture, c: &mut Comparison) -> Result<(), String> {
    c.given("frames");
    let mut prompts = prompted_frames(f);
    let mut trial = c.clone();
    clip_prompted(f, &mut trial, &prompts)?;
    if !trial.failures.is_empty() && f.flag("preflight") && f.flag("reverse") {
        println!("once more, prompted in the order of tracking");
        prompts.reverse();
        trial = c.clone();
        clip_prompted(f, &mut trial, &prompts)?;
    }
    *c = trial;
    Ok(())
}

fn clip_prompted(f: &Fixture, c: &mut Comparison, prompts: &[usize]) -> Result<(), String> {
    let config = config(f)?;
    let seen = Seen::default();
    let mut session = session(f, &config, &seen)?;
    let mut exchange = Exchange::new(config.image_size);
    let mut order: Vec<usize> = (0..f.size("frames")).collect();
    if f.flag("reverse") {
        order.reverse();
    }
    if f.flag("preflight") {
        order.retain(|frame| !prompts.contains(frame));
        order.splice(0..0, prompts.iter().copied());
    }
    let (shape, pixels) = f.get("frames");
    let size: usize = shape[1..].iter().product();
    // The second time, unused slots hold what the first has left there.
    for _ in 0..2 {
        session.reset();
        for &frame in &order {
            seen.lock().unwrap().clear();
            exchange.image = HostTensor::F32(pixels[frame * size..][..size].to_vec()).into();
            let prefix = format!("frame.{frame:02}");
            let prompts = prompt(f, c, &prefix, config.image_size);
            let index = frame as FrameIndex;
            let frame = Frame { index, prompts: prompts.as_slice(), ..Frame::default() };
            session.step(&frame, &mut exchange).map_err(|e| e.to_string())?;
            let mask = session.tracker().unwrap().mask();
            assert_eq!(mask.logits, exchange.logits());
            compare(f, c, &config, &prefix, mask, &seen.lock().unwrap());
        }
    }
    Ok(())
}

fn prompted_frames(f: &Fixture) -> Vec<usize> {
    let mut frames: Vec<usize> =
        f.config["prompts"].as_object().unwrap().keys().map(|k| k.parse().unwrap()).collect();
    frames.sort_unstable();
    frames
}

/// The fixture's sizes, with as many slots as the clip needs.
fn config(f: &Fixture) -> Result<Sam2Config, String> {
    let mut config = f.config.clone();
    let prompts = prompted_frames(f).len();
    let most = |name: &str, default: usize| match f.config["base_extra"][name].as_i64() {
        None | Some(-1) => default,
        Some(n) => n as usize,
    };
    config["conditioning_frames"] = json!(most("max_cond_frames_in_attn", prompts));
    config["max_obj_ptrs"] = json!(most("max_obj_ptrs_in_encoder", 16));
    config["points"] = json!(8);
    serde_json::from_value(config).map_err(|e| e.to_string())
}

fn session(f: &Fixture, config: &Sam2Config, seen: &Seen) -> Result<Session, String> {
    let extra = |name: &str| f.config["base_extra"][name].clone();
    let flag = |name: &str, default: bool| extra(name).as_bool().unwrap_or(default);
    let bank = BankOptions {
        temporal_stride: extra("memory_temporal_stride_for_eval").as_u64().unwrap_or(1) as u32,
        only_past_pointers: flag("only_obj_ptrs_in_the_past_for_eval", true),
        signed_distances: flag("use_signed_tpos_enc_to_obj_ptrs", true),
        reverse: f.flag("reverse"),
        clip_frames: Some(f.size("frames")),
        ..BankOptions::default()
    };
    let binarize_prompted = flag("binarize_mask_from_pts_for_mem_enc", false);
    let options = TrackerOptions { bank, binarize_prompted, ..TrackerOptions::default() };
    let graphs = tracker_graphs(config, ElementType::F32);
    let mut engines = graphs.iter().map(|graph| Watched::build(f, config, graph, seen));
    let mut next = || engines.next().unwrap();
    let encoder = next()?;
    let engines = TrackerEngines {
        memory_attention: next()?,
        decoder: next()?,
        prompt_decoder: next()?,
        memory_encoder: next()?,
    };
    let tracker = Tracker::new(engines, config.shape(), options).map_err(|e| e.to_string())?;
    Session::with_tracker(None, Encoders::Tracker(encoder), tracker).map_err(|e| e.to_string())
}

/// The prompt of a frame, if it has one.
fn prompt(f: &Fixture, c: &mut Comparison, prefix: &str, side: usize) -> Option<Prompt> {
    let mut given = |what: &str| {
        let name = format!("{prefix}.{what}");
        let (_, values) = f.tensors.get(&name)?;
        c.given(&name);
        Some(values.clone())
    };
    if let Some(mask) = given("mask_input") {
        return Some(Prompt::Mask(Coverage { width: side, height: side, values: mask }));
    }
    let (coordinates, labels) = (given("point_coords")?, given("point_labels")?);
    // The official code takes pixels and looks at their centres.
    let place = |v: f32| (v + 0.5) / side as f32;
    let kind = |label: f32| match label as i32 {
        0 => PointKind::Background,
        1 => PointKind::Foreground,
        2 => PointKind::BoxFirst,
        3 => PointKind::BoxSecond,
        other => panic!("{prefix}: no point is labelled {other}"),
    };
    let points = coordinates.chunks_exact(2).zip(labels);
    let points =
        points.map(|(p, label)| Point { x: place(p[0]), y: place(p[1]), kind: kind(label) });
    Some(Prompt::Points(points.collect()))
}

/// Compares what the fixture lists of one frame.
fn compare(
    f: &Fixture,
    c: &mut Comparison,
    config: &Sam2Config,
    prefix: &str,
    mask: &TrackedMask,
    seen: &BTreeMap<String, Vec<f32>>,
) {
    let (shape, dim) = (config.shape(), config.d_model);
    let listed: Vec<&String> = f.tensors.keys().filter(|k| k.starts_with(prefix)).collect();
    for name in listed {
        let want = &f.get(name).1;
        let what = &name[prefix.len() + 1..];
        let see = |name: &str| seen.get(name).cloned().unwrap_or_default();
        let got = match what {
            "vision_feats.0" => transposed(&see("high_res_0"), dim / 8),
            "vision_feats.1" => transposed(&see("high_res_1"), dim / 4),
            "vision_feats.2" => see("features"),
            "vision_pos.2" => see("seen.vision_pos.2"),
            "memory" => used(&see("seen.memory"), &see("key_mask")),
            "memory_pos" => used(&see("seen.memory_pos"), &see("key_mask")),
            "num_obj_ptr_tokens" => {
                let mask = see("key_mask");
                let frames = shape.frames() * shape.tokens();
                let pointers = mask.get(frames..).unwrap_or_default();
                vec![pointers.iter().filter(|&&v| v == 0.0).count() as f32]
            }
            "decoder_ious" if want.len() == 3 => see("ious")[1..].to_vec(),
            "decoder_ious" => see("ious")[..1].to_vec(),
            "low_res_masks" => mask.low_res_logits.clone(),
            "high_res_masks" => mask.logits.clone(),
            "obj_ptr" => mask.obj_ptr.clone(),
            "maskmem_features" => transposed(&see("maskmem_features"), shape.tokens()),
            "maskmem_pos_enc" => transposed(&see("seen.maskmem_pos_enc"), shape.tokens()),
            "object_score_logits" => {
                c.close_within(name, &[mask.object_score_logit], want, SCORE_TOLERANCE);
                continue;
            }
            _ => continue,
        };
        c.close(name, &got, want);
    }
}

/// (rows, columns) to (columns, rows).
fn transposed(values: &[f32], rows: usize) -> Vec<f32> {
    let columns = values.len() / rows;
    (0..values.len()).map(|i| values[(i % rows) * columns + i / rows]).collect()
}

/// The tokens that `key_mask` lets count.
fn used(tokens: &[f32], key_mask: &[f32]) -> Vec<f32> {
    let tokens = tokens.chunks_exact(tokens.len() / key_mask.len().max(1));
    let used = tokens.zip(key_mask).filter(|(_, mask)| **mask == 0.0);
    used.flat_map(|(token, _)| token.to_vec()).collect()
}
