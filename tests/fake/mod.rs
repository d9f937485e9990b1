//! An engine whose logits are its picture, and whose runs a test holds in hand.
#![allow(dead_code, reason = "each test file uses what it needs")]
pub mod tracker;

use gst::glib;
use gst::prelude::*;
use gstmgdsam2::backend::{BackendError, Engine, Tensor};
use gstmgdsam2::element::MgdSam2Matte;
use gstmgdsam2::engines::{Opened, Precision};
use gstmgdsam2::session::Session;
use gstmgdsam2::signature::{self, Signature};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, Once};
use std::time::{Duration, Instant};

/// The side of the model's picture.
pub const SIDE: usize = 16;
/// No wait in a test is longer.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// What the test tells the engine, and what it sees of it.
pub struct Control {
    /// Runs so far.
    pub runs: AtomicUsize,
    /// The run that fails, counted from 0.
    pub fails_at: AtomicUsize,
    /// How long a run takes, in milliseconds.
    pub takes_ms: AtomicUsize,
    closed: Mutex<bool>,
    changed: Condvar,
}

impl Control {
    /// An engine that runs at once.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            runs: AtomicUsize::new(0),
            fails_at: AtomicUsize::new(usize::MAX),
            takes_ms: AtomicUsize::new(0),
            closed: Mutex::new(false),
            changed: Condvar::new(),
        })
    }

    /// Runs begin and do not end.
    pub fn close(&self) {
        *self.closed.lock().unwrap() = true;
    }

    /// Runs end.
    pub fn open(&self) {
        *self.closed.lock().unwrap() = false;
        self.changed.notify_all();
    }

    fn pass(&self) {
        let closed = self.closed.lock().unwrap();
        let closed = self.changed.wait_timeout_while(closed, PATIENCE, |closed| *closed).unwrap().0;
        assert!(!*closed, "nobody opened the engine");
    }

    /// A session on this engine.
    pub fn session(self: &Arc<Self>) -> Session {
        let engine = Fake { signature: signature::image(SIDE / 2), control: self.clone() };
        Session::new(Box::new(engine)).unwrap()
    }
}

struct Fake {
    signature: Signature,
    control: Arc<Control>,
}

/// The logit of a grey value: 0 is certainly background, 255 certainly foreground.
pub fn logit(value: u8) -> f32 {
    (f32::from(value) - 127.5) / 32.0
}

/// Alpha that a flat picture of that grey value gets, of 255.
pub fn alpha(value: u8) -> u8 {
    (255.0 / (1.0 + (-logit(value)).exp())).round() as u8
}

impl Engine for Fake {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn run(&mut self, inputs: &[&Tensor], outputs: &mut [Tensor]) -> Result<(), BackendError> {
        let run = self.control.runs.fetch_add(1, SeqCst);
        self.control.pass();
        std::thread::sleep(Duration::from_millis(self.control.takes_ms.load(SeqCst) as u64));
        if run == self.control.fails_at.load(SeqCst) {
            let (expected, found) = ("a working engine".into(), "the one that fails".into());
            return Err(BackendError::Tensor { name: "image".into(), expected, found });
        }
        let (Tensor::U8(image), Tensor::F32(logits)) = (inputs[0], &mut outputs[0]) else {
            panic!("{:?}", self.signature)
        };
        logits.iter_mut().zip(image.chunks(3)).for_each(|(to, rgb)| *to = logit(rgb[0]));
        Ok(())
    }
}

/// GStreamer with our plugin, where a GLib warning ends the test.
pub fn init() {
    static INIT: Once = Once::new();
    INIT.call_once(|| {
        gst::init().unwrap();
        gstmgdsam2::plugin_register_static().unwrap();
        glib::log_set_always_fatal(
            glib::LogLevels::LEVEL_WARNING
                | glib::LogLevels::LEVEL_CRITICAL
                | glib::LogLevels::LEVEL_ERROR,
        );
    });
}

/// The element on a fake engine.
pub fn element(control: &Arc<Control>) -> MgdSam2Matte {
    let control = control.clone();
    element_of(move || control.session())
}

/// The element on a session of the test's own.
pub fn element_of(session: impl Fn() -> Session + Send + Sync + 'static) -> MgdSam2Matte {
    init();
    let element = gst::ElementFactory::make("mgdsam2matte").build().unwrap();
    let element = element.downcast::<MgdSam2Matte>().unwrap();
    element.set_opener(move |request, _| {
        Ok(Opened {
            session: session(),
            model: request.model.clone(),
            weights: "none".into(),
            tracker: None,
            backend: "fake".into(),
            precision: Precision::F32,
            warnings: Vec::new(),
        })
    });
    element
}

/// Waits until `done`, and not for ever.
#[track_caller]
pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
