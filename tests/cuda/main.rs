//! The device's side without a device: kernels compiled for every architecture, and run on an
//! emulated driver under the real libgstcuda.
#![cfg(feature = "cuda")]
#![allow(clippy::unwrap_used)]
mod compile;
#[path = "../fakecuda/emulated.rs"]
mod emulated;
#[path = "../fakecuda/mod.rs"]
mod fakecuda;
mod following;
mod kernels;
#[path = "../frame/pictures.rs"]
#[allow(dead_code, reason = "written for another test")]
mod pictures;
#[path = "../toy/mod.rs"]
mod toy;
#[path = "../world/mod.rs"]
mod world;

use gstmgdsam2::cuda::{CudaError, Device};

/// A device on the emulated driver; none, with the reason printed, where it cannot be had.
fn device() -> Option<Device> {
    fakecuda::driver()?;
    match Device::primary(0) {
        Ok(device) => Some(device),
        Err(error @ CudaError::NoCompiler { .. }) => {
            println!("skipped: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn squash_gives_the_cpus_bytes() {
    device().iter().for_each(kernels::squash_gives_the_cpus_bytes);
}

#[test]
fn fit_and_composite_give_the_cpus_bytes() {
    device().iter().for_each(kernels::fit_and_composite_give_the_cpus_bytes);
}

#[test]
fn aligned_frames_give_the_cpus_bytes() {
    device().iter().for_each(kernels::aligned_frames_give_the_cpus_bytes);
}

#[test]
fn estimated_colours_of_large_and_plain_frames_are_the_cpus() {
    device().iter().for_each(kernels::estimated_colours_of_large_and_plain_frames_are_the_cpus);
}

#[test]
fn logits_are_held_still_as_on_the_cpu() {
    device().iter().for_each(kernels::logits_are_held_still_as_on_the_cpu);
}

#[test]
fn whatever_follows_an_object_does_so_on_the_device() {
    device().iter().for_each(following::whatever_follows_an_object_does_so_on_the_device);
}

#[test]
fn the_trackers_graphs_remember_on_the_device() {
    device().iter().for_each(following::the_trackers_graphs_remember_on_the_device);
}

#[test]
fn a_target_of_another_size_or_kind_is_an_error() {
    device().iter().for_each(kernels::a_target_of_another_size_or_kind_is_an_error);
}
