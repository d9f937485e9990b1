//! A tracker without a detail path: it sees its object wherever a frame is not black.
use gstmgdsam2::backend::{BackendError, Engine, Tensor};
use gstmgdsam2::session::{Encoders, Session, Tracker, TrackerEngines, TrackerOptions};
use gstmgdsam2::signature::tracker::{self, TrackerShape};
use gstmgdsam2::signature::{ElementType, Signature};

const SHAPE: TrackerShape = TrackerShape {
    side: 32,
    channels: 8,
    mem_dim: 4,
    num_maskmem: 3,
    conditioning_frames: 1,
    max_obj_ptrs: 2,
    points: 4,
};

/// A session whose alpha is 0 before a prompt and in black frames, and 255 elsewhere.
pub fn session() -> Session {
    let fake = |signature| Box::new(Fake(signature)) as Box<dyn Engine>;
    let engines = TrackerEngines {
        memory_attention: fake(tracker::memory_attention(&SHAPE)),
        decoder: fake(tracker::decoder(&SHAPE)),
        prompt_decoder: fake(tracker::prompt_decoder(&SHAPE)),
        memory_encoder: fake(tracker::memory_encoder(&SHAPE)),
    };
    let tracker = Tracker::new(engines, SHAPE, TrackerOptions::default()).unwrap();
    let encoder = fake(tracker::encoder(&SHAPE, ElementType::U8));
    Session::with_tracker(None, Encoders::Tracker(encoder), tracker).unwrap()
}

/// Passes on whether the frame is black as its first feature.
struct Fake(Signature);

impl Engine for Fake {
    fn signature(&self) -> &Signature {
        &self.0
    }

    fn run(&mut self, inputs: &[&Tensor], outputs: &mut [Tensor]) -> Result<(), BackendError> {
        let is_bright = match inputs[0] {
            Tensor::U8(pixels) => f32::from(u8::from(pixels.iter().any(|v| *v > 20))),
            Tensor::F32(features) => features[0],
        };
        for (spec, output) in self.0.outputs.iter().zip(outputs) {
            let Tensor::F32(values) = output else { panic!("{spec:?}") };
            match spec.name.as_str() {
                "features" | "conditioned_features" => values[0] = is_bright,
                "object_score_logits" => values[0] = 10.0 * is_bright - 5.0,
                _ => values.fill(20.0),
            }
        }
        Ok(())
    }
}
