//! What a user decides of propagation, and what propagation tells of itself.
use super::FrameIndex;
use super::prompt::Prompt;
use std::time::Duration;

/// How an object is followed; may change from frame to frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Propagation {
    /// Off is the detail path alone, frame by frame. A recipe without one then shows only what
    /// is prompted in the frame itself.
    pub is_on: bool,
    /// Of the frames that are remembered, how many a frame looks at; 0 is all that fit.
    pub memory_frames: u32,
    /// How much of a picture must change at once to be another scene, 0..=1; `None` is never.
    pub scene_cut: Option<f32>,
    /// How long the object stays away until another is looked for; `None` is for ever. Only a
    /// detail path can look for one.
    pub redetect: Option<Duration>,
}

impl Default for Propagation {
    fn default() -> Self {
        Self { is_on: true, memory_frames: 0, scene_cut: Some(0.2), redetect: None }
    }
}

/// A frame as [`Session::step`](super::Session::step) takes it, but for the picture.
#[derive(Debug, Clone, Copy, Default)]
pub struct Frame<'a> {
    /// Its number among the clip's frames that are inferred.
    pub index: FrameIndex,
    /// When it is shown; without it the time that an object stays away is not known.
    pub time: Option<Duration>,
    /// It does not continue the frame before: the memory is forgotten.
    pub is_first: bool,
    /// What the user says of the object in this frame. Points of several prompts count together;
    /// of points and masks, what came last counts.
    pub prompts: &'a [Prompt],
    /// How the object is followed.
    pub propagation: Propagation,
}

/// What is remembered after a frame, and what was found in it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct MemoryState {
    /// Prompted frames, or those where an object was detected, that are remembered.
    pub prompted: usize,
    /// Other frames that are remembered.
    pub remembered: usize,
    /// Nothing can be followed until something is prompted: the recipe cannot detect.
    pub needs_prompt: bool,
    /// The object is in this frame.
    pub is_present: bool,
    /// The object score's logit: above zero where the object is in the frame.
    pub object_score: f32,
    /// How well the mask is thought to fit, 0..=1.
    pub iou: f32,
    /// Scene cuts since the session was made.
    pub scene_cuts: u64,
    /// Detections after the object stayed away, since the session was made.
    pub redetections: u64,
}
