//! MGD-SAM2 video matting for GStreamer.
//!
//! Two columns meet in one place. **Weights** flow once, when an engine is made:
//! [`checkpoint`] -> [`model`] (one function per block) -> [`onnx`] graph -> [`backend`].
//! **Frames** flow all the time: `element` -> [`matter`] -> [`session`] -> [`backend`] -> [`frame`].
//! [`signature`] is the contract between the two; [`engines`] brings them together.
pub mod backend;
pub mod checkpoint;
pub mod engines;
pub mod frame;
pub mod matter;
pub mod metrics;
pub mod model;
pub mod onnx;
pub mod session;
pub mod signature;
pub mod synth;
