//! The frames of a movie of mattes, decoded ahead by two.
use super::read::Matte;
use crate::cli::drive::Running;
use crate::cli::frames;
use crate::cli::interrupt;
use anyhow::Context;
use crossbeam::channel::{Receiver, Sender, bounded};
use gst::prelude::*;
use std::path::{Path, PathBuf};
use std::thread;

const PATIENCE: gst::ClockTime = gst::ClockTime::from_mseconds(100);

/// Decodes the movie at `path` on a thread of its own, which ends when nobody listens.
pub fn open(path: &Path) -> Receiver<anyhow::Result<Matte>> {
    let (to, from) = bounded(2);
    let path = path.to_path_buf();
    thread::spawn(move || {
        let context = || format!("cannot decode {}", path.display());
        if let Err(error) = decode(&path, &to).with_context(context) {
            // Nobody listens any more.
            let _ = to.send(Err(error));
        }
    });
    from
}

fn decode(path: &PathBuf, to: &Sender<anyhow::Result<Matte>>) -> anyhow::Result<()> {
    let running = Running::parse(
        "filesrc name=in ! decodebin ! videoconvert name=convert ! video/x-raw,format=RGBA \
         ! appsink name=out sync=false max-buffers=2",
    )?;
    running.element::<gst::Element>("in").set_property("location", path);
    let sink = running.element::<gst_app::AppSink>("out");
    running.play()?;
    loop {
        interrupt::check()?;
        match sink.try_pull_sample(PATIENCE) {
            Some(sample) => {
                let (width, height, rgba) = frames::packed(&sample)?;
                let matte = Matte::of_rgba((width, height), &rgba, has_alpha(&running)?);
                if to.send(Ok(matte)).is_err() {
                    return Ok(());
                }
            }
            None if sink.is_eos() => return Ok(()),
            None => running.check()?,
        }
    }
}

/// Whether the movie itself has an alpha channel.
fn has_alpha(running: &Running) -> anyhow::Result<bool> {
    let pad = running.element::<gst::Element>("convert").static_pad("sink");
    let caps = pad.and_then(|pad| pad.current_caps()).context("a decoded movie has caps")?;
    Ok(gst_video::VideoInfo::from_caps(&caps)?.has_alpha())
}
