//! Engines that know the truth of a synthetic clip, and remember only what the session lets them.
//!
//! A thing is a number: the subject of each scene has its own, and so has whatever else stands
//! about. The tracker finds the thing that its memory's first pointer names, if it is in view;
//! the detail path sees everything, as a class-agnostic model would.
#![allow(dead_code, reason = "each test file uses what it needs")]
use gstmgdsam2::backend::{BackendError, Engine, Tensor};
use gstmgdsam2::session::{
    Encoders, Exchange, Frame, MemoryState, Point, PointKind, Prompt, Session, SessionError,
    Tracker, TrackerEngines, TrackerOptions,
};
use gstmgdsam2::signature::detail::{self, DetailShape};
use gstmgdsam2::signature::image;
use gstmgdsam2::signature::tracker::{self, MASKS, TrackerShape};
use gstmgdsam2::signature::{ElementType, Signature};
use gstmgdsam2::synth::{Clip, Kind};
use std::sync::{Arc, Mutex};

/// The side of pictures, mattes and the tracker's view.
pub const SIDE: usize = 128;
/// The number of what is not the subject.
pub const OTHER: f32 = 100.0;
/// The side of the decoder's masks.
const LOW_RES: usize = SIDE / 4;
/// That of a dense prompt.
pub const PROMPTED: Option<usize> = Some(LOW_RES);
const SHAPE: TrackerShape = TrackerShape {
    side: SIDE,
    channels: 8,
    mem_dim: 4,
    num_maskmem: 4,
    conditioning_frames: 2,
    max_obj_ptrs: 4,
    points: 3,
};

/// What is to be seen now.
#[derive(Default)]
pub struct View {
    /// The number of the scene's subject.
    pub subject: f32,
    /// The subject's alpha, (SIDE, SIDE).
    pub alpha: Vec<f32>,
    /// That of all else that a class-agnostic model would matte.
    pub others: Vec<f32>,
    /// The tracker's object score, if it is not to be its own.
    pub score: Option<f32>,
    /// How many frames the tracker last looked at.
    pub looked_at: usize,
    /// The mask logits, (SIDE, SIDE), of what it last remembered.
    pub remembered: Vec<f32>,
}

impl View {
    /// What the tracker finds when it looks for `thing`: nothing if that is not in view.
    fn find(&self, thing: f32) -> Option<Vec<f32>> {
        let alpha = match thing {
            OTHER => &self.others,
            _ if thing == self.subject => &self.alpha,
            _ => return None,
        };
        is_visible(alpha).then(|| small(alpha, 0.3))
    }
}

/// Whether enough is to be seen to find it.
pub fn is_visible(alpha: &[f32]) -> bool {
    alpha.iter().sum::<f32>() > 20.0
}

/// Mask logits at the decoder's size, positive where `alpha` is above `limit` in the mean.
fn small(alpha: &[f32], limit: f32) -> Vec<f32> {
    let cell = |i: usize| {
        let (x, y) = (i % LOW_RES * 4, i / LOW_RES * 4);
        let pixels = (0..16).map(|p| alpha[(y + p / 4) * SIDE + x + p % 4]);
        if pixels.sum::<f32>() > 16.0 * limit { 8.0 } else { -8.0 }
    };
    (0..LOW_RES * LOW_RES).map(cell).collect()
}

/// A session on engines that see one view.
pub struct World {
    pub session: Session,
    pub view: Arc<Mutex<View>>,
    pub exchange: Exchange,
    clip: Clip,
    next: i64,
}

impl World {
    /// Of the trial `kind`; nothing but the subject is to be seen.
    pub fn new(kind: Kind, has_detail: bool) -> Self {
        Self::of(kind, has_detail.then_some(None), |engine| engine)
    }

    /// The same with a detail path whose dense prompt is the tracked mask.
    pub fn prompted(kind: Kind) -> Self {
        Self::of(kind, Some(PROMPTED), |engine| engine)
    }

    /// With a detail path of this `prompt_side`, if with one, and engines that are `wrapped`.
    pub fn of(
        kind: Kind,
        detail: Option<Option<usize>>,
        wrapped: fn(Box<dyn Engine>) -> Box<dyn Engine>,
    ) -> Self {
        let view = Arc::new(Mutex::new(View::default()));
        let engine = |signature| wrapped(Box::new(Seeing { signature, view: view.clone() }));
        let engines = TrackerEngines {
            memory_attention: engine(tracker::memory_attention(&SHAPE)),
            decoder: engine(tracker::decoder(&SHAPE)),
            prompt_decoder: engine(tracker::prompt_decoder(&SHAPE)),
            memory_encoder: engine(tracker::memory_encoder(&SHAPE)),
        };
        let inp_size = SIDE / 2;
        let shape = |prompt_side| DetailShape { inp_size, embed_dim: 8, d_model: 8, prompt_side };
        let encoder = engine(tracker::encoder(&SHAPE, ElementType::U8));
        let (detail, encoders) = match detail.map(shape) {
            // Only what follows the views waits for the mask.
            Some(shape) if shape.prompt_side.is_some() => {
                let views = engine(detail::encoder(&shape, None));
                let encoders = Encoders::Both { detail: views, tracker: encoder };
                (Some((engine(detail::decoder(&shape)), shape)), encoders)
            }
            detail => {
                let whole = detail.map(|shape| (engine(image(inp_size)), shape));
                (whole, Encoders::Tracker(encoder))
            }
        };
        let tracker = Tracker::new(engines, SHAPE, TrackerOptions::default()).unwrap();
        let session = Session::with_tracker(detail, encoders, tracker).unwrap();
        let clip = Clip::new(kind, SIDE, SIDE, 3);
        Self { session, view, exchange: Exchange::new(SIDE), clip, next: 0 }
    }

    /// Shows the clip's frame `index`, a 25th of a second after the one before it.
    pub fn show(&mut self, index: usize) {
        let picture = self.clip.render(index);
        self.exchange.image_mut().copy_from_slice(&picture.rgb);
        #[cfg(feature = "cuda")]
        self.upload(&picture.rgb);
        let mut view = self.view.lock().unwrap();
        view.subject = 1.0 + self.clip.shot(index) as f32;
        view.others.resize(SIDE * SIDE, 0.0);
        view.alpha = picture.alpha;
    }

    /// Runs the session on what is shown.
    pub fn step(&mut self, frame: Frame) -> Result<MemoryState, SessionError> {
        let frame = Frame { index: self.next, ..frame };
        self.next += 1;
        let state = self.session.step(&frame, &mut self.exchange)?;
        #[cfg(feature = "cuda")]
        self.exchange.fetch_all()?;
        Ok(state.unwrap_or_default())
    }

    /// From now on pictures and mattes lie on `device`.
    #[cfg(feature = "cuda")]
    pub fn on(mut self, device: &gstmgdsam2::cuda::Device) -> Self {
        let there = gstmgdsam2::session::DeviceExchange::new(device, SIDE);
        self.exchange.on_device = Some(there.unwrap());
        self
    }

    #[cfg(feature = "cuda")]
    fn upload(&mut self, rgb: &[u8]) {
        let Some(there) = &mut self.exchange.on_device else { return };
        let gstmgdsam2::session::Held::Pixels(image, _) = &mut there.image else { return };
        there.device.upload([(rgb, image)]).unwrap();
        there.device.record(&there.last).unwrap();
    }

    /// The matte that came out.
    pub fn alpha(&self) -> Vec<f32> {
        self.exchange.logits().iter().map(|v| 1.0 / (1.0 + (-v).exp())).collect()
    }

    /// A point on what is shown of the subject.
    pub fn on_the_subject(&self) -> [Prompt; 1] {
        let alpha = self.view.lock().unwrap().alpha.clone();
        let mut covered = (0..alpha.len()).filter(|&i| alpha[i] == 1.0).collect::<Vec<_>>();
        let middle = covered.len() / 2;
        let i = *covered.select_nth_unstable(middle).1;
        let centre = |v: usize| (v as f32 + 0.5) / SIDE as f32;
        let (x, y) = (centre(i % SIDE), centre(i / SIDE));
        [Prompt::Points(vec![Point { x, y, kind: PointKind::Foreground }])]
    }

    /// The mean difference between the matte and `truth`, in parts of what `truth` covers.
    pub fn error(&self, truth: &[f32]) -> f32 {
        let difference = self.alpha().iter().zip(truth).map(|(a, b)| (a - b).abs()).sum::<f32>();
        difference / truth.iter().sum::<f32>().max(1.0)
    }
}

struct Seeing {
    signature: Signature,
    view: Arc<Mutex<View>>,
}

impl Engine for Seeing {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn run(&mut self, inputs: &[&Tensor], outputs: &mut [Tensor]) -> Result<(), BackendError> {
        let mut view = self.view.lock().unwrap();
        match self.signature.graph.as_str() {
            "tracker_encoder" => outputs.iter_mut().for_each(|out| fill(out, view.subject)),
            "detail_encoder" => outputs.iter_mut().for_each(|out| fill(out, 0.0)),
            "memory_attention" => {
                let maps = floats(inputs[5]).chunks(SHAPE.tokens()).take(SHAPE.frames());
                view.looked_at = maps.filter(|mask| mask[0] == 0.0).count();
                fill(&mut outputs[0], remembered(inputs));
            }
            "tracker_decoder" => decode(&view, floats(inputs[0])[0], outputs),
            "prompt_decoder" => {
                let thing = prompted(&view, inputs);
                decode(&view, thing, outputs);
                fill(&mut outputs[4], 0.0);
            }
            "memory_encoder" => {
                view.remembered = floats(inputs[1]).to_vec();
                fill(&mut outputs[0], 0.0);
            }
            _ => {
                let seen = view.alpha.iter().zip(&view.others).map(|(a, b)| a.max(*b));
                let logit = |a: f32| (a.clamp(1e-4, 0.9999) / (1.0 - a.clamp(1e-4, 0.9999))).ln();
                outputs[0] = Tensor::F32(seen.map(logit).collect());
            }
        }
        Ok(())
    }
}

/// The thing that the first pointer that counts names.
fn remembered(inputs: &[&Tensor]) -> f32 {
    let (pointers, mask) = (floats(inputs[3]), floats(inputs[5]));
    assert_eq!(mask[SHAPE.frames() * SHAPE.tokens()], 0.0, "nothing is remembered");
    pointers[0]
}

/// The thing that a mask mostly covers or a point lies on.
fn prompted(view: &View, inputs: &[&Tensor]) -> f32 {
    let on = |weights: &dyn Fn(usize) -> f32| {
        let sum = |alpha: &[f32]| (0..alpha.len()).map(|i| alpha[i] * weights(i)).sum::<f32>();
        if sum(&view.alpha) > sum(&view.others) { view.subject } else { OTHER }
    };
    let (coordinates, mask, has_mask) = (floats(inputs[3]), floats(inputs[6]), floats(inputs[7]));
    let at = coordinates.chunks(2).next().map(|p| [p[0], p[1]].map(|v| (v * SIDE as f32) as usize));
    let point = at.map_or(0, |[x, y]| y * SIDE + x);
    match has_mask[0] == 1.0 {
        true => on(&|i| mask[i]),
        false => on(&|i| f32::from(u8::from(i == point))),
    }
}

fn decode(view: &View, thing: f32, outputs: &mut [Tensor]) {
    let found = view.find(thing);
    let score = view.score.unwrap_or(if found.is_some() { 5.0 } else { -5.0 });
    let mask = found.unwrap_or_else(|| vec![-8.0; LOW_RES * LOW_RES]);
    outputs[0] = Tensor::F32([(); MASKS].iter().flat_map(|()| mask.clone()).collect());
    fill(&mut outputs[1], 0.9);
    fill(&mut outputs[2], thing);
    fill(&mut outputs[3], score);
}

fn fill(tensor: &mut Tensor, value: f32) {
    let Tensor::F32(values) = tensor else { panic!("outputs are floats") };
    values.fill(value);
}

fn floats(tensor: &Tensor) -> &[f32] {
    let Tensor::F32(values) = tensor else { panic!("a picture is not looked at") };
    values
}
