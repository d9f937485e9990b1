//! One clip of a study through the element, scored frame by frame.
use super::material::Shown;
use crate::cli::args::ModelArgs;
use crate::cli::drive::Running;
use crate::cli::frames;
use crate::cli::interrupt;
use crate::cli::job;
use crate::cli::picture;
use crate::cli::stats;
use anyhow::{Context, ensure};
use gst::prelude::*;
use gstmgdsam2::element::MgdSam2Matte;
use gstmgdsam2::metrics::protocol::{davis, sod};
use gstmgdsam2::metrics::{Gray, histogram::Normalization};
use serde_json::Value;
use std::thread;
use std::time::Instant;

const PATIENCE: gst::ClockTime = gst::ClockTime::from_mseconds(100);
/// Frames per second that clips claim to have.
const RATE: u32 = 25;

const PIPELINE: &str = "appsrc name=in format=time max-buffers=2 block=true ! videoconvert ! mgdsam2matte name=matte \
     ! video/x-raw,format=GRAY8 ! appsink name=out sync=false max-buffers=2";

/// What all clips run with: the element's properties.
pub struct Runner(Vec<(&'static str, String)>);

/// How one clip went.
pub struct Outcome {
    /// J and F in equal parts, over the frames.
    pub j_and_f: f64,
    /// Structure measure, over the frames.
    pub s_measure: f64,
    /// Mean absolute error, 0..=1, of the matte as it is.
    pub mae: f64,
    /// What the element tells: times by stage, frames a second.
    pub stats: Value,
}

impl Runner {
    /// What `typed` asks for, opened anew for each clip, from the cache.
    pub fn new(typed: &ModelArgs) -> anyhow::Result<Self> {
        Ok(Self(job::properties(typed)?))
    }

    /// The recipe, and what is left out of it.
    pub fn model(&self) -> &str {
        self.0.iter().find(|(name, _)| *name == "model").map_or("", |(_, model)| model)
    }

    /// Mattes `count` frames, which `frame` makes, and scores them.
    pub fn run(
        &self,
        count: usize,
        frame: impl Fn(usize) -> anyhow::Result<Shown> + Sync,
    ) -> anyhow::Result<Outcome> {
        let running = Running::parse(PIPELINE)?;
        let element = running.element::<MgdSam2Matte>("matte");
        for (name, value) in &self.0 {
            element.set_property_from_str(name, value);
        }
        let source = running.element::<gst_app::AppSrc>("in");
        running.play()?;
        let started = Instant::now();
        // The appsrc holds back who fills it, so that few are on their way.
        let (truths_to, truths) = crossbeam::channel::unbounded();
        let mut scores = Scores::default();
        thread::scope(|scope| {
            let feeding = scope.spawn(|| {
                let fed = feed(&source, count, &frame, truths_to);
                _ = source.end_of_stream();
                fed
            });
            let taken = take(&running, &truths, &mut scores);
            if taken.is_err() {
                // Nobody takes frames any more: the feeder must not wait.
                _ = running.pipeline.set_state(gst::State::Null);
            }
            let fed = feeding.join().unwrap_or_else(|_| Err(anyhow::anyhow!("feeding panicked")));
            taken.and(fed)
        })?;
        let told = element.property::<gst::Structure>("stats");
        let stats = stats::report(&told, started.elapsed().as_secs_f64(), stats::peak_rss("self"));
        ensure!(scores.frames == count, "expected {count} mattes, found {}", scores.frames);
        Ok(scores.finish(stats))
    }
}

fn take(
    running: &Running,
    truths: &crossbeam::channel::Receiver<Shown>,
    scores: &mut Scores,
) -> anyhow::Result<()> {
    let sink = running.element::<gst_app::AppSink>("out");
    loop {
        interrupt::check()?;
        match sink.try_pull_sample(PATIENCE) {
            Some(sample) => scores.add(frames::packed(&sample)?, &truths.recv()?)?,
            None if sink.is_eos() => return Ok(()),
            None => running.check()?,
        }
    }
}

fn feed(
    source: &gst_app::AppSrc,
    count: usize,
    frame: &impl Fn(usize) -> anyhow::Result<Shown>,
    truths: crossbeam::channel::Sender<Shown>,
) -> anyhow::Result<()> {
    for index in 0..count {
        let mut shown = frame(index)?;
        let rgb = std::mem::take(&mut shown.rgb);
        let sample = picture::of_rgb((shown.width, shown.height), rgb)?;
        let sample = picture::as_frame(&sample, index, RATE).context("a sample has caps")?;
        // A pipeline that has stopped says itself why.
        if truths.send(shown).is_err() || source.push_sample(&sample).is_err() {
            break;
        }
    }
    Ok(())
}

/// Sums over a clip's frames.
#[derive(Default)]
struct Scores {
    frames: usize,
    sums: [f64; 3],
    counts: [usize; 3],
}

impl Scores {
    fn add(&mut self, (w, h, matte): (usize, usize, Vec<u8>), shown: &Shown) -> anyhow::Result<()> {
        let (width, height) = shown.alpha_size;
        let scaled = nearest(&matte, (w, h), (width, height));
        let (pred, gt) =
            (Gray::new(width, height, &scaled)?, Gray::new(width, height, &shown.alpha)?);
        let score = sod::score(pred, gt, Normalization::FullScale)?.item;
        let objects = davis::Sequence::new("", davis::Objects::Binary).push(pred, gt)?;
        let j_and_f = (objects[0].0 + objects[0].1) / 2.0;
        for (i, value) in [j_and_f, score.s_measure, score.mae].into_iter().enumerate() {
            if !value.is_nan() {
                self.sums[i] += value;
                self.counts[i] += 1;
            }
        }
        self.frames += 1;
        Ok(())
    }

    fn finish(&self, stats: Value) -> Outcome {
        let [j_and_f, s_measure, mae] =
            std::array::from_fn(|i| self.sums[i] / self.counts[i] as f64);
        Outcome { j_and_f, s_measure, mae, stats }
    }
}

/// The samples at another size, each the nearest.
fn nearest(samples: &[u8], (w, h): (usize, usize), (width, height): (usize, usize)) -> Vec<u8> {
    if (w, h) == (width, height) {
        return samples.to_vec();
    }
    let at = |x: usize, y: usize| {
        samples[(2 * y + 1) * h / (2 * height) * w + (2 * x + 1) * w / (2 * width)]
    };
    (0..width * height).map(|i| at(i % width, i / width)).collect()
}
