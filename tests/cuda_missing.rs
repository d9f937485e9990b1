//! The plugin with all of its CUDA code where no CUDA is: the CPU's path, and messages.
#![cfg(feature = "cuda")]
#![allow(clippy::unwrap_used)]
mod fake;
mod toy;

use gst::prelude::*;
use gstmgdsam2::backend::{BackendError, Engine, Tensor};
use gstmgdsam2::checkpoint::Checkpoint;
use gstmgdsam2::cuda::{CudaError, Device, nvrtc};
use gstmgdsam2::session::{Exchange, Frame, Prompt};
use gstmgdsam2::signature::{ElementType, Signature};

const CUDA: &str = "memory:CUDAMemory";

/// Whether this machine has a driver, and so nothing is missing.
fn has_driver() -> bool {
    let found = Device::primary(0).err() != Some(CudaError::NoDriver);
    if found {
        println!("skipped: this machine has a CUDA driver");
    }
    found
}

#[test]
fn a_missing_driver_is_named() {
    if has_driver() {
        return;
    }
    let error = Device::primary(0).unwrap_err().to_string();
    assert_eq!(error, "no CUDA driver (libcuda.so.1) was found");
}

#[test]
fn a_missing_compiler_is_named_with_every_place() {
    let folder = tempfile::tempdir().unwrap();
    // SAFETY: no other test of this file reads the environment.
    unsafe { std::env::set_var(nvrtc::DIR_VARIABLE, folder.path()) };
    let error = nvrtc::compile(86).unwrap_err().to_string();
    for word in ["libnvrtc.so", nvrtc::DIR_VARIABLE, &folder.path().display().to_string()] {
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn pads_offer_cuda_memory_only_where_there_is_some() {
    fake::init();
    if has_driver() {
        return;
    }
    let matte = fake::element(&fake::Control::new());
    for pad in matte.pads() {
        let has =
            |caps: gst::Caps| (0..caps.size()).any(|i| caps.features(i).unwrap().contains(CUDA));
        assert!(has(pad.pad_template_caps()), "{}", pad.name());
        assert!(!has(pad.query_caps(None)), "{}", pad.name());
    }
}

#[test]
fn frames_in_system_memory_are_matted_without_cuda() {
    fake::init();
    let control = fake::Control::new();
    let matte = fake::element(&control);
    let mut harness = gst_check::Harness::with_element(&matte, Some("sink"), Some("src"));
    harness.set_src_caps_str("video/x-raw,format=NV12,width=16,height=16,framerate=30/1");
    harness.set_sink_caps_str("video/x-raw,format=GRAY8,width=16,height=16,framerate=30/1");
    harness.play();
    let mut buffer = gst::Buffer::with_size(16 * 16 * 3 / 2).unwrap();
    buffer.get_mut().unwrap().set_pts(gst::ClockTime::ZERO);
    harness.push(buffer).unwrap();
    assert_eq!(harness.pull().unwrap().size(), 16 * 16);
}

/// An engine that says it runs on a GPU, and takes the host's tensors too.
struct Distant(Box<dyn Engine>);

impl Engine for Distant {
    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn device(&self) -> Option<u32> {
        Some(0)
    }

    fn run(&mut self, inputs: &[&Tensor], outputs: &mut [Tensor]) -> Result<(), BackendError> {
        self.0.run(inputs, outputs)
    }
}

#[test]
fn without_kernels_an_object_is_followed_over_the_host() {
    if has_driver() {
        return;
    }
    let weights = Checkpoint::random(7);
    let followed = |wrap: fn(Box<dyn Engine>) -> Box<dyn Engine>| {
        let mut session = toy::wrapped(&weights, &toy::config(), ElementType::U8, wrap);
        let mut exchange = Exchange::new(toy::SIDE);
        let mattes = (0..3).map(|index| {
            let pixels = exchange.image_mut().iter_mut().enumerate();
            pixels.for_each(|(i, pixel)| *pixel = (i / 7 + 9 * index) as u8);
            let corners = [Prompt::from_corners([0.2, 0.3], [0.7, 0.8])];
            let prompts = if index == 0 { &corners[..] } else { &[] };
            let frame = Frame { index: index as i64, prompts, ..Frame::default() };
            session.step(&frame, &mut exchange).unwrap();
            exchange.logits().to_vec()
        });
        mattes.collect::<Vec<_>>()
    };
    assert_eq!(followed(|engine| Box::new(Distant(engine))), followed(|engine| engine));
}
