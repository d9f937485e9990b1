//! Two thousand frames need no more memory than two hundred. Alone in its process, to be measured.
#![allow(clippy::unwrap_used)]
mod fake;
use fake::{Control, element};
use gst_check::Harness;

#[test]
fn memory_does_not_grow_over_two_thousand_frames() {
    let mut harness = Harness::with_element(&element(&Control::new()), Some("sink"), Some("src"));
    let caps = "video/x-raw,format=NV12,width=96,height=64,framerate=25/1";
    harness.set_caps_str(caps, "video/x-raw,format=RGBA");
    let mut after_warm_up = 0;
    for index in 0..2_200_u32 {
        let frame = vec![index as u8; 96 * 64 * 3 / 2];
        harness.push(gst::Buffer::from_mut_slice(frame)).unwrap();
        harness.pull().unwrap();
        if index == 200 {
            after_warm_up = resident_bytes();
        }
    }
    // One leaked matte a frame would be 49 MB.
    let grown = resident_bytes().saturating_sub(after_warm_up);
    assert!(grown < 12 << 20, "{} MB more than after 200 frames", grown >> 20);
}

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    4096 * statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap()
}
