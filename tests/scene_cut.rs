//! The scene cut detector on real clips, joined end to end; skipped where `../shared` is not.
#![allow(clippy::unwrap_used)]
mod world;

use gst::prelude::*;
use gstmgdsam2::session::{Frame, Propagation};
use gstmgdsam2::synth::Kind;
use std::path::{Path, PathBuf};
use world::{SIDE, World};

/// What GStreamer makes of `clip`, a film or a folder of frames: RGB, (SIDE, SIDE, 3).
fn frames(clip: &Path) -> Vec<Vec<u8>> {
    let source = match clip.is_dir() {
        true => "multifilesrc name=in caps=image/jpeg,framerate=25/1",
        false => "filesrc name=in",
    };
    let description = format!(
        "{source} ! decodebin ! videoconvert ! videoscale add-borders=false \
         ! video/x-raw,format=RGB,width={SIDE},height={SIDE} ! appsink name=out sync=false"
    );
    let pipeline = gst::parse::launch(&description).unwrap().downcast::<gst::Pipeline>().unwrap();
    let location = if clip.is_dir() { clip.join("im/%05d.jpg") } else { clip.into() };
    pipeline.by_name("in").unwrap().set_property("location", location.to_str().unwrap());
    let sink = pipeline.by_name("out").unwrap().downcast::<gst_app::AppSink>().unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let rgb = |sample: gst::Sample| sample.buffer().unwrap().map_readable().unwrap().to_vec();
    let frames = std::iter::from_fn(|| sink.pull_sample().ok()).map(rgb).collect();
    pipeline.set_state(gst::State::Null).unwrap();
    frames
}

/// The frames in which a session that is shown `clips` one after the other sees a cut.
fn cuts(clips: &[Vec<Vec<u8>>], limit: f32) -> Vec<usize> {
    let mut world = World::new(Kind::Demo, false);
    let propagation = Propagation { scene_cut: Some(limit), ..Propagation::default() };
    let mut seen = 0;
    let mut is_cut = |rgb: &Vec<u8>| {
        world.exchange.image_mut().copy_from_slice(rgb);
        let before = seen;
        seen = world.step(Frame { propagation, ..Frame::default() }).unwrap().scene_cuts;
        seen > before
    };
    let frames = clips.iter().flatten().enumerate();
    frames.filter_map(|(index, rgb)| is_cut(rgb).then_some(index)).collect()
}

#[test]
fn in_real_clips_joined_end_to_end_every_join_is_a_cut_and_nothing_else() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/clips");
    if !folder.is_dir() {
        println!("skipped: there are no clips in {}", folder.display());
        return;
    }
    gst::init().unwrap();
    let is_film = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "mp4");
    let is_clip = |path: &PathBuf| path.join("im/00000.jpg").exists() || is_film(path);
    let mut paths: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(is_clip);
    paths.sort();
    let clips: Vec<_> = paths.iter().map(|clip| frames(clip)).collect();
    let joins: Vec<usize> = clips
        .iter()
        .scan(0, |end, clip| {
            *end += clip.len();
            Some(*end)
        })
        .collect();
    println!("{} clips, {} frames", clips.len(), joins[joins.len() - 1]);
    let expected = &joins[..joins.len() - 1];
    let limit = Propagation::default().scene_cut.unwrap();
    for limit in [0.5 * limit, limit, 1.5 * limit] {
        assert_eq!(cuts(&clips, limit), expected, "at a limit of {limit}");
    }
}
