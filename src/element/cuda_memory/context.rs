//! Which CUDA context the pipeline shares: one that somebody has, else the primary one.
use super::library::{RawContext, functions};
use super::{CudaMemoryError, Link};
use crate::cuda::Device;
use gst::glib::translate::{FromGlibPtrFull, ToGlibPtr};
use gst::prelude::*;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

/// GStreamer's name of the context.
const TYPE: &str = "gst.cuda.context";

/// The context that the element and its neighbours share; none before somebody asks.
#[derive(Default)]
pub struct Contexts {
    shared: Mutex<Option<gst::Object>>,
    host_copies: Arc<AtomicU64>,
}

impl Contexts {
    /// Takes `context` if it is a CUDA context of the wanted device and there is none yet.
    pub fn set(&self, element: &gst::Element, context: &gst::Context, device_id: i32) {
        let (true, Ok(functions)) = (context.context_type() == TYPE, functions()) else { return };
        let mut kept = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.is_some() {
            return;
        }
        let mut found: *mut RawContext = ptr::null_mut();
        // SAFETY: all are alive; what is found is ours.
        *kept = unsafe {
            let (element, context) = (element.as_ptr(), context.to_glib_none().0);
            (functions.handle_set_context)(element, context, device_id, &mut found);
            (!found.is_null()).then(|| gst::Object::from_glib_full(found))
        };
    }

    /// Answers a neighbour's query for a CUDA context: with the shared one, which this makes the
    /// primary one if there is none yet.
    pub fn answer(
        &self,
        element: &gst::Element,
        query: &mut gst::query::Context,
        device_id: i32,
    ) -> bool {
        if query.context_type() != TYPE {
            return false;
        }
        let Ok(functions) = functions() else { return false };
        let Ok(context) = self.or_primary(device_id) else { return false };
        // SAFETY: all are alive; the query keeps a reference of its own.
        unsafe {
            (functions.handle_context_query)(element.as_ptr(), query.as_mut_ptr(), context.as_ptr())
                != 0
        }
    }

    /// A device in the shared context: what neighbours or the application have, else the primary
    /// context, which everybody is told of.
    pub fn link(
        &self,
        element: &gst::Element,
        device_id: i32,
    ) -> Result<Arc<Link>, CudaMemoryError> {
        let kept = || self.shared.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if kept().is_none() {
            ask(element);
        }
        if let Some(context) = kept() {
            return self.link_in(context);
        }
        let context = self.or_primary(device_id)?;
        // SAFETY: the context is alive; the result is ours.
        let shared = unsafe {
            gst::Context::from_glib_full((functions()?.new_gst_context)(context.as_ptr()))
        };
        element.set_context(&shared);
        let message = gst::message::HaveContext::builder(shared).src(element).build();
        // Without a bus nobody wants to know.
        let _ = element.post_message(message);
        self.link_in(context)
    }

    /// A device in `context`, whoever's it is.
    pub fn link_in(&self, context: gst::Object) -> Result<Arc<Link>, CudaMemoryError> {
        Link::new(context, self.host_copies.clone())
    }

    /// Pictures and logits that went between host and device so far, on all devices of the element.
    pub fn host_copies(&self) -> u64 {
        self.host_copies.load(Relaxed)
    }

    /// Counts from 0 on.
    pub fn forget_host_copies(&self) {
        self.host_copies.store(0, Relaxed);
    }

    fn or_primary(&self, device_id: i32) -> Result<gst::Object, CudaMemoryError> {
        let mut kept = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(context) = &*kept {
            return Ok(context.clone());
        }
        let ordinal = usize::try_from(device_id).unwrap_or(0);
        let device = Link::primary(ordinal)?;
        Ok(kept.insert(wrap(&device, ordinal)?).clone())
    }
}

fn wrap(device: &Device, ordinal: usize) -> Result<gst::Object, CudaMemoryError> {
    // SAFETY: a primary context, once opened by us, stays until the process ends.
    let context = unsafe { (functions()?.context_new_wrapped)(device.handle(), device.ordinal()) };
    if context.is_null() {
        return Err(CudaMemoryError::NoContext(ordinal));
    }
    // SAFETY: a new object, whose only reference is ours.
    Ok(unsafe { gst::Object::from_glib_full(context) })
}

/// Asks downstream, then upstream, then the bins and the application; who has a context sets it.
fn ask(element: &gst::Element) {
    let mut query = gst::query::Context::new(TYPE);
    for pad in element.src_pads().into_iter().chain(element.sink_pads()) {
        if pad.peer_query(&mut query)
            && let Some(context) = query.context_owned()
        {
            return element.set_context(&context);
        }
    }
    let message = gst::message::NeedContext::builder(TYPE).src(element).build();
    // Without a bus nobody has any.
    let _ = element.post_message(message);
}
