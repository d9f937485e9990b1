//! Where a matte is written: under a temporary name until it is complete.
use super::drive::Running;
use super::job::{MatteJob, Sink, Source, png_name};
use super::picture;
use super::unfinished::{UnfinishedFile, UnfinishedFolder};
use gst::prelude::*;
use std::fs;
use std::path::PathBuf;

/// What is being written.
pub enum Output {
    /// One file.
    File(UnfinishedFile),
    /// A folder of pictures.
    Folder(UnfinishedFolder),
    /// Nothing.
    Nothing,
}

impl Output {
    /// Makes the pipeline's `out` write `job`'s output.
    pub fn open(running: &Running, job: &MatteJob) -> anyhow::Result<Self> {
        let scratch = job.scratch.as_deref();
        match &job.sink {
            Sink::Clip(_, path) => {
                let file = UnfinishedFile::within(scratch, path)?;
                running.element::<gst::Element>("out").set_property("location", file.path());
                Ok(Self::File(file))
            }
            Sink::Picture(path) => {
                let file = UnfinishedFile::within(scratch, path)?;
                let partial = file.path().to_path_buf();
                write_pictures(running, move |_| partial.clone());
                Ok(Self::File(file))
            }
            Sink::Folder(path) => {
                let folder = UnfinishedFolder::within(scratch, path)?;
                let partial = folder.path().to_path_buf();
                let mut name = names(job);
                write_pictures(running, move |pts| partial.join(name(pts)));
                Ok(Self::Folder(folder))
            }
            Sink::Nowhere => Ok(Self::Nothing),
        }
    }

    /// Gives it its name.
    pub fn finish(self) -> anyhow::Result<()> {
        match self {
            Self::File(file) => file.finish(),
            Self::Folder(folder) => folder.finish(),
            Self::Nothing => Ok(()),
        }
    }
}

/// From a frame's time to its file's name: the picture's own name, or the frame's number.
fn names(job: &MatteJob) -> Box<dyn FnMut(gst::ClockTime) -> PathBuf + Send> {
    match &job.source {
        Source::Pictures(pictures) => {
            let names: Vec<_> = pictures.iter().map(|path| png_name(path)).collect();
            let framerate = job.framerate;
            Box::new(move |pts| {
                names[picture::index_at(pts, framerate).min(names.len() - 1)].clone()
            })
        }
        Source::Clip(_) => {
            let mut count = 0..;
            Box::new(move |_| format!("{:05}.png", count.next().unwrap_or(0)).into())
        }
    }
}

/// Writes each encoded picture that reaches the appsink `out` to the file that `path` names.
fn write_pictures(
    running: &Running,
    mut path: impl FnMut(gst::ClockTime) -> PathBuf + Send + 'static,
) {
    let write = move |sink: &gst_app::AppSink| {
        let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
        let buffer = sample.buffer().ok_or(gst::FlowError::Error)?;
        let picture = buffer.map_readable().map_err(|_| gst::FlowError::Error)?;
        let path = path(buffer.pts().unwrap_or_default());
        fs::write(&path, &picture).map_err(|error| {
            let text = format!("cannot write {}: {error}", path.display());
            gst::element_error!(sink, gst::ResourceError::Write, ["{text}"]);
            gst::FlowError::Error
        })?;
        Ok(gst::FlowSuccess::Ok)
    };
    let sink = running.element::<gst_app::AppSink>("out");
    sink.set_callbacks(gst_app::AppSinkCallbacks::builder().new_sample(write).build());
}
