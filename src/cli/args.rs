//! What was typed. Nothing here is checked against the world: that is `job`'s part.
use super::batch::BatchArgs;
use super::report::args::ReportArgs;
use super::score::args::ScoreArgs;
use super::study::args::StudyArgs;
use clap::{ArgGroup, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  mgdsam2 matte clip.mp4 -o matte.mov          ProRes 4444, straight alpha
  mgdsam2 matte clip.mp4 -o matte.mkv          FFV1, lossless BGRA
  mgdsam2 matte photo.jpg -o cutout.png
  mgdsam2 matte frames/ -o cutouts/            one PNG per frame, same names
  mgdsam2 matte frames/ -o alpha/ --alpha-only DAVIS layout: grey PNGs
  mgdsam2 matte clip.mp4 -o green.mp4 --background 00ff00
  mgdsam2 matte clip.mp4 -o dog.mov --model sam2.1-small --point 0.4,0.6
  mgdsam2 batch --dataset davis-s --root DAVIS-S --out results
  mgdsam2 fetch sam2.1-tiny                    published weights, into the user's data folder
  mgdsam2 engine build base-plus --mgd mgd_sam2.pth
  mgdsam2 engine build base-plus --mgd mgd_sam2.pth --backend tensorrt --sm 86,89,120
  mgdsam2 bench --model nano
  mgdsam2 score --pred alpha/ --gt clip/gt --protocol davis

Exit codes: 0 all was done, 1 nothing was, 2 some was and the rest is named.";

/// Video matting with MGD-SAM2: frames in, frames with a true alpha channel out.
#[derive(Debug, Parser)]
#[command(name = "mgdsam2", version, after_help = EXAMPLES, propagate_version = true)]
pub struct Args {
    /// Say more: -v what is done, -vv how, -vvv every frame (RUST_LOG overrides)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Draw no progress bars
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Matte a clip, a picture or a folder of frames
    Matte(MatteArgs),
    /// Matte a data set, on one machine or in shards on many
    Batch(BatchArgs),
    /// Build, list and describe engines
    #[command(subcommand)]
    Engine(EngineCommand),
    /// Download a model's published weights
    Fetch(FetchArgs),
    /// Draw a procedural clip with exact alpha
    Synth(SynthArgs),
    /// Time the engine, and everything that is not the engine
    Bench(BenchArgs),
    /// Lay frames, alpha and composite of a matted clip side by side
    Sheet(SheetArgs),
    /// Run a gst-launch-1.0 line with a progress bar and keep the element's statistics
    Watch(WatchArgs),
    /// Score mattes or masks against their ground truth
    Score(ScoreArgs),
    /// Make one page of scores, curves, worst frames and times
    Report(ReportArgs),
    /// Draw curves of quality and speed over spoiled or growing pictures
    Study(StudyArgs),
    /// Print completions for a shell
    Completions {
        /// The shell to print for
        shell: Shell,
    },
}

const MATTE_EXAMPLES: &str = "\
IN is anything GStreamer decodes, or a folder of pictures in the order of their names.
OUT decides the format:
  .mov  ProRes 4444 with straight alpha        .mkv  FFV1, lossless BGRA
  .mp4  H.264, needs --background              .png  for a single picture
  a folder (or a name that ends in /)          one PNG per frame

OUT appears when it is complete: an interrupted run leaves nothing behind.
A picture of a folder that cannot be read is named and left out (exit code 2).";

/// `mgdsam2 matte`.
#[derive(Debug, clap::Args)]
#[command(after_help = MATTE_EXAMPLES)]
#[command(group(ArgGroup::new("prompt").multiple(true).args(["point", "corners", "mask"])))]
#[command(group(ArgGroup::new("result").required(true).multiple(true).args(["output", "dump"])))]
pub struct MatteArgs {
    /// A clip, a picture, or a folder of frames
    #[arg(value_name = "IN")]
    pub input: PathBuf,
    /// Where the matte goes: .mov, .mkv, .mp4, .png or a folder
    #[arg(short, long, value_name = "OUT")]
    pub output: Option<PathBuf>,
    /// Which model with which weights.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Which object.
    #[command(flatten)]
    pub object: ObjectArgs,
    /// Infer every N-th frame; those between get the last result on their own luma
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub interval: u32,
    /// Composite over a colour (rrggbb) instead of keeping alpha
    #[arg(long, value_name = "RRGGBB", value_parser = parse_colour)]
    pub background: Option<u32>,
    /// Hold the matte still where the picture stands still
    #[arg(long)]
    pub steady: bool,
    /// Which colours go with alpha at soft edges
    #[arg(long, value_enum, default_value_t)]
    pub foreground: Foreground,
    /// Write the matte itself, grey, instead of the cut-out
    #[arg(long, conflicts_with = "background")]
    pub alpha_only: bool,
    /// Frames per second of a folder of frames
    #[arg(long, value_name = "FPS", default_value_t = 25, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub framerate: u32,
    /// Write the raw logits of each inference there, as 00000.npy, ...
    #[arg(long, value_name = "DIR")]
    pub dump: Option<PathBuf>,
    /// Write frame counts and times as JSON
    #[arg(long, value_name = "FILE")]
    pub stats: Option<PathBuf>,
}

/// Which object, and how it is followed.
#[derive(Debug, clap::Args)]
#[command(
    next_help_heading = "The object (x and y from 0 to 1; none of these: whatever is in the foreground)"
)]
pub struct ObjectArgs {
    /// A point on the object, or with `,-` beside it; may be given again
    #[arg(long, value_name = "X,Y[,-]", allow_hyphen_values = true)]
    pub point: Vec<String>,
    /// A box around the object
    #[arg(long = "box", value_name = "X0,Y0,X1,Y1")]
    pub corners: Option<String>,
    /// A PNG of the object: its alpha, or white on black
    #[arg(long, value_name = "PNG", conflicts_with_all = ["point", "corners"])]
    pub mask: Option<PathBuf>,
    /// When the prompt is true, in seconds from the clip's start [default: its first frame]
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds, requires = "prompt")]
    pub at: Option<Duration>,
    /// Whether the object is remembered from frame to frame
    #[arg(long, value_enum, default_value_t)]
    pub propagation: Propagation,
    /// The most frames that a frame looks back at; 0 is as many as the model has places
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=64))]
    pub memory_frames: u32,
    /// Forget everything where two frames differ by more than this, 0 to 1; 0 is never [default: the element's]
    #[arg(long, value_name = "SHARE")]
    pub scene_cut: Option<f32>,
    /// Seconds that the object may be away before another is looked for; 0 is never
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0)]
    pub redetect: f32,
}

/// What frames take over from those before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Propagation {
    /// The object is remembered and followed, where the model has a tracker
    #[default]
    Memory,
    /// Every frame by itself
    Off,
}

/// Which colours go with alpha at soft edges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Foreground {
    /// The frame's own, with some background in them
    #[default]
    Original,
    /// An estimate of the foreground's alone
    Estimated,
}

/// Which model, with which weights, run by what.
#[derive(Debug, clap::Args)]
pub struct ModelArgs {
    /// A recipe's name (see `mgdsam2 engine list`) or a recipe file
    #[arg(long, value_name = "RECIPE", default_value = "nano")]
    pub model: String,
    /// With which weights, for which backend.
    #[command(flatten)]
    pub weights: WeightArgs,
}

/// With which weights, run by what.
#[derive(Debug, clap::Args)]
pub struct WeightArgs {
    /// Weights: an MGD-SAM2 checkpoint (.pth, .pt or .safetensors) [default: the recipe's own]
    #[arg(long, visible_alias = "weights", value_name = "CKPT")]
    pub mgd: Option<PathBuf>,
    /// Leave blocks out, without retraining: shows how far the weights rely on them
    #[arg(long, value_name = "BLOCK", value_enum, value_delimiter = ',')]
    pub ablate: Vec<Ablate>,
    /// The tracker's weights: a SAM2.1 checkpoint [default: the recipe's own]
    #[arg(long, value_name = "CKPT")]
    pub sam2: Option<PathBuf>,
    /// Random weights where no checkpoint is given: true speed, meaningless matte
    #[arg(long, value_name = "SEED")]
    pub random_weights: Option<u64>,
    /// What runs the engine
    #[arg(long, value_enum, default_value_t)]
    pub backend: Backend,
    /// What the engine computes in [default: the fastest the recipe and the machine allow]
    #[arg(long, value_enum)]
    pub precision: Option<Precision>,
    /// Inference threads; 0 is one per core
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub threads: u32,
    /// Which GPU, as CUDA counts
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub cuda_device: u32,
}

/// What runs engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Backend {
    /// The best that is here
    #[default]
    Auto,
    /// OpenVINO on the CPU
    Openvino,
    /// TensorRT on an NVIDIA GPU
    Tensorrt,
    /// ONNX Runtime's CUDA provider
    Onnxruntime,
    /// ONNX Runtime's TensorRT provider
    OnnxruntimeTensorrt,
    /// ONNX Runtime on the CPU
    OnnxruntimeCpu,
}

/// A block of the model that can be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ablate {
    /// Views exchange nothing in the encoder
    Mpadapter,
    /// Views exchange nothing in the mask decoder's coarsest features
    Mcem,
    /// ... nor in its finer ones
    Hmim,
    /// The mask decoder's own mask, enlarged
    Drm,
    /// All five views are cut from the half-size picture
    MultiView,
}

/// What an engine computes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// IEEE single
    F32,
    /// bfloat16
    Bf16,
    /// IEEE half
    F16,
}

/// `mgdsam2 engine`.
#[derive(Debug, Subcommand)]
pub enum EngineCommand {
    /// Build a recipe's engine into the cache, so that the first clip starts at once
    Build {
        /// A recipe's name or a recipe file
        recipe: String,
        /// With which weights, for which backend.
        #[command(flatten)]
        weights: WeightArgs,
        /// The GPUs that TensorRT builds for, by compute capability; needs none here
        /// [default: the GPU that is here]
        #[arg(long, value_name = "86,89,...", value_delimiter = ',')]
        sm: Vec<String>,
        /// The cache to build into [default: the user's]
        #[arg(short, long, value_name = "DIR")]
        output: Option<PathBuf>,
    },
    /// List the recipes that come with the project, and what is built of them
    List,
    /// Describe one recipe: sizes, graphs, precision, weights
    Show {
        /// A recipe's name or a recipe file
        recipe: String,
        /// Print the layers of its TensorRT engine instead, as JSON; needs the GPU
        #[arg(long)]
        layers: bool,
        /// With which weights, for which backend.
        #[command(flatten)]
        weights: WeightArgs,
    },
}

const FETCH_EXAMPLES: &str = "\
Examples:
  mgdsam2 fetch sam2.1-tiny      then: mgdsam2 matte clip.mp4 -o matte.mov --model sam2.1-tiny
  mgdsam2 fetch mgd-sam2         says where its authors publish theirs

A download that breaks goes on where it stopped, now or when the same line is run again.
Nothing is used that does not have the length and the SHA-256 that the recipe states.";

/// `mgdsam2 fetch`.
#[derive(Debug, clap::Args)]
#[command(after_help = FETCH_EXAMPLES)]
pub struct FetchArgs {
    /// A recipe's name (see `mgdsam2 engine list`) or a recipe file; or mgd-sam2
    #[arg(value_name = "RECIPE")]
    pub recipe: String,
    /// Another address of the same file
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// What the file's SHA-256 must be, where it is not the recipe's
    #[arg(long, value_name = "HEX", value_parser = parse_sha256)]
    pub sha256: Option<String>,
    /// Seconds without a byte after which a connection counts as broken
    #[arg(long, value_name = "S", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    pub patience: u64,
    /// Connections in a row that may bring nothing new
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub tries: u32,
}

/// `mgdsam2 synth`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Writes OUT/im/00000.png (frames) and OUT/gt/00000.png (exact alpha), or one FFV1 clip for OUT.mkv; 25 frames a second."
)]
pub struct SynthArgs {
    /// A folder, or a .mkv of the frames alone
    #[arg(short, long, value_name = "OUT", visible_alias = "output")]
    pub out: PathBuf,
    /// How many frames
    #[arg(long, value_name = "N", default_value_t = 48, value_parser = clap::value_parser!(u32).range(1..))]
    pub frames: u32,
    /// Width and height
    #[arg(long, value_name = "WxH", default_value = "640x360", value_parser = parse_size)]
    pub size: (u32, u32),
    /// Another clip for another seed, the same everywhere
    #[arg(long, value_name = "K", default_value_t = 1)]
    pub seed: u64,
}

/// `mgdsam2 bench`.
#[derive(Debug, clap::Args)]
pub struct BenchArgs {
    /// Which model with which weights.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Timed engine runs, after one that is not
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub runs: u32,
    /// Timed frames per picture size
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(2..))]
    pub frames: u32,
    /// Time all but the engine as for a model that sees pictures of N x N, instead of this one
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(32..=4096))]
    pub side: Option<u16>,
    /// Print JSON instead of a table
    #[arg(long)]
    pub json: bool,
    /// Time every GPU backend in every arithmetic against OpenVINO in f32, whole frames in CUDA
    /// memory, and 1 to 16 streams at a time
    #[arg(long, conflicts_with = "json")]
    pub gpu: bool,
    /// The most streams at a time
    #[arg(long, value_name = "N", default_value_t = 16, requires = "gpu", value_parser = clap::value_parser!(u8).range(1..=64))]
    pub streams: u8,
    /// The GPU's peak in its data sheet, in 10^12 operations a second, to hold engines against
    #[arg(long, value_name = "TFLOPS", requires = "gpu")]
    pub peak: Option<f64>,
}

/// `mgdsam2 sheet`.
#[derive(Debug, clap::Args)]
pub struct SheetArgs {
    /// The clip that was matted
    pub clip: PathBuf,
    /// Its matte, with alpha
    pub matte: PathBuf,
    /// The sheet
    #[arg(short, long, value_name = "PNG")]
    pub output: PathBuf,
    /// How many frames to show, spread over the clip
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=32))]
    pub rows: u32,
}

/// `mgdsam2 watch`.
#[derive(Debug, clap::Args)]
pub struct WatchArgs {
    /// Where the element's statistics go, as JSON
    #[arg(long, value_name = "FILE")]
    pub stats: Option<PathBuf>,
    /// gst-launch-1.0 and its arguments
    #[arg(last = true, required = true, value_name = "LINE")]
    pub line: Vec<String>,
}

fn parse_seconds(typed: &str) -> Result<Duration, String> {
    let seconds = typed.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.ok_or_else(|| format!("expected seconds such as 1.5, found `{typed}`"))
}

fn parse_size(typed: &str) -> Result<(u32, u32), String> {
    let expected = || format!("expected WIDTHxHEIGHT such as 640x360, found `{typed}`");
    let (width, height) = typed.split_once('x').ok_or_else(expected)?;
    let side = |text: &str| text.parse::<u32>().ok().filter(|n| (1..=8192).contains(n));
    side(width).zip(side(height)).ok_or_else(expected)
}

/// 64 hexadecimal digits, as lower case.
fn parse_sha256(typed: &str) -> Result<String, String> {
    match typed.len() == 64 && typed.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        true => Ok(typed.to_ascii_lowercase()),
        false => Err(format!("expected 64 hexadecimal digits, found `{typed}`")),
    }
}

/// `rrggbb` or `#rrggbb`, as 0xrrggbb.
fn parse_colour(typed: &str) -> Result<u32, String> {
    let digits = typed.strip_prefix('#').unwrap_or(typed);
    match u32::from_str_radix(digits, 16) {
        Ok(colour) if digits.len() == 6 => Ok(colour),
        _ => Err(format!("expected six hex digits such as 00ff00, found `{typed}`")),
    }
}
