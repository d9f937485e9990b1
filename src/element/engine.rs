//! The engine: loaded on its own thread, lent to one stream after the other.
use super::log;
use super::settings::Settings;
use crate::engines::{EngineError, Opened, Progress, Request};
use crate::matter::{Cancel, Session};
use crossbeam::channel::{Receiver, Sender, bounded, select_biased};
use gst::glib;
use gst::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// What opens engines: [`crate::engines::open()`], or a caller's own.
pub type Opener =
    dyn Fn(&Request, &mut dyn FnMut(Progress)) -> Result<Opened, EngineError> + Send + Sync;

/// The code of all progress messages.
const PROGRESS: &str = "engine";

/// What an engine turned out to be.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The recipe's name.
    pub model: String,
    /// What the weights are.
    pub weights: String,
    /// Library, version and device.
    pub backend: String,
    /// What it computes in.
    pub precision: String,
}

/// A session that is loading, at rest, or lent; or why there is none.
pub struct Engine {
    settings: Settings,
    rest: Sender<Result<Session, String>>,
    lend: Receiver<Result<Session, String>>,
    failed: AtomicBool,
    facts: Mutex<Option<Facts>>,
    loader: Mutex<Option<JoinHandle<()>>>,
}

impl Engine {
    /// Starts to load what `settings` ask for, and tells of it on the bus of `element`.
    pub fn load(
        settings: Settings,
        opener: Arc<Opener>,
        element: &gst::Element,
    ) -> Result<Arc<Self>, gst::ErrorMessage> {
        let request = settings.request()?;
        let (rest, lend) = bounded(1);
        let (failed, facts, loader) = (AtomicBool::new(false), Mutex::default(), Mutex::default());
        let engine = Arc::new(Self { settings, rest, lend, failed, facts, loader });
        let (shared, element) = (engine.clone(), element.downgrade());
        let work = move || {
            let open = AssertUnwindSafe(|| log::to_gst(|| open(&*opener, &request, &element)));
            let opened = catch_unwind(open).unwrap_or_else(|_| Err("opening panicked".into()));
            shared.give_back(opened.map(|opened| shared.unpack(opened)));
        };
        let thread = thread::Builder::new().name("matte-load".into()).spawn(work).map_err(|e| {
            gst::error_msg!(gst::ResourceError::Failed, ("cannot start a thread: {e}"))
        })?;
        *engine.loader.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(engine)
    }

    /// Whether this engine is what `settings` ask for, and did not fail.
    pub fn serves(&self, settings: &Settings) -> bool {
        !self.failed.load(Relaxed) && self.settings.same_engine(settings)
    }

    /// Waits for the session, or until `cancel` hangs up: then `None`.
    pub fn borrow(&self, cancel: &Cancel) -> Option<Result<Session, String>> {
        select_biased! {
            recv(cancel) -> _ => None,
            recv(self.lend) -> session => session.ok(),
        }
    }

    /// For the next stream.
    pub fn give_back(&self, session: Result<Session, String>) {
        self.failed.store(session.is_err(), Relaxed);
        // There is one session and one place.
        let _ = self.rest.try_send(session);
    }

    /// What was opened; `None` until it is.
    pub fn facts(&self) -> Option<Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until loading has ended: nothing may run in an engine's library when the process
    /// takes it down.
    pub fn join(&self) {
        let loader = self.loader.lock().unwrap_or_else(PoisonError::into_inner).take();
        loader.map(JoinHandle::join);
    }

    fn unpack(&self, opened: Opened) -> Session {
        let Opened { session, model, weights, backend, precision, .. } = opened;
        let precision = format!("{precision:?}").to_lowercase();
        let facts = Facts { model, weights, backend, precision };
        *self.facts.lock().unwrap_or_else(PoisonError::into_inner) = Some(facts);
        session
    }
}

/// Opens, and posts how far it is.
fn open(
    opener: &Opener,
    request: &Request,
    element: &glib::WeakRef<gst::Element>,
) -> Result<Opened, String> {
    let post = |kind, text: &str| {
        if let Some(element) = element.upgrade() {
            let message = gst::message::Progress::builder(kind, PROGRESS, text).src(&element);
            // Without a bus nobody wants to know.
            let _ = element.post_message(message.build());
        }
    };
    post(gst::ProgressType::Start, &format!("opening `{}`", request.model));
    let opened = opener(request, &mut |progress: Progress| {
        let percent = (100.0 * progress.fraction).round();
        post(gst::ProgressType::Continue, &format!("{} ({percent} %)", progress.stage));
    });
    match opened {
        Ok(opened) => {
            warn(element, &opened.warnings);
            post(gst::ProgressType::Complete, &format!("{} on {}", opened.model, opened.backend));
            Ok(opened)
        }
        Err(error) => {
            let reason = chain(&error);
            post(gst::ProgressType::Error, &reason);
            Err(reason)
        }
    }
}

/// What a user must be told goes to the bus, where applications show it.
fn warn(element: &glib::WeakRef<gst::Element>, warnings: &[String]) {
    let Some(element) = element.upgrade() else { return };
    for warning in warnings {
        gst::element_warning!(element, gst::ResourceError::Settings, ("{warning}"));
    }
}

/// An error and all its causes in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}
