//! Items at work: each lane takes the next, mattes it, writes down how that ended.
use super::item::Item;
use super::job::BatchJob;
use super::journal::Journal;
use super::record::{Record, Status};
use super::shared_engine::{Busy, SharedEngine};
use crate::cli::interrupt;
use crate::cli::matte::{self, Matted};
use crate::cli::stats;
use anyhow::ensure;
use indicatif::ProgressBar;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What all lanes work on.
pub struct Work<'a, I> {
    /// What is wanted.
    pub job: &'a BatchJob,
    /// What is still to be done.
    pub items: Mutex<I>,
    /// What runs every frame.
    pub engine: &'a SharedEngine,
    /// Where it is written down.
    pub journal: Mutex<&'a mut Journal>,
    /// Where unfinished mattes lie.
    pub scratch: &'a Path,
    /// Counts frames.
    pub bar: &'a ProgressBar,
    /// Whether each record is also printed.
    pub json: bool,
    /// What has been done so far.
    pub progress: Mutex<Progress>,
}

/// What a run has done.
#[derive(Debug, Default)]
pub struct Progress {
    /// Items whose mattes were written.
    pub done: u64,
    /// Items that failed.
    pub failed: u64,
    /// Frames of the former.
    pub frames: u64,
    /// What the engine took for them.
    pub engine: Duration,
    /// From the first item's start to the last one's end.
    pub time: Duration,
}

impl<I: Iterator<Item = anyhow::Result<Item>> + Send> Work<'_, I> {
    /// Takes items until there are none, or until Ctrl-C.
    pub fn run(&self) -> anyhow::Result<()> {
        while !interrupt::interrupted() {
            let next = lock(&self.items).next();
            let Some(item) = next.transpose()? else { break };
            let started = Instant::now();
            let at = self.bar.position();
            let record = match self.matte(&item) {
                Ok(record) => record,
                Err(_) if interrupt::interrupted() => break,
                Err(error) => {
                    // As if its frames had been done: what is left is then right.
                    self.bar.set_position(self.bar.position().max(at + item.weight()));
                    let seconds = started.elapsed().as_secs_f64();
                    Record::failed(&item, &self.engine.model, seconds, &error)
                }
            };
            self.write_down(&record)?;
        }
        Ok(())
    }

    /// The item's matte gets its name before its record is written: whoever reads the record finds it.
    fn matte(&self, item: &Item) -> anyhow::Result<Record> {
        let job = self.job.matte_job(item, self.scratch)?;
        let (busy, engine) = (Busy::default(), self.engine);
        let Matted { output, frames, seconds, stats, left_out } = matte::matte(
            &job,
            self.bar,
            |element| {
                let share = Mutex::new(Some(engine.share(&busy)?));
                element.set_opener(move |_, _| Ok(lock(&share).take().expect("it is opened once")));
                Ok(())
            },
            |_, _| (),
        )?;
        ensure!(
            left_out.is_empty(),
            "{} of {} pictures cannot be read, first {}",
            left_out.len(),
            left_out.len() as u64 + frames,
            left_out[0].display()
        );
        output.finish()?;
        Ok(Record {
            item: item.item.clone(),
            source: item.source.clone(),
            gt: item.gt.clone(),
            status: Status::Done,
            error: None,
            output: Some(self.job.output(item)),
            frames,
            seconds,
            engine_seconds: busy.time().as_secs_f64(),
            stages: stats::report(&stats, seconds, None)["stages"].take(),
            model: self.engine.model.clone(),
        })
    }

    fn write_down(&self, record: &Record) -> anyhow::Result<()> {
        let written = lock(&self.journal).append(record);
        let is_done = record.is_done() && written.is_ok();
        let mut progress = lock(&self.progress);
        if let Err(error) = written {
            self.bar.suspend(|| tracing::warn!("{}: {error:#}", record.item));
        } else if let Some(error) = &record.error {
            self.bar.suspend(|| tracing::warn!("{}: {error}", record.item));
        }
        if is_done {
            progress.done += 1;
            progress.frames += record.frames;
            progress.engine += Duration::from_secs_f64(record.engine_seconds);
        } else {
            progress.failed += 1;
        }
        if self.json {
            // Whoever has stopped reading does not stop the batch.
            let _ = writeln!(io::stdout(), "{}", serde_json::to_string(record)?);
        }
        Ok(())
    }
}

/// A lane that panicked has written down what it had done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
