//! Pixel work on a CUDA device.
//!
//! CUDA's libraries are opened when a [`Device`] is asked for; where there is none, that is an
//! error which says what is missing, and nothing else changes.
mod device;
mod error;
mod event;
mod kernels;
pub mod nvrtc;
mod picture;

pub use device::{Buffer, Current, Device};
pub use error::CudaError;
pub use event::{Event, Span};
pub use kernels::{
    Affine, Alpha, Axis, Colour, Fit, FitScratch, FromYuv, Guesses, Halved, Lerps, Lines,
    LinesScratch, Squash, SteadyPast, Tap,
};
pub use picture::{Component, Source, Target};
