//! Tensors between engines: with the host, or in the memory of the device that the engines run on.
use super::SessionError;
use crate::backend::{BackendError, Tensor};
#[cfg(feature = "cuda")]
use crate::cuda::{Buffer, Device};
use crate::signature::{ElementType, TensorSpec};

/// Where engines run, and with them what they read and write.
#[derive(Debug, Clone, Default)]
pub enum Place {
    /// They take the host's tensors.
    #[default]
    Host,
    /// They take a device's memory, in the order of this stream.
    #[cfg(feature = "cuda")]
    Device(Device),
}

/// A tensor that engines hand to engines.
#[derive(Debug)]
pub enum Held {
    /// With the host.
    Host(Tensor),
    /// Pixels on a device.
    #[cfg(feature = "cuda")]
    Pixels(Buffer<u8>, Device),
    /// Everything else on a device.
    #[cfg(feature = "cuda")]
    Floats(Buffer<f32>, Device),
}

impl From<Tensor> for Held {
    fn from(tensor: Tensor) -> Self {
        Self::Host(tensor)
    }
}

impl Place {
    /// Whether both are one, and work is queued in one order.
    pub(super) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Host, Self::Host) => true,
            #[cfg(feature = "cuda")]
            (Self::Device(one), Self::Device(other)) => {
                one.stream_handle() == other.stream_handle()
            }
            #[cfg(feature = "cuda")]
            _ => false,
        }
    }

    /// Zeros of what `spec` asks for.
    pub(super) fn zeros(&self, spec: &TensorSpec) -> Result<Held, SessionError> {
        let len = spec.shape.iter().product();
        match spec.element_type {
            ElementType::U8 => self.pixels(len),
            ElementType::F32 => self.floats(len),
        }
    }

    /// As many black pixels.
    pub(super) fn pixels(&self, len: usize) -> Result<Held, SessionError> {
        match self {
            Self::Host => Ok(Held::Host(Tensor::U8(vec![0; len]))),
            #[cfg(feature = "cuda")]
            Self::Device(lane) => Ok(Held::Pixels(lane.zeros(len)?, lane.clone())),
        }
    }

    /// As many zeros.
    pub(super) fn floats(&self, len: usize) -> Result<Held, SessionError> {
        match self {
            Self::Host => Ok(Held::Host(Tensor::F32(vec![0.0; len]))),
            #[cfg(feature = "cuda")]
            Self::Device(lane) => Ok(Held::Floats(lane.zeros(len)?, lane.clone())),
        }
    }
}

impl Held {
    /// The host's tensor; an error where it lies on a device.
    pub fn tensor(&self) -> Result<&Tensor, BackendError> {
        match self {
            Self::Host(tensor) => Ok(tensor),
            #[cfg(feature = "cuda")]
            Self::Pixels(..) | Self::Floats(..) => Err(elsewhere()),
        }
    }

    /// The host's floats; none of pixels or on a device.
    pub fn floats(&self) -> &[f32] {
        match self {
            Self::Host(Tensor::F32(values)) => values,
            _ => &[],
        }
    }

    /// [`floats`](Self::floats), to be written.
    pub fn floats_mut(&mut self) -> &mut [f32] {
        match self {
            Self::Host(Tensor::F32(values)) => values,
            _ => &mut [],
        }
    }

    /// The host's pixels; none of floats or on a device.
    pub fn pixels(&self) -> &[u8] {
        match self {
            Self::Host(Tensor::U8(pixels)) => pixels,
            _ => &[],
        }
    }

    /// [`pixels`](Self::pixels), to be written.
    pub fn pixels_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Host(Tensor::U8(pixels)) => pixels,
            _ => &mut [],
        }
    }

    /// Elements, of whatever type.
    pub fn len(&self) -> usize {
        match self {
            Self::Host(tensor) => tensor.len(),
            #[cfg(feature = "cuda")]
            Self::Pixels(pixels, _) => pixels.len(),
            #[cfg(feature = "cuda")]
            Self::Floats(values, _) => values.len(),
        }
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes `to` the floats, wherever they lie; none of pixels.
    pub(super) fn read(&self, to: &mut Vec<f32>) -> Result<(), SessionError> {
        to.clear();
        #[cfg(feature = "cuda")]
        if let Self::Floats(values, lane) = self {
            to.resize(values.len(), 0.0);
            return Ok(lane.read(values, to)?);
        }
        to.extend_from_slice(self.floats());
        Ok(())
    }

    /// Becomes `values`, of which there are as many.
    pub(super) fn write(&mut self, values: &[f32]) -> Result<(), SessionError> {
        #[cfg(feature = "cuda")]
        if let Self::Floats(held, lane) = self {
            return Ok(lane.write(values, held)?);
        }
        self.floats_mut().copy_from_slice(values);
        Ok(())
    }

    /// Becomes what `from` is from element `at` on; both lie in one place.
    pub(super) fn copy(&mut self, from: &Self, at: usize) -> Result<(), SessionError> {
        #[cfg(feature = "cuda")]
        if let (Self::Floats(to, lane), Self::Floats(from, _)) = (&mut *self, from) {
            return Ok(lane.copy(from, to, at)?);
        }
        let from = from.tensor().map(|_| from.floats())?;
        self.floats_mut()[at..][..from.len()].copy_from_slice(from);
        Ok(())
    }

    /// A copy in the same place; an error of pixels on a device.
    pub(super) fn copied(&self) -> Result<Self, SessionError> {
        match self {
            Self::Host(tensor) => Ok(Self::Host(tensor.clone())),
            #[cfg(feature = "cuda")]
            Self::Pixels(..) => Err(elsewhere().into()),
            #[cfg(feature = "cuda")]
            Self::Floats(values, lane) => {
                let mut copy = Self::Floats(lane.zeros(values.len())?, lane.clone());
                copy.copy(self, 0)?;
                Ok(copy)
            }
        }
    }

    /// Becomes `value` throughout; square.
    pub(super) fn fill(&mut self, value: f32) -> Result<(), SessionError> {
        #[cfg(feature = "cuda")]
        if let Self::Floats(values, lane) = self {
            let side = values.len().isqrt();
            return Ok(lane.fill(values, value, side)?);
        }
        self.floats_mut().fill(value);
        Ok(())
    }

    /// Whether all are finite numbers.
    pub(super) fn is_finite(&self) -> Result<bool, SessionError> {
        #[cfg(feature = "cuda")]
        if let Self::Floats(values, lane) = self {
            return Ok(lane.is_finite(values)?);
        }
        Ok(self.floats().iter().all(|v| v.is_finite()))
    }

    /// From now on what is done to it is queued on `lane`.
    #[cfg(feature = "cuda")]
    pub(super) fn queue_on(&mut self, lane: &Device) {
        if let Self::Pixels(_, on) | Self::Floats(_, on) = self {
            *on = lane.clone();
        }
    }

    /// The device pointer; an error where it lies with the host.
    #[cfg(feature = "cuda")]
    pub(super) fn address(&self) -> Result<u64, BackendError> {
        match self {
            Self::Host(_) => Err(elsewhere()),
            Self::Pixels(pixels, lane) => Ok(lane.address(pixels)),
            Self::Floats(values, lane) => Ok(lane.address(values)),
        }
    }
}

#[cfg(feature = "cuda")]
fn elsewhere() -> BackendError {
    BackendError::NoGpu("a tensor lies elsewhere than its engine runs".into())
}
