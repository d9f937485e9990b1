//! What can only be seen on a GPU: each says why where it cannot be seen.
//!
//! On a machine with one: `pipelines/setup.sh --cuda --tensorrt && cargo test --release --features
//! tensorrt --test gpu -- --ignored --nocapture --test-threads 1`.
#![cfg(feature = "cuda")]
#![allow(clippy::unwrap_used)]
mod decoder;
#[cfg(feature = "tensorrt")]
mod engines;
#[path = "../fake/mod.rs"]
mod fake;
#[path = "../cuda/kernels.rs"]
mod kernels;
#[path = "../frame/pictures.rs"]
#[allow(dead_code, reason = "written for another test")]
mod pictures;
#[path = "../cuda_memory/pipelines.rs"]
#[allow(dead_code, reason = "written for another test")]
mod pipelines;

use cudarc::driver::CudaContext;
use gstmgdsam2::cuda::Device;
use std::sync::Arc;

/// The machine's own device; none, with the reason printed, where there is none.
fn device() -> Option<Device> {
    Device::primary(0).inspect_err(|reason| println!("skipped: {reason}")).ok()
}

/// Whether GStreamer's CUDA elements are here, and a device for them; says so if not.
fn has_cuda_elements() -> bool {
    fake::init();
    if device().is_none() {
        return false;
    }
    let has = gst::ElementFactory::find("cudaupload").is_some();
    if !has {
        println!("skipped: GStreamer has no cudaupload here");
    }
    has
}

fn kernels_give_the_cpus_bytes(device: &Device) {
    kernels::squash_gives_the_cpus_bytes(device);
    kernels::fit_and_composite_give_the_cpus_bytes(device);
    kernels::aligned_frames_give_the_cpus_bytes(device);
    kernels::estimated_colours_of_large_and_plain_frames_are_the_cpus(device);
    kernels::logits_are_held_still_as_on_the_cpu(device);
    kernels::a_target_of_another_size_or_kind_is_an_error(device);
}

#[test]
#[ignore = "needs an NVIDIA GPU"]
fn kernels_give_the_cpus_bytes_in_the_primary_context() {
    device().iter().for_each(kernels_give_the_cpus_bytes);
}

#[test]
#[ignore = "needs an NVIDIA GPU"]
fn kernels_give_the_cpus_bytes_in_a_foreign_context() {
    if device().is_none() {
        return;
    }
    let foreign = CudaContext::new_non_primary(0, 0).unwrap();
    let (handle, owner) = (foreign.cu_ctx().cast(), Arc::new(foreign.clone()));
    // SAFETY: the context is of device 0, and the owner keeps it.
    let adopted = unsafe { Device::adopt(handle, 0, owner) }.unwrap();
    assert_ne!(adopted.handle(), device().unwrap().handle());
    kernels_give_the_cpus_bytes(&adopted);
}

#[test]
#[ignore = "needs an NVIDIA GPU"]
fn frames_in_cuda_memory_come_out_as_on_the_cpu() {
    if has_cuda_elements() {
        pipelines::frames_in_cuda_memory_come_out_as_on_the_cpu();
        pipelines::one_side_may_be_system_memory();
    }
}

#[test]
#[ignore = "needs an NVIDIA GPU"]
fn frames_of_a_foreign_context_are_followed_there() {
    if has_cuda_elements() {
        pipelines::frames_of_a_foreign_context_are_followed_there();
    }
}

#[test]
#[ignore = "needs an NVIDIA GPU"]
fn host_copies_are_counted() {
    if has_cuda_elements() {
        pipelines::host_copies_are_counted();
    }
}
