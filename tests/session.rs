//! What a tracker remembers, looks at and decides; its engines are fakes.
#![allow(clippy::unwrap_used, missing_docs)]
use gstmgdsam2::backend::{BackendError, Engine, Tensor};
use gstmgdsam2::session::{
    BankOptions, Coverage, Features, FrameIndex, MaskSelection, MemorySelection, Point, PointKind,
    Prompt, SessionError, Tracker, TrackerEngines, TrackerOptions,
};
use gstmgdsam2::signature::Signature;
use gstmgdsam2::signature::tracker::{
    TrackerShape, decoder, memory_attention, memory_encoder, prompt_decoder,
};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};

const SHAPE: TrackerShape = TrackerShape {
    side: 32,
    channels: 8,
    mem_dim: 4,
    num_maskmem: 4,
    conditioning_frames: 2,
    max_obj_ptrs: 5,
    points: 3,
};
/// Pixels of a mask as the decoder makes it.
const LOW_RES: usize = 64;
const ROW: usize = 8;
/// Masks that cover the picture.
const FULL: [Range<usize>; 4] = [0..8, 0..8, 0..8, 0..8];
/// The pointer that stands for no object.
const NO_OBJECT: f32 = -7.0;

/// What the fake engines say, and what they were asked.
struct Script {
    score: f32,
    /// Each mask is flat.
    masks: [f32; 4],
    ious: [f32; 4],
    /// The rows of the picture that each mask covers.
    rows: [Range<usize>; 4],
    seen: BTreeMap<String, Vec<f32>>,
}

/// Memories with their row of `maskmem_tpos_enc`, pointers with their distance.
type LookedAt = (Vec<(usize, i64)>, Vec<(i64, i64)>);

struct Fake {
    signature: Signature,
    script: Arc<Mutex<Script>>,
}

impl Engine for Fake {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn run(&mut self, inputs: &[&Tensor], outputs: &mut [Tensor]) -> Result<(), BackendError> {
        let mut script = self.script.lock().unwrap();
        for (spec, tensor) in self.signature.inputs.iter().zip(inputs) {
            script.seen.insert(format!("{}.{}", self.signature.graph, spec.name), floats(tensor));
        }
        // Pictures are flat in the number of their frame, and so is all that is made of them.
        let frame = floats(inputs[0])[0];
        for (spec, tensor) in self.signature.outputs.iter().zip(outputs) {
            let Tensor::F32(values) = tensor else { panic!("{}", spec.name) };
            match spec.name.as_str() {
                "mask_logits" => {
                    let masks = values.chunks_exact_mut(LOW_RES).zip(script.masks);
                    for ((mask, value), rows) in masks.zip(&script.rows) {
                        mask.fill(-1.0);
                        mask[rows.start * ROW..rows.end * ROW].fill(value);
                    }
                }
                "ious" => values.copy_from_slice(&script.ious),
                "object_score_logits" => values[0] = script.score,
                "obj_ptrs" => {
                    for (row, pointer) in values.chunks_exact_mut(SHAPE.channels).enumerate() {
                        pointer.fill(frame);
                        pointer[1] = row as f32;
                    }
                    values[4 * SHAPE.channels..].fill(NO_OBJECT);
                }
                _ => values.fill(frame),
            }
        }
        Ok(())
    }
}

fn floats(tensor: &Tensor) -> Vec<f32> {
    match tensor {
        Tensor::F32(values) => values.clone(),
        Tensor::U8(_) => panic!("the tests' features are floats"),
    }
}

/// A tracker of fakes, and their script.
struct Studio {
    tracker: Tracker,
    script: Arc<Mutex<Script>>,
}

fn engines(script: &Arc<Mutex<Script>>, shape: &TrackerShape) -> TrackerEngines {
    let fake =
        |signature| -> Box<dyn Engine> { Box::new(Fake { signature, script: script.clone() }) };
    TrackerEngines {
        memory_attention: fake(memory_attention(shape)),
        decoder: fake(decoder(shape)),
        prompt_decoder: fake(prompt_decoder(shape)),
        memory_encoder: fake(memory_encoder(shape)),
    }
}

impl Studio {
    fn new(options: TrackerOptions) -> Self {
        let (masks, ious) = ([1.0, 2.0, 3.0, 4.0], [0.1, 0.2, 0.9, 0.3]);
        let script = Script { score: 5.0, masks, ious, rows: FULL, seen: BTreeMap::new() };
        let script = Arc::new(Mutex::new(script));
        let tracker = Tracker::new(engines(&script, &SHAPE), SHAPE, options).unwrap();
        Self { tracker, script }
    }

    fn with_bank(bank: BankOptions) -> Self {
        Self::new(TrackerOptions { bank, ..TrackerOptions::default() })
    }

    fn prompt(&mut self, frame: FrameIndex) {
        self.tracker.prompt(frame, &features(frame), &click()).unwrap();
    }

    fn step(&mut self, frame: FrameIndex) {
        self.tracker.step(frame, &features(frame)).unwrap();
    }

    fn seen(&self, name: &str) -> Vec<f32> {
        self.script.lock().unwrap().seen[name].clone()
    }

    /// Of the last frame that was tracked: (row of `maskmem_tpos_enc`, frame) of each memory
    /// that it looked at, and (distance, frame) of each pointer.
    fn looked_at(&self) -> LookedAt {
        let see = |name: &str| self.seen(&format!("memory_attention.{name}"));
        let (mask, tokens) = (see("key_mask"), SHAPE.tokens());
        let (frame_mask, pointer_mask) = mask.split_at(SHAPE.frames() * tokens);
        let used = |mask: &[f32], tokens: usize| {
            mask.chunks(tokens).take_while(|m| m.iter().all(|&v| v == 0.0)).count()
        };
        assert!(mask.iter().all(|&v| v == 0.0 || v <= -1e4), "{mask:?}");
        let (memory, times) = (see("memory"), see("memory_times"));
        let frames = (0..used(frame_mask, tokens)).map(|i| {
            let row = &times[i * SHAPE.num_maskmem..][..SHAPE.num_maskmem];
            assert_eq!(row.iter().sum::<f32>(), 1.0, "{row:?}");
            let row = row.iter().position(|&v| v == 1.0).unwrap();
            (row, memory[i * tokens * SHAPE.mem_dim] as i64)
        });
        let (pointers, times) = (see("obj_ptrs"), see("obj_ptr_times"));
        let pointers = (0..used(pointer_mask, SHAPE.pointer_tokens())).map(|i| {
            // The third frequency of four is slow enough to tell all distances apart.
            let sine = times[i * SHAPE.channels + 2];
            let distance = sine.asin() * 100.0 * (SHAPE.max_obj_ptrs - 1) as f32;
            (distance.round() as i64, pointers[i * SHAPE.channels] as i64)
        });
        (frames.collect(), pointers.collect())
    }
}

/// What an encoder would say of the frame's picture.
fn features(frame: FrameIndex) -> Features {
    flat(frame as f32)
}

fn flat(value: f32) -> Features {
    let specs = decoder(&SHAPE).inputs;
    std::array::from_fn(|i| Tensor::F32(vec![value; specs[i].shape.iter().product()]).into())
}

fn click() -> Prompt {
    Prompt::Points(vec![Point { x: 0.5, y: 0.25, kind: PointKind::Foreground }])
}

fn drawn(values: Vec<f32>) -> Prompt {
    Prompt::Mask(Coverage { width: SHAPE.side, height: SHAPE.side, values })
}

/// Prompts first, then every other frame up to `last`, from the first or from frame 39.
fn track(bank: BankOptions, prompts: &[FrameIndex], last: FrameIndex) -> Studio {
    let mut studio = Studio::with_bank(bank);
    prompts.iter().for_each(|&frame| studio.prompt(frame));
    let order: Vec<_> =
        if bank.reverse { (last..40).rev().collect() } else { (0..=last).collect() };
    for frame in order.into_iter().filter(|frame| !prompts.contains(frame)) {
        studio.step(frame);
    }
    studio
}

// What the official code looks at in these cases, by its own rules.
type Looked = (&'static [(usize, i64)], &'static [(i64, i64)]);

fn assert_looks_at(bank: BankOptions, prompts: &[FrameIndex], last: FrameIndex, want: Looked) {
    let (frames, pointers) = track(bank, prompts, last).looked_at();
    assert_eq!((frames.as_slice(), pointers.as_slice()), want, "{bank:?} {prompts:?} {last}");
}

#[test]
fn a_frame_looks_at_the_prompted_frame_and_the_last_ones() {
    let bank = BankOptions::default();
    assert_looks_at(bank, &[0], 2, (&[(3, 0), (0, 1)], &[(2, 0), (1, 1)]));
    let pointers = &[(12, 0), (1, 11), (2, 10), (3, 9), (4, 8)];
    assert_looks_at(bank, &[0], 12, (&[(3, 0), (2, 9), (1, 10), (0, 11)], pointers));
}

#[test]
fn a_temporal_stride_reaches_further_back_and_keeps_the_last_frame() {
    let bank = BankOptions { temporal_stride: 3, ..BankOptions::default() };
    let pointers = &[(12, 0), (1, 11), (2, 10), (3, 9), (4, 8)];
    assert_looks_at(bank, &[0], 12, (&[(3, 0), (2, 6), (1, 9), (0, 11)], pointers));
    let pointers = &[(13, 0), (1, 12), (2, 11), (3, 10), (4, 9)];
    assert_looks_at(bank, &[0], 13, (&[(3, 0), (2, 6), (1, 9), (0, 12)], pointers));
}

#[test]
fn backwards_the_frames_after_are_the_last_ones() {
    let mut bank = BankOptions { reverse: true, ..BankOptions::default() };
    let pointers = &[(19, 39), (1, 21), (2, 22), (3, 23), (4, 24)];
    assert_looks_at(bank, &[39], 20, (&[(3, 39), (2, 23), (1, 22), (0, 21)], pointers));
    let pointers = &[(5, 35), (1, 31), (2, 32), (3, 33), (4, 34)];
    let frames = &[(3, 2), (3, 35), (2, 33), (1, 32), (0, 31)];
    assert_looks_at(bank, &[2, 35], 30, (frames, pointers));
    bank.temporal_stride = 3;
    let pointers = &[(18, 39), (1, 22), (2, 23), (3, 24), (4, 25)];
    assert_looks_at(bank, &[39], 21, (&[(3, 39), (2, 27), (1, 24), (0, 22)], pointers));
}

#[test]
fn of_many_prompted_frames_the_closest_count_and_others_are_as_if_tracked() {
    let bank = BankOptions::default();
    let frames: &[_] = &[(3, 9), (3, 14), (1, 10), (0, 11)];
    let prompts = [0, 9, 14, 30];
    assert_looks_at(bank, &prompts, 12, (frames, &[(3, 9), (1, 11), (2, 10), (4, 8)]));
    let frames: &[_] = &[(3, 11), (3, 10), (2, 9)];
    assert_looks_at(bank, &[10, 9, 11], 12, (frames, &[(1, 11), (2, 10), (3, 9), (4, 8)]));
}

#[test]
fn pointers_of_frames_to_come_count_on_request_signed_or_not() {
    let mut bank = BankOptions { only_past_pointers: false, ..BankOptions::default() };
    let frames: &[_] = &[(3, 9), (3, 14), (1, 10), (0, 11)];
    let prompts = [0, 9, 14, 30];
    let pointers = &[(3, 9), (-2, 14), (1, 11), (2, 10), (4, 8)];
    assert_looks_at(bank, &prompts, 12, (frames, pointers));
    bank.signed_distances = false;
    let pointers = &[(3, 9), (2, 14), (1, 11), (2, 10), (4, 8)];
    assert_looks_at(bank, &prompts, 12, (frames, pointers));
}

#[test]
fn a_gated_bank_remembers_only_where_the_object_was_found_well() {
    let bank = BankOptions { selection: MemorySelection::Gated, ..BankOptions::default() };
    let mut studio = Studio::with_bank(bank);
    studio.prompt(0);
    for frame in 1..30 {
        let mut script = studio.script.lock().unwrap();
        // Absent, then doubtful.
        script.score = if (10..15).contains(&frame) { -1.0 } else { 5.0 };
        script.ious[2] = if (15..29).contains(&frame) { 0.4 } else { 0.9 };
        drop(script);
        studio.step(frame);
    }
    let pointers = vec![(29, 0), (20, 9), (21, 8), (22, 7), (23, 6)];
    assert_eq!(studio.looked_at(), (vec![(3, 0), (2, 7), (1, 8), (0, 9)], pointers));
    (30..500).for_each(|frame| studio.step(frame));
    assert!(studio.tracker.bank().tracked_frames().count() <= 6);
    assert_eq!(studio.looked_at().0, [(3, 0), (2, 496), (1, 497), (0, 498)]);
}

#[test]
fn a_gated_bank_keeps_the_frame_that_told_the_object_from_a_rival() {
    let bank = BankOptions { selection: MemorySelection::Gated, ..BankOptions::default() };
    let mut studio = Studio::with_bank(bank);
    studio.prompt(0);
    for frame in 1..20 {
        let is_told_apart = frame == 4;
        let halves = if is_told_apart { [0..8, 4..8, 0..4, 0..8] } else { FULL };
        studio.script.lock().unwrap().rows = halves;
        studio.step(frame);
    }
    assert_eq!(studio.looked_at().0, [(3, 0), (3, 4), (2, 16), (1, 17), (0, 18)]);
    // A second prompt takes its place.
    studio.prompt(20);
    studio.step(21);
    assert_eq!(studio.looked_at().0, [(3, 0), (3, 20), (2, 17), (1, 18), (0, 19)]);
}

#[test]
fn a_gated_bank_does_not_remember_where_the_object_cannot_have_moved() {
    let bank = BankOptions { selection: MemorySelection::Gated, ..BankOptions::default() };
    let mut studio = Studio::with_bank(bank);
    studio.prompt(0);
    for frame in 1..14 {
        let rows = if (10..12).contains(&frame) { 6..8 } else { 0..4 };
        studio.script.lock().unwrap().rows = [0..8, rows.clone(), rows.clone(), rows];
        studio.step(frame);
    }
    assert_eq!(studio.looked_at().0, [(3, 0), (2, 8), (1, 9), (0, 12)]);
}

#[test]
fn of_two_masks_a_gated_tracker_takes_the_one_where_the_object_moved() {
    for (selection, expected) in [(MemorySelection::Sam2, 4.0), (MemorySelection::Gated, 3.0)] {
        let mut studio = Studio::with_bank(BankOptions { selection, ..BankOptions::default() });
        studio.script.lock().unwrap().rows = [0..8, 0..3, 0..3, 5..8];
        studio.prompt(0);
        (1..8).for_each(|frame| studio.step(frame));
        studio.script.lock().unwrap().ious = [0.1, 0.2, 0.8, 0.9];
        studio.step(8);
        let logits = &studio.tracker.mask().low_res_logits;
        let found = logits.iter().copied().fold(f32::MIN, f32::max);
        assert_eq!(found, expected, "{selection:?}");
    }
}

#[test]
fn memory_bank_keeps_the_prompted_frame() {
    let mut studio = Studio::new(TrackerOptions::default());
    studio.prompt(0);
    (1..2000).for_each(|frame| studio.step(frame));
    assert_eq!(studio.tracker.bank().conditioning_frames().collect::<Vec<_>>(), [0]);
    assert_eq!(studio.looked_at().0[0], (3, 0));
}

#[test]
fn memory_bank_is_bounded_for_ever() {
    let mut studio = Studio::new(TrackerOptions::default());
    let mut most = [0; 2];
    for frame in 0..2000 {
        if frame % 5 == 0 {
            studio.prompt(frame)
        } else {
            studio.step(frame)
        }
        let bank = studio.tracker.bank();
        most[0] = most[0].max(bank.conditioning_frames().count());
        most[1] = most[1].max(bank.tracked_frames().count());
    }
    assert!(most[0] <= 4 && most[1] <= 6, "{most:?}");
}

#[test]
fn prompts_alone_are_bounded_too() {
    let mut studio = Studio::new(TrackerOptions::default());
    (0..200).for_each(|frame| studio.prompt(frame));
    let kept: Vec<_> = studio.tracker.bank().conditioning_frames().collect();
    assert_eq!(kept, (136..200).collect::<Vec<_>>());
}

#[test]
fn a_prompt_far_ahead_forgets_nothing() {
    let mut studio = Studio::new(TrackerOptions::default());
    studio.prompt(0);
    (1..8).for_each(|frame| studio.step(frame));
    studio.prompt(500);
    studio.step(8);
    assert_eq!(studio.looked_at().0, [(3, 0), (3, 500), (2, 5), (1, 6), (0, 7)]);
}

#[test]
fn a_frame_prompted_again_is_remembered_once() {
    let mut studio = Studio::new(TrackerOptions::default());
    studio.prompt(0);
    studio.step(1);
    studio.prompt(1);
    studio.prompt(0);
    studio.step(1);
    assert_eq!(studio.tracker.bank().conditioning_frames().collect::<Vec<_>>(), [0, 1]);
    assert_eq!(studio.tracker.bank().tracked_frames().count(), 0);
}

#[test]
fn nothing_is_tracked_without_a_prompt_and_reset_forgets() {
    let mut studio = Studio::new(TrackerOptions::default());
    let is_lost = |result| matches!(result, Err(SessionError::NothingToTrack { frame: 3 }));
    assert!(is_lost(studio.tracker.step(3, &features(3)).map(drop)));
    studio.prompt(1);
    studio.step(2);
    studio.tracker.reset();
    assert!(is_lost(studio.tracker.step(3, &features(3)).map(drop)));
    studio.prompt(4);
    studio.step(5);
    assert_eq!(studio.looked_at(), (vec![(3, 4)], vec![(1, 4)]));
}

#[test]
fn non_finite_scores_never_enter_the_memory() {
    for score in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut studio = Studio::new(TrackerOptions::default());
        studio.prompt(0);
        studio.script.lock().unwrap().score = score;
        let mask = studio.tracker.step(1, &features(1)).unwrap();
        assert!(!mask.is_remembered && mask.logits.iter().all(|&v| v == -1024.0), "{mask:?}");
        assert!(mask.object_score_logit <= 0.0);
        let error = studio.tracker.prompt(2, &features(2), &click()).map(drop);
        assert!(matches!(error, Err(SessionError::NotFinite { frame: 2 })), "{error:?}");
        studio.script.lock().unwrap().score = 1.0;
        studio.step(3);
        assert_eq!(studio.looked_at(), (vec![(3, 0)], vec![(3, 0)]));
    }
}

#[test]
fn non_finite_masks_and_features_never_enter_the_memory() {
    let mut studio = Studio::new(TrackerOptions::default());
    studio.prompt(0);
    studio.script.lock().unwrap().masks[2] = f32::NAN;
    assert!(!studio.tracker.step(1, &features(1)).unwrap().is_remembered);
    studio.script.lock().unwrap().masks[2] = 3.0;
    let nowhere = flat(f32::NAN);
    assert!(!studio.tracker.step(2, &nowhere).unwrap().is_remembered);
    studio.step(3);
    assert_eq!(studio.looked_at(), (vec![(3, 0)], vec![(3, 0)]));
}

#[test]
fn an_absent_object_has_no_mask_and_the_pointer_of_none() {
    let mut studio = Studio::new(TrackerOptions::default());
    studio.prompt(0);
    assert_eq!(studio.seen("memory_encoder.is_absent"), [0.0]);
    studio.script.lock().unwrap().score = 0.0;
    let mask = studio.tracker.step(1, &features(1)).unwrap();
    assert!(mask.logits.iter().chain(&mask.low_res_logits).all(|&v| v == -1024.0));
    assert!(mask.obj_ptr.iter().all(|&v| v == NO_OBJECT) && mask.is_remembered);
    assert_eq!(studio.seen("memory_encoder.is_absent"), [1.0]);
}

#[test]
fn an_ambiguous_prompt_takes_the_best_of_three_and_a_clear_one_the_single_mask() {
    let mut studio = Studio::new(TrackerOptions::default());
    let mask = studio.tracker.prompt(0, &features(0), &click()).unwrap();
    assert_eq!((mask.logits[0], mask.iou, mask.obj_ptr[1]), (3.0, 0.9, 2.0));
    let square = Prompt::from_corners([0.1, 0.2], [0.6, 0.9]);
    let mask = studio.tracker.prompt(0, &features(0), &square).unwrap();
    assert_eq!((mask.logits[0], mask.iou, mask.obj_ptr[1]), (1.0, 0.1, 0.0));
    let mask = studio.tracker.step(1, &features(1)).unwrap();
    assert_eq!((mask.logits[0], mask.iou, mask.obj_ptr[1]), (3.0, 0.9, 2.0));
}

#[test]
fn an_unstable_single_mask_gives_way_and_keeps_its_pointer() {
    let dynamic_multimask = Some(MaskSelection::default());
    let mut studio = Studio::new(TrackerOptions { dynamic_multimask, ..TrackerOptions::default() });
    studio.script.lock().unwrap().masks[0] = 0.01;
    let square = Prompt::from_corners([0.1, 0.2], [0.6, 0.9]);
    let mask = studio.tracker.prompt(0, &features(0), &square).unwrap();
    assert_eq!((mask.logits[0], mask.obj_ptr[1]), (3.0, 0.0));
}

#[test]
fn a_given_mask_is_the_mask() {
    let mut studio = Studio::new(TrackerOptions::default());
    let given: Vec<f32> = (0..1024).map(|i| f32::from(u8::from(i < 100))).collect();
    let mask = studio.tracker.prompt(0, &features(0), &drawn(given)).unwrap();
    assert_eq!((mask.logits[99], mask.logits[100], mask.object_score_logit), (10.0, -10.0, 10.0));
    assert_eq!(studio.seen("prompt_decoder.has_mask"), [1.0]);
    let empty = drawn(vec![0.0; 1024]);
    let mask = studio.tracker.prompt(0, &features(0), &empty).unwrap();
    assert!(mask.object_score_logit == -10.0 && mask.obj_ptr[0] == NO_OBJECT);
    assert_eq!(studio.seen("memory_encoder.is_absent"), [1.0]);
}

#[test]
fn only_masks_of_points_are_remembered_without_doubts() {
    let options = TrackerOptions { binarize_prompted: true, ..TrackerOptions::default() };
    let mut studio = Studio::new(options);
    let sigmoid = |x: f32| 1.0 / (1.0 + (-x).exp());
    studio.prompt(0);
    assert_eq!(sigmoid(studio.seen("memory_encoder.mask_logits")[0]), 1.0);
    studio.step(1);
    assert_eq!(studio.seen("memory_encoder.mask_logits")[0], 3.0);
}

#[test]
fn points_that_are_not_given_do_not_count() {
    let mut studio = Studio::new(TrackerOptions::default());
    studio.prompt(0);
    let see = |name: &str| studio.seen(&format!("prompt_decoder.{name}"));
    assert_eq!(see("coordinates"), [0.5, 0.25, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    assert_eq!(see("point_mask"), [0.0, 0.0, -1e4, -1e4]);
    let kinds = see("kinds");
    assert_eq!(
        (&kinds[..5], &kinds[5..10]),
        (&[0., 0., 1., 0., 0.][..], &[1., 0., 0., 0., 0.][..])
    );
    assert!(kinds[10..].iter().all(|&v| v == 0.0));
}

#[test]
fn a_prompt_that_is_none_is_an_error_and_leaves_the_memory_alone() {
    let mut studio = Studio::new(TrackerOptions::default());
    let point = Point { x: f32::NAN, y: 0.0, kind: PointKind::Background };
    let prompts = [
        (Prompt::Points(vec![]), "prompt: points: expected 1 to 3, found 0"),
        (
            Prompt::Points(vec![Point { x: 0.0, ..point }; 4]),
            "prompt: points: expected 1 to 3, found 4",
        ),
        (Prompt::Points(vec![point]), "prompt: coordinates: expected finite numbers, found NaN, 0"),
        (drawn(vec![0.0; 9]), "prompt: mask: expected values for 32 x 32 pixels, found 9"),
        (drawn(vec![1.5; 1024]), "prompt: mask: expected values of 0 to 1, found 1.5"),
    ];
    for (prompt, message) in prompts {
        let error = studio.tracker.prompt(0, &features(0), &prompt).map(drop).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
    assert_eq!(studio.tracker.bank().conditioning_frames().count(), 0);
}

#[test]
fn an_engine_of_another_shape_is_an_error() {
    let other = TrackerShape { num_maskmem: 5, ..SHAPE };
    let studio = Studio::new(TrackerOptions::default());
    let tracker = Tracker::new(engines(&studio.script, &other), SHAPE, TrackerOptions::default());
    let error = tracker.err().map(|e| e.to_string()).unwrap();
    assert!(error.contains("engine `memory_attention`"), "{error}");
}
