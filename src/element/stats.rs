//! Counts, and what the stages took of late.
use crate::matter::{MemoryState, Times};
use std::collections::VecDeque;
use std::time::Duration;

/// Samples kept of each stage.
const WINDOW: usize = 512;

/// The latest samples of one stage.
#[derive(Debug, Default)]
struct Window(VecDeque<Duration>);

impl Window {
    fn push(&mut self, sample: Option<Duration>) {
        let Some(sample) = sample else { return };
        if self.0.len() == WINDOW {
            self.0.pop_front();
        }
        self.0.push_back(sample);
    }

    /// The sample that a share `q` of all is not above; `None` without samples.
    fn quantile(&self, q: f64) -> Option<Duration> {
        let mut sorted: Vec<_> = self.0.iter().copied().collect();
        sorted.sort_unstable();
        let rank = (q * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.max(1) - 1).copied()
    }
}

/// What the `stats` property tells.
#[derive(Debug, Default)]
pub struct Stats {
    /// Frames that came in.
    pub frames_in: u64,
    /// Mattes that went out.
    pub frames_out: u64,
    /// Frames that came too late.
    pub dropped: u64,
    /// Frames that the engine saw.
    pub inferred: u64,
    /// What is remembered; `None` until a frame is tracked.
    memory: Option<MemoryState>,
    prepare: Window,
    infer: Window,
    refine: Window,
    composite: Window,
    total: Window,
}

impl Stats {
    /// Counts one finished matte.
    pub fn record(&mut self, times: &Times, memory: Option<MemoryState>) {
        self.memory = memory.or(self.memory);
        self.frames_out += 1;
        self.inferred += u64::from(times.infer.is_some());
        self.prepare.push(times.prepare);
        self.infer.push(times.infer);
        self.refine.push(times.refine);
        self.composite.push(Some(times.composite));
        // Frames between inferences would hide what an inferred one takes.
        self.total.push(times.infer.map(|_| total(times)));
    }

    /// What 19 of 20 inferred frames do not take longer than, in all stages together.
    pub fn latency(&self) -> Option<Duration> {
        self.total.quantile(0.95)
    }

    /// Fields for the `stats` property: counts, and `<stage>-ms-median` and `<stage>-ms-p95`.
    pub fn fill(&self, mut structure: gst::structure::Builder) -> gst::structure::Builder {
        structure = structure
            .field("frames-in", self.frames_in)
            .field("frames-out", self.frames_out)
            .field("dropped", self.dropped)
            .field("inferred", self.inferred);
        if let Some(memory) = &self.memory {
            structure = structure
                .field("memory-prompted", memory.prompted as u64)
                .field("memory-frames", memory.remembered as u64)
                .field("needs-prompt", memory.needs_prompt)
                .field("object-present", memory.is_present)
                .field("object-score", f64::from(memory.object_score))
                .field("scene-cuts", memory.scene_cuts)
                .field("redetections", memory.redetections);
        }
        let stages = [
            ("prepare", &self.prepare),
            ("infer", &self.infer),
            ("refine", &self.refine),
            ("composite", &self.composite),
        ];
        for (stage, window) in stages {
            for (name, q) in [("median", 0.5), ("p95", 0.95)] {
                let ms = window.quantile(q).map_or(0.0, |sample| 1e3 * sample.as_secs_f64());
                structure = structure.field(format!("{stage}-ms-{name}"), ms);
            }
        }
        structure
    }
}

/// All stages of one frame together.
pub fn total(times: &Times) -> Duration {
    let Times { prepare, infer, refine, composite } = times;
    [*prepare, *infer, *refine, Some(*composite)].into_iter().flatten().sum()
}
