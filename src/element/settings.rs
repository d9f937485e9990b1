//! What a user sets, and what it means to the modules below.
use super::prompts;
use crate::engines::{BackendChoice, Precision, Provider, Recipe, Request, WeightSource, Weights};
use crate::frame::composite::Output;
use crate::frame::foreground;
use crate::frame::refine;
use crate::matter::{Options, Prompt, Propagation};
use gst::glib;
use std::path::PathBuf;
use std::time::Duration;

/// What runs the engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstMgdSam2MatteBackend")]
pub enum Backend {
    /// Whatever is best here.
    #[default]
    #[enum_value(name = "The best that this machine has", nick = "auto")]
    Auto,
    /// OpenVINO.
    #[enum_value(name = "OpenVINO on the CPU", nick = "openvino")]
    OpenVino,
    /// TensorRT.
    #[enum_value(name = "TensorRT on an NVIDIA GPU", nick = "tensorrt")]
    TensorRt,
    /// ONNX Runtime by CUDA.
    #[enum_value(name = "ONNX Runtime's CUDA provider", nick = "onnxruntime")]
    OnnxRuntime,
    /// ONNX Runtime by TensorRT.
    #[enum_value(name = "ONNX Runtime's TensorRT provider", nick = "onnxruntime-tensorrt")]
    OnnxRuntimeTensorRt,
    /// ONNX Runtime on the CPU.
    #[enum_value(name = "ONNX Runtime on the CPU", nick = "onnxruntime-cpu")]
    OnnxRuntimeCpu,
}

/// What the engine computes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstMgdSam2MattePrecision")]
pub enum Arithmetic {
    /// The fastest allowed.
    #[default]
    #[enum_value(name = "The fastest that the model and this machine allow", nick = "auto")]
    Auto,
    /// The reference.
    #[enum_value(name = "Single precision", nick = "f32")]
    F32,
    /// Eight bits of mantissa.
    #[enum_value(name = "bfloat16", nick = "bf16")]
    Bf16,
    /// Half.
    #[enum_value(name = "Half precision", nick = "f16")]
    F16,
}

/// From the model's size to the frame's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstMgdSam2MatteRefine")]
pub enum Refine {
    /// As the recipe says.
    #[default]
    #[enum_value(name = "What suits the model", nick = "auto")]
    Auto,
    /// Edges follow the frame.
    #[enum_value(
        name = "Edges follow the frame's luma, finer than the model",
        nick = "guided-filter"
    )]
    GuidedFilter,
    /// Edges move to the frame's.
    #[enum_value(name = "Edges move to where the frame's colours have them", nick = "color-lines")]
    ColorLines,
    /// Edges are as coarse as the model's picture.
    #[enum_value(name = "The model's alpha, enlarged", nick = "off")]
    Off,
}

/// What frames take over from those before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstMgdSam2MattePropagation")]
pub enum Propagate {
    /// The tracker says which object.
    #[default]
    #[enum_value(
        name = "The object is remembered and followed, where the model has a tracker",
        nick = "memory"
    )]
    Memory,
    /// Each frame by itself.
    #[enum_value(name = "Every frame by itself", nick = "off")]
    Off,
}

/// The colours where alpha is between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstMgdSam2MatteForeground")]
pub enum Foreground {
    /// As they came.
    #[default]
    #[enum_value(name = "The frame's own, with some background in them", nick = "original")]
    Original,
    /// Without the background.
    #[enum_value(name = "An estimate of the foreground's alone", nick = "estimated")]
    Estimated,
}

/// The element's properties, taken by copy.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub model: String,
    pub weights: String,
    pub tracker_weights: String,
    pub backend: Backend,
    pub precision: Arithmetic,
    pub threads: u32,
    pub cache_dir: String,
    pub cuda_device_id: i32,
    pub interval: u32,
    pub propagation: Propagate,
    pub prompt: String,
    pub prompt_mask: String,
    pub memory_frames: u32,
    pub scene_cut: f32,
    pub redetect: f32,
    pub refine: Refine,
    pub steady: bool,
    pub foreground: Foreground,
    pub premultiplied: bool,
    pub background: String,
    pub max_frames_in_flight: u32,
}

impl Default for Settings {
    fn default() -> Self {
        let propagation = Propagation::default();
        Self {
            model: "nano".into(),
            weights: String::new(),
            tracker_weights: String::new(),
            backend: Backend::Auto,
            precision: Arithmetic::Auto,
            threads: 0,
            cache_dir: String::new(),
            cuda_device_id: -1,
            interval: 1,
            propagation: Propagate::Memory,
            prompt: String::new(),
            prompt_mask: String::new(),
            memory_frames: 0,
            scene_cut: propagation.scene_cut.unwrap_or(0.0),
            redetect: propagation.redetect.map_or(0.0, |after| after.as_secs_f32()),
            refine: Refine::Auto,
            steady: false,
            foreground: Foreground::Original,
            premultiplied: false,
            background: "none".into(),
            max_frames_in_flight: 3,
        }
    }
}

impl Settings {
    /// What to open.
    pub fn request(&self) -> Result<Request, gst::ErrorMessage> {
        Ok(Request {
            model: self.model.clone(),
            weights: self.weights()?,
            backend: match self.backend {
                Backend::Auto => BackendChoice::Auto,
                Backend::OpenVino => BackendChoice::OpenVino,
                Backend::TensorRt => BackendChoice::TensorRt,
                Backend::OnnxRuntime => BackendChoice::OnnxRuntime(Provider::Cuda),
                Backend::OnnxRuntimeTensorRt => BackendChoice::OnnxRuntime(Provider::TensorRt),
                Backend::OnnxRuntimeCpu => BackendChoice::OnnxRuntime(Provider::Cpu),
            },
            precision: match self.precision {
                Arithmetic::Auto => None,
                Arithmetic::F32 => Some(Precision::F32),
                Arithmetic::Bf16 => Some(Precision::Bf16),
                Arithmetic::F16 => Some(Precision::F16),
            },
            threads: self.threads as usize,
            cache: Some(PathBuf::from(&self.cache_dir)).filter(|dir| !dir.as_os_str().is_empty()),
            // -1 is whichever CUDA counts first.
            cuda_device: u32::try_from(self.cuda_device_id).unwrap_or(0),
            ..Request::default()
        })
    }

    fn weights(&self) -> Result<Weights, gst::ErrorMessage> {
        let mgd = weights("weights", &self.weights)?;
        let sam2 = match (weights("tracker-weights", &self.tracker_weights)?, &mgd) {
            (WeightSource::Recipe, WeightSource::Random(seed)) => WeightSource::Random(*seed),
            (sam2, _) => sam2,
        };
        Ok(Weights { mgd, sam2 })
    }

    /// Whether one engine serves both.
    pub fn same_engine(&self, other: &Self) -> bool {
        (&self.model, &self.cache_dir) == (&other.model, &other.cache_dir)
            && (&self.weights, &self.tracker_weights) == (&other.weights, &other.tracker_weights)
            && (self.backend, self.precision, self.threads, self.cuda_device_id)
                == (other.backend, other.precision, other.threads, other.cuda_device_id)
    }

    /// What the first frame is prompted with, if anything.
    pub fn prompt(&self) -> Result<Option<Prompt>, gst::ErrorMessage> {
        let prompt = prompts::read(&self.prompt, &self.prompt_mask)?;
        prompt.map(|prompt| self.check_prompt(prompt)).transpose()
    }

    /// `prompt`, if the model was trained on such. Whether there is such a model shows when it is
    /// opened.
    pub fn check_prompt(&self, prompt: Prompt) -> Result<Prompt, gst::ErrorMessage> {
        let checked = Recipe::find(&self.model).map_or(Ok(()), |r| r.check_prompt(&prompt));
        checked.map(|()| prompt).map_err(|error| prompts::wrong(error.to_string()))
    }

    /// How the next frame, of running time `time`, is matted.
    pub fn options(
        &self,
        is_first: bool,
        time: Option<gst::ClockTime>,
    ) -> Result<Options, gst::ErrorMessage> {
        let refine = match self.refine {
            Refine::Auto => None,
            Refine::GuidedFilter => Some(refine::RefineMode::GuidedFilter),
            Refine::ColorLines => Some(refine::RefineMode::ColorLines),
            Refine::Off => Some(refine::RefineMode::Off),
        };
        let foreground = match self.foreground {
            Foreground::Original => foreground::Foreground::Original,
            Foreground::Estimated => foreground::Foreground::Estimated,
        };
        let output = match (background(&self.background)?, self.premultiplied) {
            (Some(colour), _) => Output::Over(colour),
            (None, true) => Output::Premultiplied,
            (None, false) => Output::Straight,
        };
        let positive = |value: f32| Some(value).filter(|value| *value > 0.0);
        let propagation = Propagation {
            is_on: self.propagation == Propagate::Memory,
            memory_frames: self.memory_frames,
            scene_cut: positive(self.scene_cut),
            redetect: positive(self.redetect).map(Duration::from_secs_f32),
        };
        let (interval, steady, time) = (self.interval, self.steady, time.map(Duration::from));
        Ok(Options { interval, is_first, time, propagation, refine, steady, foreground, output })
    }
}

/// Empty is the recipe's, `random:SEED` is drawn, all else is a path.
fn weights(property: &str, text: &str) -> Result<WeightSource, gst::ErrorMessage> {
    match (text, text.strip_prefix("random:")) {
        ("", _) => Ok(WeightSource::Recipe),
        (_, Some(seed)) => seed.parse().map(WeightSource::Random).map_err(|_| {
            gst::error_msg!(
                gst::ResourceError::Settings,
                ("`{property}`: expected a whole number after `random:`, found `{seed}`")
            )
        }),
        (path, None) => Ok(WeightSource::Checkpoint(path.into())),
    }
}

/// R'G'B' of a colour's name or of `0xRRGGBB`; `None` for `none`.
fn background(text: &str) -> Result<Option<[u8; 3]>, gst::ErrorMessage> {
    let wrong = || {
        gst::error_msg!(
            gst::ResourceError::Settings,
            ("`background`: expected none, black, white, gray, red, green, blue or 0xRRGGBB, \
              found `{text}`")
        )
    };
    let rgb = match text {
        "" | "none" => return Ok(None),
        "black" => 0x00_00_00,
        "white" => 0xff_ff_ff,
        "gray" => 0x80_80_80,
        "red" => 0xff_00_00,
        "green" => 0x00_ff_00,
        "blue" => 0x00_00_ff,
        _ => {
            let digits = text.strip_prefix("0x").or(text.strip_prefix('#')).ok_or_else(wrong)?;
            let is_hex = digits.len() == 6 && digits.bytes().all(|d| d.is_ascii_hexdigit());
            let parsed = u32::from_str_radix(digits, 16).ok().filter(|_| is_hex);
            parsed.ok_or_else(wrong)?
        }
    };
    let [_, r, g, b] = rgb.to_be_bytes();
    Ok(Some([r, g, b]))
}
