//! Pictures from files, decoded one by one, into a pipeline.
use super::drive::Running;
use super::job::{MatteJob, Source};
use super::picture;
use anyhow::Context;
use gst::prelude::*;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};

/// Pictures on their way into a pipeline.
pub struct Feeding(Option<JoinHandle<Vec<PathBuf>>>);

impl Feeding {
    /// The pictures that could not be read; each was named when it was met.
    pub fn finish(self) -> Vec<PathBuf> {
        self.0.and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

/// Decodes `job`'s pictures into the appsrc `in`, on a thread of its own. A clip feeds itself.
pub fn start(running: &Running, job: &MatteJob) -> Feeding {
    match &job.source {
        Source::Clip(path) => {
            running.element::<gst::Element>("in").set_property("location", path);
            Feeding(None)
        }
        Source::Pictures(pictures) => {
            let source = running.element::<gst_app::AppSrc>("in");
            let (pictures, framerate) = (pictures.clone(), job.framerate);
            Feeding(Some(thread::spawn(move || push_all(&source, &pictures, framerate))))
        }
    }
}

fn push_all(source: &gst_app::AppSrc, pictures: &[PathBuf], framerate: u32) -> Vec<PathBuf> {
    let mut unread = Vec::new();
    for (index, path) in pictures.iter().enumerate() {
        match frame(path, index, framerate) {
            // The pipeline is being taken down: its own error says why.
            Ok(sample) if source.push_sample(&sample).is_err() => break,
            Ok(_) => {}
            Err(error) => {
                tracing::warn!("left out: {error:#}");
                unread.push(path.clone());
            }
        }
    }
    let _ = source.end_of_stream();
    unread
}

fn frame(path: &Path, index: usize, framerate: u32) -> anyhow::Result<gst::Sample> {
    let sample = picture::decode(path, "width=[1,max]")?;
    picture::as_frame(&sample, index, framerate)
        .with_context(|| format!("{}: no frame", path.display()))
}
