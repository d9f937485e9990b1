//! Two thousand tracked frames need what two hundred need. Alone in its process, to be measured.
#![allow(clippy::unwrap_used, missing_docs)]
mod world;

use gstmgdsam2::session::Frame;
use gstmgdsam2::synth::Kind;
use world::World;

#[test]
fn hours_of_video_need_what_seconds_need() {
    let mut world = World::new(Kind::LightingJump, true);
    world.show(0);
    let mut after_a_while = 0;
    for index in 0..2_200 {
        let prompts = world.on_the_subject();
        let prompts = if index % 50 == 0 { &prompts[..] } else { &[] };
        let state =
            world.step(Frame { prompts, is_first: index == 0, ..Frame::default() }).unwrap();
        assert!(state.prompted <= 4 && state.remembered <= 5, "frame {index}: {state:?}");
        if index == 200 {
            after_a_while = resident_bytes();
        }
    }
    let grown = resident_bytes().saturating_sub(after_a_while);
    assert!(grown < 4 << 20, "{grown} bytes more after 2200 frames than after 200");
}

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    4096 * statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap()
}
