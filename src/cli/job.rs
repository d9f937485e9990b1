//! What will run: every wish checked against the others and against the files, before any work.
use super::args::{Backend, MatteArgs, ModelArgs, Precision, WeightArgs};
use super::interrupt::interrupted;
use super::object::Object;
use super::picture;
use anyhow::{Context, bail, ensure};
use clap::ValueEnum;
use gstmgdsam2::engines::{BackendChoice, Provider, Request, WeightSource, Weights};
use gstmgdsam2::signature;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// One clip to matte.
#[derive(Debug)]
pub struct MatteJob {
    /// Where frames come from.
    pub source: Source,
    /// Where mattes go.
    pub sink: Sink,
    /// What an output frame holds.
    pub content: Content,
    /// Infer every n-th frame.
    pub interval: u32,
    /// Frames per second of pictures.
    pub framerate: u32,
    /// Where the logits go, if anywhere.
    pub dump: Option<PathBuf>,
    /// Which object to follow.
    pub object: Object,
    /// The element's properties that say which engine and what the matte looks like.
    pub properties: Vec<(&'static str, String)>,
    /// Where unfinished output lies; beside the output if nowhere else.
    pub scratch: Option<PathBuf>,
}

/// Where frames come from.
#[derive(Debug, PartialEq, Eq)]
pub enum Source {
    /// A file that GStreamer demuxes.
    Clip(PathBuf),
    /// Files of one picture each.
    Pictures(Vec<PathBuf>),
}

/// Where mattes go.
#[derive(Debug, PartialEq, Eq)]
pub enum Sink {
    /// One file in a container.
    Clip(Container, PathBuf),
    /// A folder of PNGs.
    Folder(PathBuf),
    /// One PNG.
    Picture(PathBuf),
    /// Only the logits are wanted.
    Nowhere,
}

/// A container with its codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// ProRes 4444 in QuickTime.
    Mov,
    /// FFV1 in Matroska.
    Mkv,
    /// H.264 in MP4: no alpha.
    Mp4,
}

/// What an output frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// The frame with straight alpha.
    Cutout,
    /// The matte itself, grey.
    Alpha,
    /// The matte itself, grey, in 16 bits.
    Alpha16,
    /// The frame over 0xrrggbb.
    Over(u32),
}

impl MatteJob {
    /// The job that `typed` asks for.
    pub fn new(typed: &MatteArgs) -> anyhow::Result<Self> {
        let source = Source::at(&typed.input)?;
        let content = match (typed.background, typed.alpha_only) {
            (Some(colour), _) => Content::Over(colour),
            (None, true) => Content::Alpha,
            (None, false) => Content::Cutout,
        };
        let sink = typed.output.as_deref().map_or(Ok(Sink::Nowhere), Sink::at)?;
        sink.check(content, &source)?;
        Ok(Self {
            source,
            sink,
            content,
            interval: typed.interval,
            framerate: typed.framerate,
            dump: typed.dump.clone(),
            object: Object::new(&typed.object, &typed.model.model)?,
            properties: [properties(&typed.model)?, looks(typed)].concat(),
            scratch: None,
        })
    }
}

impl Source {
    /// What lies at `path`.
    pub fn at(path: &Path) -> anyhow::Result<Self> {
        let metadata =
            path.metadata().with_context(|| format!("cannot read {}", path.display()))?;
        Ok(match (metadata.is_dir(), picture::is_picture(path)) {
            (true, _) => Self::Pictures(picture::in_folder(path)?),
            (false, true) => Self::Pictures(vec![path.into()]),
            (false, false) => Self::Clip(path.into()),
        })
    }
}

impl Sink {
    fn at(path: &Path) -> anyhow::Result<Self> {
        if path.is_dir() || path.as_os_str().as_encoded_bytes().ends_with(b"/") {
            return Ok(Self::Folder(path.into()));
        }
        let Some(extension) = path.extension() else { return Ok(Self::Folder(path.into())) };
        Ok(match extension.to_ascii_lowercase().to_str() {
            Some("mov") => Self::Clip(Container::Mov, path.into()),
            Some("mkv") => Self::Clip(Container::Mkv, path.into()),
            Some("mp4") => Self::Clip(Container::Mp4, path.into()),
            Some("png") => Self::Picture(path.into()),
            _ => bail!(
                "{}: expected .mov, .mkv, .mp4, .png or a folder (ending in /), found .{}",
                path.display(),
                extension.display()
            ),
        })
    }

    /// Whether such frames from there can go here.
    fn check(&self, content: Content, source: &Source) -> anyhow::Result<()> {
        match self {
            Self::Clip(Container::Mp4, path) => ensure!(
                matches!(content, Content::Over(_)),
                "{}: H.264 holds no alpha: expected --background RRGGBB, or .mov or .mkv",
                path.display()
            ),
            Self::Clip(Container::Mov, path) => ensure!(
                content != Content::Alpha,
                "{}: --alpha-only expects .mkv, .png or a folder, found .mov",
                path.display()
            ),
            Self::Picture(path) => ensure!(
                matches!(source, Source::Pictures(pictures) if pictures.len() == 1),
                "{}: one .png holds one picture: expected .mov, .mkv or a folder for this input",
                path.display()
            ),
            _ => {}
        }
        Ok(())
    }
}

/// The engines of `recipe` that `typed` asks for, from the cache at `cache` or the user's.
pub fn engine_request(
    recipe: &str,
    typed: &WeightArgs,
    cache: Option<PathBuf>,
) -> anyhow::Result<Request> {
    let source = |file: &Option<PathBuf>| {
        anyhow::Ok(match (file, typed.random_weights) {
            (Some(path), _) => WeightSource::Checkpoint(readable(path)?),
            (None, Some(seed)) => WeightSource::Random(seed),
            (None, None) => WeightSource::Recipe,
        })
    };
    let weights = Weights { mgd: source(&typed.mgd)?, sam2: source(&typed.sam2)? };
    let backend = match typed.backend {
        Backend::Auto => BackendChoice::Auto,
        Backend::Openvino => BackendChoice::OpenVino,
        Backend::Tensorrt => BackendChoice::TensorRt,
        Backend::Onnxruntime => BackendChoice::OnnxRuntime(Provider::Cuda),
        Backend::OnnxruntimeTensorrt => BackendChoice::OnnxRuntime(Provider::TensorRt),
        Backend::OnnxruntimeCpu => BackendChoice::OnnxRuntime(Provider::Cpu),
    };
    let precision = typed.precision.map(|precision| match precision {
        Precision::F32 => signature::Precision::F32,
        Precision::F16 => signature::Precision::F16,
        Precision::Bf16 => signature::Precision::Bf16,
    });
    Ok(Request {
        model: ablated(recipe, typed),
        weights,
        backend,
        precision,
        threads: typed.threads as usize,
        cache,
        cuda_device: typed.cuda_device,
        targets: Vec::new(),
        interrupted,
    })
}

/// The same wishes as properties of the element, by name.
pub fn properties(typed: &ModelArgs) -> anyhow::Result<Vec<(&'static str, String)>> {
    let ModelArgs { model, weights: typed } = typed;
    let weights = |file: &Option<PathBuf>| {
        anyhow::Ok(match (file, typed.random_weights) {
            (Some(path), _) => readable(path)?.to_str().context("a path in UTF-8")?.into(),
            (None, Some(seed)) => format!("random:{seed}"),
            (None, None) => String::new(),
        })
    };
    Ok(vec![
        ("model", ablated(model, typed)),
        ("weights", weights(&typed.mgd)?),
        ("tracker-weights", weights(&typed.sam2)?),
        ("backend", nick(typed.backend)),
        ("precision", typed.precision.map_or("auto".into(), nick)),
        ("threads", typed.threads.to_string()),
        ("cuda-device-id", typed.cuda_device.to_string()),
    ])
}

/// The recipe with the blocks that `--ablate` names left out, as the engines take it.
fn ablated(recipe: &str, typed: &WeightArgs) -> String {
    typed.ablate.iter().fold(recipe.into(), |name, block| format!("{name}~{}", nick(*block)))
}

/// What the matte shall look like, likewise.
fn looks(typed: &MatteArgs) -> Vec<(&'static str, String)> {
    vec![
        ("refine", nick(typed.refine)),
        ("steady", typed.steady.to_string()),
        ("foreground", nick(typed.foreground)),
    ]
}

/// The element and the command line call their values the same.
fn nick(value: impl ValueEnum) -> String {
    value.to_possible_value().map_or(String::new(), |value| value.get_name().to_owned())
}

fn readable(path: &Path) -> anyhow::Result<PathBuf> {
    std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(path.into())
}

/// The name a picture's matte gets: the picture's own, as .png.
pub fn png_name(picture: &Path) -> PathBuf {
    let mut name = picture.file_stem().unwrap_or(OsStr::new("frame")).to_owned();
    name.push(".png");
    name.into()
}
