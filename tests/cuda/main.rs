//! The device's side without a device: kernels compiled for every architecture, and run on an
//! emulated driver under the real libgstcuda.
#![cfg(feature = "cuda")]
#![allow(clippy::unwrap_used)]
mod compile;
#[path = "../fakecuda/mod.rs"]
mod fakecuda;
mod kernels;
#[path = "../frame/pictures.rs"]
#[allow(dead_code, reason = "written for another test")]
mod pictures;

use gstmgdsam2::cuda::{CudaError, Device};

/// A device on the emulated driver, or with `MGDSAM2_REAL_CUDA` set on the machine's own; none, with
/// the reason printed, where it cannot be had.
pub fn device() -> Option<Device> {
    if std::env::var_os("MGDSAM2_REAL_CUDA").is_none() {
        fakecuda::driver()?;
    }
    match Device::primary(0) {
        Ok(device) => Some(device),
        Err(error @ CudaError::NoCompiler { .. }) => {
            println!("skipped: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}
