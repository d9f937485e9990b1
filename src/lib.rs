//! MGD-SAM2 video matting for GStreamer.
//!
//! Two columns meet in one place. **Weights** flow once, when an engine is made:
//! [`checkpoint`] -> [`model`] (one function per block) -> [`onnx`] graph -> [`backend`].
//! **Frames** flow all the time: [`element`] -> [`matter`] -> [`session`] -> [`backend`] -> [`frame`].
//! [`signature`] is the contract between the two; [`engines`] brings them together.
pub mod backend;
mod beside;
pub mod checkpoint;
#[cfg(feature = "cuda")]
pub mod cuda;
pub mod element;
pub mod engines;
pub mod frame;
pub mod matter;
pub mod metrics;
pub mod model;
pub mod onnx;
pub mod session;
pub mod signature;
pub mod synth;

pub use plugin::plugin_desc::plugin_register_static;

#[allow(missing_docs, reason = "the macro documents nothing")]
mod plugin {
    use crate::element::register;

    gst::plugin_define!(
        mgdsam2,
        env!("CARGO_PKG_DESCRIPTION"),
        register,
        env!("CARGO_PKG_VERSION"),
        // GStreamer's name for the more permissive of the two licences.
        "MIT/X11",
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_NAME"),
        // GStreamer refuses a plugin of no origin.
        env!("CARGO_PKG_NAME"),
        "2026-11-22"
    );
}
