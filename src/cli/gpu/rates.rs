//! How fast memory is copied: what pixel work on a device can at best be held against.
use anyhow::Context;
use gstmgdsam2::cuda::{CudaError, Device};
use std::fmt;

/// Large enough that a copy's start does not count.
const BYTES: usize = 64 << 20;
const COPIES: usize = 8;

/// 10^9 bytes a second; on the device, of reading and writing together.
pub struct Rates {
    to_device: f64,
    to_host: f64,
    /// Both ways.
    pub on_device: f64,
}

impl Rates {
    /// On the device of this number, by its own clock; host memory is as GStreamer allocates it.
    pub fn measure(ordinal: usize) -> anyhow::Result<Self> {
        let device = Device::primary(ordinal)?;
        let mut host = vec![0u8; BYTES];
        let mut there = [device.zeros::<u8>(BYTES)?, device.zeros(BYTES)?];
        let [from, to] = &mut there;
        let to_device = best(&device, || device.upload([(&host[..], &mut *from)]))?;
        let on_device = 2.0 * best(&device, || device.copy(from, to, 0))?;
        let to_host = best(&device, || device.download([(&*to, &mut host[..])]))?;
        Ok(Self { to_device, to_host, on_device })
    }

    /// The least milliseconds for reading and writing so many bytes on the device.
    pub fn least_ms(&self, bytes: f64) -> f64 {
        bytes / self.on_device / 1e6
    }
}

impl fmt::Display for Rates {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { to_device, to_host, on_device } = self;
        write!(
            f,
            "{to_device:.1} to the device, {to_host:.1} from it, {on_device:.1} on it, read and written"
        )
    }
}

/// 10^9 bytes a second of the fastest of some copies.
fn best(device: &Device, mut copy: impl FnMut() -> Result<(), CudaError>) -> anyhow::Result<f64> {
    let mut best = 0.0_f64;
    let mut span = device.span()?;
    for _ in 0..COPIES {
        device.timed(&mut span, &mut copy)?;
        device.synchronize()?;
        let took = span.take().context("the device did not time a copy")?;
        best = best.max(BYTES as f64 / took.as_secs_f64().max(1e-9) / 1e9);
    }
    Ok(best)
}
