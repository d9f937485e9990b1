//! The memory bank: which frames are remembered, and which of them a frame looks at.
//!
//! As SAM2's `_prepare_memory_conditioned_features`, with a bound: what no later frame can look
//! at is forgotten, so that hours of video need what seconds do.
use super::SessionError;
use super::held::{Held, Place};
use super::memory_selection::{Evidence, MemorySelection};
use crate::signature;
use crate::signature::tracker::TrackerShape;

/// A frame's number in its clip; only differences count.
pub type FrameIndex = i64;

/// Added to products with what is not there: e to this is exactly zero.
pub(super) const MASKED: f32 = -1e4;

/// Prompted frames that wait for tracking to come by, at most.
const MOST_PROMPTED: usize = 64;

/// SAM2's options of what is looked at; the defaults are SAM2.1's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BankOptions {
    /// `memory_temporal_stride_for_eval`: of the last frames, each how many-th; 0 counts as 1.
    pub temporal_stride: u32,
    /// `only_obj_ptrs_in_the_past_for_eval`: pointers of prompted frames still to come are not
    /// looked at.
    pub only_past_pointers: bool,
    /// `use_signed_tpos_enc_to_obj_ptrs`: frames before and after differ in their distance.
    pub signed_distances: bool,
    /// Frames are tracked from the last to the first.
    pub reverse: bool,
    /// Ours: which frames count at all.
    pub selection: MemorySelection,
    /// The clip's length where it is known: clips shorter than the pointers that fit have a
    /// shorter unit of distance.
    pub clip_frames: Option<usize>,
}

impl Default for BankOptions {
    fn default() -> Self {
        Self {
            temporal_stride: 1,
            only_past_pointers: true,
            signed_distances: true,
            reverse: false,
            selection: MemorySelection::Sam2,
            clip_frames: None,
        }
    }
}

/// What one frame left behind.
#[derive(Debug)]
struct Memory {
    frame: FrameIndex,
    /// (h * w, mem_dim).
    features: Held,
    /// (C).
    pointer: Vec<f32>,
}

impl Memory {
    fn new(frame: FrameIndex, features: &Held, pointer: &[f32]) -> Result<Self, SessionError> {
        Ok(Self { frame, features: features.copied()?, pointer: pointer.into() })
    }

    /// The buffers of what is forgotten, if anything is, serve again.
    fn again(
        forgotten: Option<Self>,
        frame: FrameIndex,
        features: &Held,
        pointer: &[f32],
    ) -> Result<Self, SessionError> {
        let Some(mut memory) = forgotten else { return Self::new(frame, features, pointer) };
        memory.frame = frame;
        memory.features.copy(features, 0)?;
        memory.pointer.copy_from_slice(pointer);
        Ok(memory)
    }
}

/// What is remembered of a clip.
#[derive(Debug)]
pub struct MemoryBank {
    shape: TrackerShape,
    options: BankOptions,
    /// Of `num_maskmem`, how many count.
    memory_frames: usize,
    /// Prompted frames in the order of their prompts.
    conditioning: Vec<Memory>,
    /// The last frames that were tracked and are worth it.
    tracked: Vec<Memory>,
    /// Of a gated selection, the last frame that told the object from something like it.
    told_apart: Option<Memory>,
}

/// Inputs of [`signature::tracker::memory_attention`] but for the features, in its order.
#[derive(Debug)]
pub struct Recalled {
    pub(super) inputs: [Held; 5],
    /// All but the first with the host.
    values: [Vec<f32>; 4],
}

impl Recalled {
    /// Nothing, where the engines run.
    pub fn new(shape: &TrackerShape, place: &Place) -> Result<Self, SessionError> {
        let specs = signature::tracker::memory_attention(shape).inputs;
        let len = |i: usize| specs[i + 1].shape.iter().product::<usize>();
        let [a, b, c, d, e] = [0, 1, 2, 3, 4].map(|i| place.floats(len(i)));
        let values = std::array::from_fn(|i| vec![0.0; len(i + 1)]);
        Ok(Self { inputs: [a?, b?, c?, d?, e?], values })
    }
}

/// What a frame looks at, in SAM2's order.
struct Selection<'b> {
    /// With the row of `maskmem_tpos_enc`.
    frames: Vec<(usize, &'b Memory)>,
    /// With the distance in frames.
    pointers: Vec<(FrameIndex, &'b Memory)>,
}

impl MemoryBank {
    /// Nothing is remembered yet.
    pub fn new(shape: TrackerShape, options: BankOptions) -> Self {
        let (memory_frames, conditioning, tracked) = (shape.num_maskmem, Vec::new(), Vec::new());
        Self { shape, options, memory_frames, conditioning, tracked, told_apart: None }
    }

    /// Forgets everything.
    pub fn reset(&mut self) {
        self.conditioning.clear();
        self.forget_tracked();
    }

    /// Forgets all but what was prompted.
    pub fn forget_tracked(&mut self) {
        self.tracked.clear();
        self.told_apart = None;
    }

    /// Forgets all but `frame`, which was prompted.
    pub fn forget_all_but(&mut self, frame: FrameIndex) {
        self.conditioning.retain(|memory| memory.frame == frame);
        self.forget_tracked();
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.conditioning.is_empty()
    }

    /// From now on a frame looks at no more than `frames` frames, prompted ones included; 0 is
    /// `num_maskmem`, which is also the most.
    pub fn limit(&mut self, frames: usize) {
        self.memory_frames = match frames {
            0 => self.shape.num_maskmem,
            _ => frames.min(self.shape.num_maskmem),
        };
    }

    /// The prompted frames that are remembered, in the order of their prompts.
    pub fn conditioning_frames(&self) -> impl Iterator<Item = FrameIndex> {
        self.conditioning.iter().map(|memory| memory.frame)
    }

    /// The tracked frames that are remembered, in the order of tracking.
    pub fn tracked_frames(&self) -> impl Iterator<Item = FrameIndex> {
        self.tracked.iter().map(|memory| memory.frame)
    }

    /// Remembers a prompted frame: `features` (h * w, mem_dim), where the engines run, and
    /// `pointer` (C).
    ///
    /// Prompts may come before tracking starts, in any order; beyond 64 that are remembered, the
    /// oldest frame is forgotten.
    pub fn remember_prompted(
        &mut self,
        frame: FrameIndex,
        features: &Held,
        pointer: &[f32],
    ) -> Result<(), SessionError> {
        self.tracked.retain(|memory| memory.frame != frame);
        let memory = Memory::new(frame, features, pointer)?;
        match self.conditioning.iter_mut().find(|memory| memory.frame == frame) {
            Some(earlier) => *earlier = memory,
            None => self.conditioning.push(memory),
        }
        // Tracking may still be far from this frame, so nothing is old because of it.
        if self.conditioning.len() > MOST_PROMPTED.max(self.shape.conditioning_frames) {
            let oldest = self.conditioning.iter().map(|m| m.frame);
            let oldest = oldest.max_by_key(|&at| self.behind(frame, at));
            self.conditioning.retain(|memory| Some(memory.frame) != oldest);
        }
        Ok(())
    }

    /// Remembers a tracked frame, unless it was prompted or is not worth it.
    pub fn remember_tracked(
        &mut self,
        frame: FrameIndex,
        features: &Held,
        pointer: &[f32],
        evidence: Evidence,
    ) -> Result<(), SessionError> {
        if self.conditioning.iter().any(|memory| memory.frame == frame) {
            return Ok(());
        }
        let reach = self.reach();
        let mut spare = self
            .tracked
            .iter()
            .position(|memory| memory.frame == frame || (memory.frame - frame).abs() >= reach);
        if self.options.selection == MemorySelection::Gated {
            if !evidence.is_good() {
                return Ok(());
            }
            if evidence.tells_apart() {
                let memory = self.told_apart.take();
                self.told_apart = Some(Memory::again(memory, frame, features, pointer)?);
            }
            spare = (self.tracked.len() as FrameIndex >= reach).then_some(0);
        }
        let spare = spare.map(|i| self.tracked.remove(i));
        self.tracked.push(Memory::again(spare, frame, features, pointer)?);
        self.forget_old(frame);
        Ok(())
    }

    /// Writes what `frame` looks at; an error if no frame was prompted.
    pub fn recall(&self, frame: FrameIndex, to: &mut Recalled) -> Result<(), SessionError> {
        if self.conditioning.is_empty() {
            return Err(SessionError::NothingToTrack { frame });
        }
        let selection = self.select(frame);
        let Recalled { inputs, values } = to;
        let [times, pointers, pointer_times, key_mask] = values.each_mut();
        let shape = &self.shape;
        key_mask.fill(MASKED);
        times.fill(0.0);
        let (slot, split) = (shape.tokens(), shape.pointer_tokens());
        for (i, (row, from)) in selection.frames.into_iter().enumerate() {
            inputs[0].copy(&from.features, i * slot * shape.mem_dim)?;
            times[i * shape.num_maskmem + row] = 1.0;
            key_mask[i * slot..][..slot].fill(0.0);
        }
        let pointer_mask = &mut key_mask[shape.frames() * slot..];
        for (i, (distance, from)) in selection.pointers.into_iter().enumerate() {
            let c = shape.channels;
            pointers[i * c..][..c].copy_from_slice(&from.pointer);
            temporal_encoding(self.relative(distance), &mut pointer_times[i * c..][..c]);
            pointer_mask[i * split..][..split].fill(0.0);
        }
        inputs[1..].iter_mut().zip(values).try_for_each(|(held, values)| held.write(values))
    }

    fn select(&self, frame: FrameIndex) -> Selection<'_> {
        let (mut near, far) = self.split_conditioning(frame);
        let is_gated = self.options.selection == MemorySelection::Gated;
        if near.len() < self.shape.conditioning_frames {
            near.extend(&self.told_apart);
        }
        let num_maskmem = self.shape.num_maskmem;
        // The frame that was, or counts as, the `n`-th before this one.
        let tracked = |n: FrameIndex, at: FrameIndex| {
            if is_gated {
                return self.tracked.iter().rev().nth(n as usize - 1);
            }
            let of = |memories: &[&'_ Memory]| memories.iter().position(|m| m.frame == at);
            let tracked = self.tracked.iter().find(|memory| memory.frame == at);
            tracked.or_else(|| of(&far).map(|i| far[i]))
        };
        let mut frames: Vec<_> = near.iter().map(|&memory| (num_maskmem - 1, memory)).collect();
        for n in (1..self.memory_frames).rev() {
            let at = self.remembered_before(frame, n as FrameIndex);
            frames.extend(tracked(n as FrameIndex, at).map(|memory| (n - 1, memory)));
        }
        let is_past = |memory: &&Memory| self.behind(frame, memory.frame) >= 0;
        let conditioning = near.iter().copied();
        let conditioning = conditioning.filter(|m| !self.options.only_past_pointers || is_past(m));
        let mut pointers: Vec<_> =
            conditioning.map(|memory| (self.behind(frame, memory.frame), memory)).collect();
        let last = (1..self.pointers_in_clip() as FrameIndex)
            .filter_map(|n| tracked(n, frame - n * self.direction()))
            .map(|memory| (self.behind(frame, memory.frame), memory));
        pointers.extend(last);
        Selection { frames, pointers }
    }

    /// SAM2's `select_closest_cond_frames`: those looked at as prompted, and the others.
    fn split_conditioning(&self, frame: FrameIndex) -> (Vec<&Memory>, Vec<&Memory>) {
        let all: Vec<&Memory> = self.conditioning.iter().collect();
        if all.len() <= self.shape.conditioning_frames {
            return (all, Vec::new());
        }
        let (before, after): (Vec<&Memory>, Vec<&Memory>) =
            all.iter().partition(|m| m.frame < frame);
        let mut near: Vec<&Memory> =
            before.iter().copied().max_by_key(|m| m.frame).into_iter().collect();
        near.extend(after.iter().copied().min_by_key(|m| m.frame));
        let is_near = |near: &[&Memory], m: &Memory| near.iter().any(|n| n.frame == m.frame);
        let mut others: Vec<_> = all.iter().copied().filter(|m| !is_near(&near, m)).collect();
        others.sort_by_key(|m| (m.frame - frame).abs());
        near.extend(others);
        near.truncate(self.shape.conditioning_frames);
        let far = all.into_iter().filter(|m| !is_near(&near, m)).collect();
        (near, far)
    }

    /// The frame that `frame` looks at as the `n`-th before it.
    fn remembered_before(&self, frame: FrameIndex, n: FrameIndex) -> FrameIndex {
        let (stride, direction) = (self.stride(), self.direction());
        if n == 1 {
            return frame - direction;
        }
        // Every stride-th frame of the clip, the nearest of which is two frames away or more.
        let nearest = direction * (direction * (frame - 2 * direction)).div_euclid(stride) * stride;
        nearest - direction * (n - 2) * stride
    }

    /// Forgets what no frame from `frame` on can look at.
    fn forget_old(&mut self, frame: FrameIndex) {
        let reach = self.reach();
        if self.options.selection == MemorySelection::Sam2 {
            self.tracked.retain(|memory| (memory.frame - frame).abs() < reach);
        }
        loop {
            let is_old = |m: &&Memory| self.behind(frame, m.frame) >= reach;
            let old = self.conditioning.iter().filter(is_old);
            let oldest = old.clone().map(|m| m.frame).max_by_key(|&at| self.behind(frame, at));
            let passed = self.conditioning.iter().filter(|m| self.behind(frame, m.frame) >= 0);
            match oldest {
                Some(oldest) if passed.count() > self.shape.conditioning_frames => {
                    self.conditioning.retain(|memory| memory.frame != oldest);
                }
                _ => return,
            }
        }
    }

    /// How far any frame looks back, but for prompted ones.
    fn reach(&self) -> FrameIndex {
        let frames = self.stride() * self.shape.num_maskmem as FrameIndex;
        frames.max(self.shape.max_obj_ptrs as FrameIndex) + 1
    }

    fn stride(&self) -> FrameIndex {
        FrameIndex::from(self.options.temporal_stride.max(1))
    }

    fn direction(&self) -> FrameIndex {
        if self.options.reverse { -1 } else { 1 }
    }

    /// How many frames before `frame`, in the order of tracking, `other` was.
    fn behind(&self, frame: FrameIndex, other: FrameIndex) -> FrameIndex {
        (frame - other) * self.direction()
    }

    fn pointers_in_clip(&self) -> usize {
        let most = self.shape.max_obj_ptrs;
        self.options.clip_frames.map_or(most, |frames| frames.min(most))
    }

    /// A distance in the unit that pointers are encoded in.
    fn relative(&self, distance: FrameIndex) -> f32 {
        let distance = if self.options.signed_distances { distance } else { distance.abs() };
        distance as f32 / self.pointers_in_clip().saturating_sub(1).max(1) as f32
    }
}

/// SAM2's `get_1d_sine_pe`: sines of all frequencies, then their cosines.
fn temporal_encoding(distance: f32, to: &mut [f32]) {
    const TEMPERATURE: f32 = 10000.0;
    let half = to.len() / 2;
    for i in 0..half {
        let angle = distance / TEMPERATURE.powf((2 * (i / 2)) as f32 / half as f32);
        (to[i], to[half + i]) = (angle.sin(), angle.cos());
    }
}
