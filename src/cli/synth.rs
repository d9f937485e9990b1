//! `mgdsam2 synth`: a procedural clip with exact alpha.
use super::Outcome;
use super::args::{ClipKind, SynthArgs};
use super::drive::Running;
use super::interrupt;
use super::picture;
use super::progress::Bars;
use super::unfinished::{UnfinishedFile, UnfinishedFolder};
use anyhow::Context;
use gst::prelude::*;
use gstmgdsam2::synth::{Clip, FRAMES_PER_SECOND, Kind, Picture};
use indicatif::ProgressBar;
use rayon::prelude::*;
use std::path::Path;

/// Pictures drawn at once, so that all cores draw and memory stays small.
const BATCH: usize = 16;

/// Draws the clip.
pub fn run(typed: &SynthArgs, bars: &Bars) -> anyhow::Result<Outcome> {
    let (width, height) = (typed.size.0 as usize, typed.size.1 as usize);
    let clip = Clip::new(kind(typed.kind), width, height, typed.seed);
    let frames = typed.frames as usize;
    let bar = bars.frames(Some(frames as u64));
    match typed.out.extension().is_some_and(|extension| extension == "mkv") {
        true => write_clip(&clip, frames, &typed.out, &bar)?,
        false => write_folder(&clip, frames, &typed.out, &bar)?,
    }
    bar.finish_and_clear();
    bars.say(&format!("{}: {frames} frames of {width}x{height}", typed.out.display()));
    Ok(Outcome::Complete)
}

fn kind(typed: ClipKind) -> Kind {
    match typed {
        ClipKind::Demo => Kind::Demo,
        ClipKind::Training => Kind::Training,
        ClipKind::Occlusion => Kind::Occlusion,
        ClipKind::LeaveAndReturn => Kind::LeaveAndReturn,
        ClipKind::Cut => Kind::Cut,
        ClipKind::Crossing => Kind::Crossing,
        ClipKind::FastMotion => Kind::FastMotion,
        ClipKind::LightingJump => Kind::LightingJump,
    }
}

/// `im/00000.png` and `gt/00000.png`, ...: DAVIS' names.
fn write_folder(clip: &Clip, frames: usize, out: &Path, bar: &ProgressBar) -> anyhow::Result<()> {
    let (images, truths) =
        (UnfinishedFolder::new(&out.join("im"))?, UnfinishedFolder::new(&out.join("gt"))?);
    (0..frames).into_par_iter().try_for_each(|index| {
        interrupt::check()?;
        let drawn = clip.render(index);
        let (name, size) = (format!("{index:05}.png"), (drawn.width, drawn.height));
        picture::write_png(&images.path().join(&name), size, png::ColorType::Rgb, &drawn.rgb)?;
        let alpha = drawn.alpha_u8();
        picture::write_png(&truths.path().join(&name), size, png::ColorType::Grayscale, &alpha)?;
        bar.inc(1);
        anyhow::Ok(())
    })?;
    images.finish()?;
    truths.finish()
}

/// The frames alone, lossless.
fn write_clip(clip: &Clip, frames: usize, out: &Path, bar: &ProgressBar) -> anyhow::Result<()> {
    let file = UnfinishedFile::new(out)?;
    let running = Running::parse(
        "appsrc name=in format=time max-buffers=4 block=true ! videoconvert ! video/x-raw,format=BGRA \
         ! avenc_ffv1 ! matroskamux ! filesink name=out",
    )?;
    running.element::<gst::Element>("out").set_property("location", file.path());
    let source = running.element::<gst_app::AppSrc>("in");
    running.play()?;
    for start in (0..frames).step_by(BATCH) {
        interrupt::check()?;
        let batch: Vec<_> =
            (start..frames.min(start + BATCH)).into_par_iter().map(|i| clip.render(i)).collect();
        for (offset, drawn) in batch.into_iter().enumerate() {
            let sample = sample_of(drawn, start + offset)?;
            source.push_sample(&sample).map_err(|flow| match running.check() {
                Err(error) => error,
                Ok(()) => anyhow::anyhow!("the pipeline ended: {flow}"),
            })?;
            bar.inc(1);
        }
    }
    source.end_of_stream()?;
    running.to_end(|_| ())?;
    drop(running);
    file.finish()
}

fn sample_of(drawn: Picture, index: usize) -> anyhow::Result<gst::Sample> {
    let sample = picture::of_rgb((drawn.width, drawn.height), drawn.rgb)?;
    picture::as_frame(&sample, index, FRAMES_PER_SECOND as u32)
        .context("a sample has caps and a buffer")
}
