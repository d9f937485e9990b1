//! `mgdsam2 batch`: a data set, item by item, from wherever the last run stopped.
//!
//! [`job`] is what to do, [`listing`] to what; [`lane`]s do it on one [`shared_engine`]; the
//! [`journal`] remembers it and [`results`] tells it.
mod args;
mod dataset;
mod item;
mod job;
mod journal;
mod lane;
mod layout;
mod listing;
mod manifest;
mod record;
mod results;
mod shard;
mod shared_engine;

pub use args::BatchArgs;
pub use shared_engine::SharedEngine;

use super::Outcome;
use super::interrupt;
use super::progress::Bars;
use anyhow::ensure;
use args::Shard;
use item::Key;
use job::BatchJob;
use journal::Journal;
use lane::{Progress, Work};
use listing::Listing;
use results::Tally;
use serde_json::json;

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

/// Runs a batch, one shard of it, or joins the shards.
pub fn run(typed: &BatchArgs, bars: &Bars) -> anyhow::Result<Outcome> {
    if typed.merge {
        return merge(typed, bars);
    }
    let job = BatchJob::new(typed)?;
    let mut journal = Journal::open(&job.out, typed.shard)?;
    let scratch = journal.scratch()?;
    job.keep(scratch.path())?;
    let listing = Listing::make(&job, typed.shard.is_some(), scratch.path())?;
    let share = Share::of(&listing, typed.shard, &job)?;
    let earlier = share.done;
    let progress = work(&job, &mut journal, scratch.path(), &listing, share, typed, bars)?;
    let mut left = progress.failed;
    if typed.shard.is_none()
        && let Err(error) = results::write(&job.out, &listing, scratch.path())
    {
        // The journal has it all: the next run writes it.
        tracing::warn!("{error:#}");
        left += 1;
    }
    tell(typed.json, &progress, earlier, bars);
    outcome(earlier + progress.done, left)
}

/// What of the listing a run has to do.
struct Share {
    /// For each item of the listing, whether it is to be done.
    wanted: Vec<bool>,
    /// Frames in these.
    frames: u64,
    /// Items of this shard that are done already.
    done: u64,
}

impl Share {
    fn of(listing: &Listing, shard: Option<Shard>, job: &BatchJob) -> anyhow::Result<Self> {
        let weights = listing.items()?.map(|item| Ok(item?.weight()));
        let weights = weights.collect::<anyhow::Result<Vec<_>>>()?;
        let mut wanted = shard.map_or(vec![true; weights.len()], |shard| shard.select(&weights));
        let finished = finished(&job.out)?;
        let (mut frames, mut done) = (0, 0);
        for (index, item) in listing.items()?.enumerate() {
            let item = item?;
            // Somebody may have removed a matte to have it made again.
            if wanted[index]
                && finished.contains(&Key::of(&item.item))
                && job.out.join(job.output(&item)).exists()
            {
                wanted[index] = false;
                done += 1;
            }
            frames += if wanted[index] { weights[index] } else { 0 };
        }
        Ok(Self { wanted, frames, done })
    }
}

/// The items that any run has done.
fn finished(out: &Path) -> anyhow::Result<HashSet<Key>> {
    let mut finished = HashSet::new();
    for journal in journal::all(out)? {
        journal::for_each(&journal, |_, record| {
            if record.is_done() {
                finished.insert(Key::of(&record.item));
            }
        })?;
    }
    Ok(finished)
}

/// Lets the lanes do what is to be done.
fn work(
    job: &BatchJob,
    journal: &mut Journal,
    scratch: &Path,
    listing: &Listing,
    share: Share,
    typed: &BatchArgs,
    bars: &Bars,
) -> anyhow::Result<Progress> {
    if !share.wanted.contains(&true) {
        return Ok(Progress::default());
    }
    let engine = SharedEngine::open(&job.engine()?, bars)?;
    let bar = bars.frames(Some(share.frames));
    let wanted = share.wanted;
    let items = listing.items()?.zip(wanted).filter(|(_, wanted)| *wanted).map(|(item, _)| item);
    let work = Work {
        job,
        items: Mutex::new(items),
        engine: &engine,
        journal: Mutex::new(journal),
        scratch,
        bar: &bar,
        json: typed.json,
        progress: Mutex::default(),
    };
    let started = Instant::now();
    let ended = thread::scope(|scope| {
        let lanes: Vec<_> = (0..job.lanes()).map(|_| scope.spawn(|| work.run())).collect();
        let mut ends = lanes.into_iter().map(|lane| lane.join());
        let panicked = |_| Err(anyhow::anyhow!("a lane panicked"));
        ends.try_for_each(|end| end.unwrap_or_else(panicked))
    });
    bar.finish_and_clear();
    ended?;
    let progress = work.progress.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(Progress { time: started.elapsed(), ..progress })
}

fn merge(typed: &BatchArgs, bars: &Bars) -> anyhow::Result<Outcome> {
    let out = job::out(typed)?;
    let listing = Listing::found(&out)?;
    // A whole run's, which would write the same file.
    let journal = Journal::open(&out, None)?;
    let tally = results::write(&out, &listing, journal.scratch()?.path())?;
    let Tally { done, failed, missing } = tally;
    if typed.json {
        println!("{}", json!({ "done": done, "failed": failed, "missing": missing }));
    }
    bars.say(&format!("{done} items done, {failed} failed, {missing} that no shard has come to"));
    outcome(done, failed + missing)
}

fn tell(json: bool, progress: &Progress, earlier: u64, bars: &Bars) {
    let Progress { done, failed, frames, engine, time } = progress;
    // A batch that was through before takes no time.
    let seconds = time.as_secs_f64().max(1e-9);
    let (rate, busy) = (*frames as f64 / seconds, engine.as_secs_f64() / seconds);
    if json {
        let summary = json!({
            "done": done, "failed": failed, "done_earlier": earlier, "frames": frames,
            "seconds": seconds, "fps": rate, "engine_busy": busy,
        });
        println!("{summary}");
    }
    bars.say(&format!(
        "{done} items done, {failed} failed, {earlier} done earlier: {frames} frames in \
         {seconds:.1} s, {rate:.1} per second, engine busy {:.0} % of the time",
        100.0 * busy
    ));
}

fn outcome(done: u64, others: u64) -> anyhow::Result<Outcome> {
    if interrupt::interrupted() {
        tracing::warn!("interrupted: the same line goes on from here");
        ensure!(done > 0, "interrupted, no item was done");
        return Ok(Outcome::Partial);
    }
    ensure!(done > 0 || others == 0, "none of {others} items was done");
    Ok(if others == 0 { Outcome::Complete } else { Outcome::Partial })
}
