//! The element: its properties, its streams and its one call per frame.
use super::control;
#[cfg(feature = "cuda")]
use super::cuda_memory::Contexts;
use super::engine::{Engine, Opener};
use super::formats;
use super::lock;
use super::negotiate::Video;
use super::prompts::Prompts;
use super::qos::Qos;
use super::settings::{Arithmetic, Backend, Foreground, Propagate, Refine, Settings};
use super::stats::Stats;
use super::stream::Stream;
use gst::glib;
use gst::glib::subclass::Signal;
use gst::prelude::*;
use gst::subclass::prelude::*;
use std::sync::{Arc, LazyLock, Mutex};

pub(super) type Segment = gst::FormattedSegment<gst::ClockTime>;

/// From the src pad's activation to its deactivation.
pub(super) struct State {
    pub(super) stream: Arc<Stream>,
    pub(super) engine: Arc<Engine>,
    pub(super) frames: u32,
    pub(super) video: Option<Video>,
    pub(super) segment: Option<Segment>,
    /// The next frame does not continue the one before.
    pub(super) is_first: bool,
}

/// The element.
#[derive(glib::Properties)]
#[properties(wrapper_type = super::MgdSam2Matte)]
pub struct MgdSam2Matte {
    #[property(name = "model", nick = "Model", get, set, type = String, member = model,
        default = Some("nano"), mutable_ready,
        blurb = "A recipe's name (nano, sam2.1-tiny, base-plus, ...) or the path of a recipe file")]
    #[property(name = "weights", nick = "Weights", get, set, type = String, member = weights,
        default = Some(""), mutable_ready,
        blurb = "Empty for the recipe's own, a checkpoint's path, or random:SEED")]
    #[property(name = "tracker-weights", nick = "Tracker's weights", get, set, type = String,
        member = tracker_weights, default = Some(""), mutable_ready,
        blurb = "A SAM2.1 checkpoint for a model whose tracker has its own encoder; else as weights")]
    #[property(name = "backend", nick = "Backend", get, set, type = Backend, member = backend,
        mutable_ready, blurb = "What runs the engines", builder(Backend::Auto))]
    #[property(name = "precision", nick = "Precision", get, set, type = Arithmetic,
        member = precision, mutable_ready,
        blurb = "What the engine computes in; stats tells what auto became",
        builder(Arithmetic::Auto))]
    #[property(name = "threads", nick = "Threads", get, set, type = u32, member = threads,
        default = 0, mutable_ready, blurb = "Threads of each engine; 0 suits the model: one per core, or two engines share them")]
    #[property(name = "cache-dir", nick = "Cache folder", get, set, type = String,
        member = cache_dir, default = Some(""), mutable_ready,
        blurb = "Where built engines are kept; empty for the user's cache folder")]
    #[property(name = "cuda-device-id", nick = "CUDA device", get, set, type = i32,
        member = cuda_device_id, default = -1, minimum = -1, mutable_ready,
        blurb = "For frames in CUDA memory, unless the pipeline shares a context of its own; -1 is \
        automatic")]
    #[property(name = "interval", nick = "Interval", get, set, type = u32, member = interval,
        default = 1, minimum = 1, mutable_playing,
        blurb = "Infer every n-th frame; the frames between follow their own edges")]
    #[property(name = "propagation", nick = "Propagation", get, set, type = Propagate,
        member = propagation, mutable_playing,
        blurb = "What frames take over from those before", builder(Propagate::Memory))]
    #[property(name = "prompt", nick = "Prompt", get, set, type = String, member = prompt,
        default = Some(""), mutable_playing,
        blurb = "Which object, on the first frame or, while playing, the next: point=X,Y on it, point=X,Y,- beside it, \
        box=X0,Y0,X1,Y1 around it, several with spaces between; 0,0 is the top left corner, 1,1 \
        the bottom right. Empty for whatever is in the foreground")]
    #[property(name = "prompt-mask", nick = "Prompt mask", get, set, type = String,
        member = prompt_mask, default = Some(""), mutable_playing,
        blurb = "A PNG of the object on the first frame: its alpha, or white on black")]
    #[property(name = "memory-frames", nick = "Memory frames", get, set, type = u32,
        member = memory_frames, default = 0, maximum = 64, mutable_playing,
        blurb = "The most frames that a frame looks back at; 0 is as many as the model has places")]
    #[property(name = "scene-cut", nick = "Scene cut", get, set, type = f32, member = scene_cut,
        default = 0.2, minimum = 0.0, maximum = 1.0, mutable_playing,
        blurb = "Forget everything where two frames differ by more than this; 0 is never")]
    #[property(name = "redetect", nick = "Redetect", get, set, type = f32, member = redetect,
        default = 0.0, minimum = 0.0, maximum = 86_400.0, mutable_playing,
        blurb = "Seconds that the object may be away before another is looked for; 0 is never")]
    #[property(name = "refine", nick = "Refine", get, set, type = Refine, member = refine,
        mutable_playing,
        blurb = "How the model's alpha becomes the frame's size", builder(Refine::Auto))]
    #[property(name = "steady", nick = "Steady", get, set, type = bool, member = steady,
        default = false, mutable_playing,
        blurb = "Hold the matte still where the picture stands still")]
    #[property(name = "foreground", nick = "Foreground", get, set, type = Foreground,
        member = foreground, mutable_playing,
        blurb = "Which colours go with alpha where it is between 0 and 1",
        builder(Foreground::Original))]
    #[property(name = "premultiplied", nick = "Premultiplied", get, set, type = bool,
        member = premultiplied, default = false, mutable_playing,
        blurb = "Multiply colours by alpha; most of GStreamer expects that they are not")]
    #[property(name = "background", nick = "Background", get, set, type = String,
        member = background, default = Some("none"), mutable_playing,
        blurb = "Composite over black, white, gray, red, green, blue or 0xRRGGBB; none keeps alpha")]
    #[property(name = "max-frames-in-flight", nick = "Frames in flight", get, set, type = u32,
        member = max_frames_in_flight, default = 3, minimum = 1, maximum = 64, mutable_ready,
        blurb = "Frames in the element at a time: 1 has the least latency, 3 keeps all stages busy")]
    pub(super) settings: Mutex<Settings>,
    pub(super) stats: Mutex<Stats>,
    pub(super) sinkpad: gst::Pad,
    pub(super) srcpad: gst::Pad,
    pub(super) state: Mutex<Option<State>>,
    /// Held while a stream is started or stopped, so that a flush and a stop do not mix.
    pub(super) turnover: Mutex<()>,
    pub(super) engine: Mutex<Option<Arc<Engine>>>,
    opener: Mutex<Arc<Opener>>,
    pub(super) prompts: Mutex<Prompts>,
    pub(super) qos: Arc<Qos>,
    /// What the latency query last said of us.
    pub(super) latency: Mutex<gst::ClockTime>,
    #[cfg(feature = "cuda")]
    pub(super) contexts: Contexts,
}

#[glib::object_subclass]
impl ObjectSubclass for MgdSam2Matte {
    const NAME: &'static str = "GstMgdSam2Matte";
    type Type = super::MgdSam2Matte;
    type ParentType = gst::Element;

    fn with_class(class: &Self::Class) -> Self {
        let template = |name| class.pad_template(name).expect("both templates are ours");
        Self {
            settings: Mutex::default(),
            stats: Mutex::default(),
            sinkpad: Self::sinkpad(&template("sink")),
            srcpad: Self::srcpad(&template("src")),
            state: Mutex::new(None),
            turnover: Mutex::new(()),
            engine: Mutex::new(None),
            opener: Mutex::new(Arc::new(crate::engines::open)),
            prompts: Mutex::default(),
            qos: Arc::default(),
            latency: Mutex::default(),
            #[cfg(feature = "cuda")]
            contexts: Contexts::default(),
        }
    }
}

impl ObjectImpl for MgdSam2Matte {
    fn properties() -> &'static [glib::ParamSpec] {
        static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
            // The derive knows no structures.
            let stats = glib::ParamSpecBoxed::builder::<gst::Structure>("stats")
                .nick("Statistics")
                .blurb(
                    "Counts, milliseconds per stage, and the model, backend and precision in use",
                )
                .read_only();
            MgdSam2Matte::derived_properties().iter().cloned().chain([stats.build()]).collect()
        });
        &PROPERTIES
    }

    fn signals() -> &'static [Signal] {
        static SIGNALS: LazyLock<Vec<Signal>> = LazyLock::new(control::signals);
        &SIGNALS
    }

    fn set_property(&self, id: usize, value: &glib::Value, property: &glib::ParamSpec) {
        self.derived_set_property(id, value, property);
        if ["prompt", "prompt-mask"].contains(&property.name()) {
            self.prompt_changed();
        }
    }

    fn property(&self, id: usize, property: &glib::ParamSpec) -> glib::Value {
        match property.name() {
            "stats" => self.stats().to_value(),
            _ => self.derived_property(id, property),
        }
    }

    fn constructed(&self) {
        self.parent_constructed();
        let element = self.obj();
        for pad in [&self.sinkpad, &self.srcpad] {
            element.add_pad(pad).expect("the element has no other pads");
        }
    }
}

impl GstObjectImpl for MgdSam2Matte {}

impl ElementImpl for MgdSam2Matte {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "MGD-SAM2 video matting",
                "Filter/Effect/Video",
                "Cuts the foreground out of video: writes its alpha channel (RGBA, BGRA, ARGB, ABGR, \
                 A420, AYUV), the matte alone (GRAY8, GRAY16_LE), or the frame over a plain background. \
                 decodebin ! videoconvert ! mgdsam2matte ! videoconvert ! video/x-raw,format=BGRA \
                 ! avenc_ffv1 ! matroskamux keeps the alpha in a file",
                concat!("the developers of ", env!("CARGO_PKG_NAME")),
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let template = |name, direction, side: formats::Side| {
                let caps = side.template();
                gst::PadTemplate::new(name, direction, gst::PadPresence::Always, &caps)
                    .expect("name, direction and caps are in order")
            };
            vec![
                template("sink", gst::PadDirection::Sink, formats::INPUT),
                template("src", gst::PadDirection::Src, formats::OUTPUT),
            ]
        });
        &TEMPLATES
    }

    fn change_state(
        &self,
        transition: gst::StateChange,
    ) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        if transition == gst::StateChange::ReadyToPaused {
            self.load_engine().map_err(|error| {
                self.post_error_message(error);
                gst::StateChangeError
            })?;
        }
        let success = self.parent_change_state(transition)?;
        if transition == gst::StateChange::ReadyToNull
            && let Some(engine) = lock(&self.engine).take()
        {
            engine.join();
        }
        Ok(success)
    }

    #[cfg(feature = "cuda")]
    fn set_context(&self, context: &gst::Context) {
        self.take_context(context);
        self.parent_set_context(context);
    }
}

impl MgdSam2Matte {
    pub(super) fn set_opener(&self, opener: Arc<Opener>) {
        *lock(&self.opener) = opener;
    }

    /// Starts to load what the settings ask for, unless that is here. Nobody waits.
    fn load_engine(&self) -> Result<(), gst::ErrorMessage> {
        let settings = lock(&self.settings).clone();
        settings.options(true, None)?;
        settings.prompt()?;
        let mut engine = lock(&self.engine);
        if !engine.as_ref().is_some_and(|engine| engine.serves(&settings)) {
            let opener = lock(&self.opener).clone();
            *engine = Some(Engine::load(settings, opener, self.obj().upcast_ref())?);
        }
        *lock(&self.stats) = Stats::default();
        #[cfg(feature = "cuda")]
        self.contexts.forget_host_copies();
        Ok(())
    }
}
