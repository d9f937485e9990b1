//! The element `mgdsam2matte`: registration, and what Rust applications can do with it.
//!
//! ```sh
//! gst-launch-1.0 filesrc location=in.mp4 ! decodebin ! videoconvert ! mgdsam2matte \
//!     ! videoconvert ! video/x-raw,format=BGRA ! avenc_ffv1 ! matroskamux \
//!     ! filesink location=matte.mkv
//! ```
//!
//! # Which object
//! The properties `prompt` and `prompt-mask` speak of the first frame and, set while playing, of
//! the next. The action signals `prompt(prompt, prompt-mask, running-time)` and `reset()` and the
//! event `mgdsam2/prompt`, custom downstream or upstream, with the fields `prompt` or
//! `prompt-mask` and `running-time` (guint64, nanoseconds), speak of the frame that is shown then;
//! where that has come in already, as when somebody clicks on a live picture, of the next.
//!
//! # Threads
//! 1. The upstream thread maps a frame, takes a permit (`max-frames-in-flight`) and puts the frame
//!    or serialized event into one bounded channel; for new caps it waits until all is drained.
//! 2. Four stage threads of [`crate::matter`] work on frames in order and let events through.
//! 3. The src pad's task waits for the engine, then pushes what comes out.
//! 4. A loading thread opens the engine from READY to PAUSED on; the state change does not wait.
//!    Going down to NULL does: no library may be taken down while it compiles.
//! 5. A flush or stop hangs up one channel, which wakes all of them; the session is kept.
//!
//! # CUDA memory (feature `cuda`)
//! Where libgstcuda and a driver are, both pads also take `video/x-raw(memory:CUDAMemory)`. The
//! stages then queue their work on one stream of the context that the pipeline shares, which is
//! the device's primary one unless somebody had another; frames of a foreign context are followed
//! there. The last stage waits for its frame, not for those behind it. A side in system memory
//! costs one copy of a frame.
mod control;
#[cfg(feature = "cuda")]
mod cuda;
#[cfg(feature = "cuda")]
mod cuda_memory;
mod engine;
mod events;
mod formats;
#[allow(missing_docs, reason = "the properties' accessors are derived")]
mod imp;
mod job;
mod log;
mod mapped;
mod mask_file;
mod negotiate;
mod pads;
mod prompts;
mod qos;
mod queries;
mod report;
mod settings;
mod stats;
mod stream;
mod task;

pub use log::GstLog;
pub use settings::{Arithmetic, Backend, Foreground, Propagate, Refine};

use crate::engines::{EngineError, Opened, Progress, Request};
use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

/// The category of `GST_DEBUG=mgdsam2matte:5`.
static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "mgdsam2matte",
        gst::DebugColorFlags::empty(),
        Some("MGD-SAM2 video matting"),
    )
});

glib::wrapper! {
    /// Frames in, frames with a true alpha channel out.
    pub struct MgdSam2Matte(ObjectSubclass<imp::MgdSam2Matte>)
        @extends gst::Element, gst::Object;
}

impl MgdSam2Matte {
    /// Opens engines in another way than [`crate::engines::open()`] from the next READY to PAUSED
    /// on, for applications that build their own.
    pub fn set_opener(
        &self,
        opener: impl Fn(&Request, &mut dyn FnMut(Progress)) -> Result<Opened, EngineError>
        + Send
        + Sync
        + 'static,
    ) {
        self.imp().set_opener(Arc::new(opener));
    }
}

/// Makes the element known to GStreamer.
pub fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    let rank = gst::Rank::NONE;
    gst::Element::register(Some(plugin), "mgdsam2matte", rank, MgdSam2Matte::static_type())
}

/// A poisoned lock still guards plain values.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
