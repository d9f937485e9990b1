//! What was typed. Nothing here is checked against the world: that is `job`'s part.
mod matte;
mod model;
mod object;

pub use self::matte::MatteArgs;
pub use self::model::{Ablate, Backend, ModelArgs, Precision, WeightArgs};
pub use self::object::{ObjectArgs, Propagation};

use super::batch::BatchArgs;
use super::report::args::ReportArgs;
use super::score::args::ScoreArgs;
use super::study::args::StudyArgs;
use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::path::PathBuf;

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
    /// What it shows
    #[arg(long, value_enum, default_value_t)]
    pub kind: ClipKind,
}

/// What a procedural clip shows: the trials of a tracker, from the third on, last 60 frames.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub enum ClipKind {
    /// A furry creature hops through a meadow
    #[default]
    Demo,
    /// Anything before anything, with other things about: what nano is trained on
    Training,
    /// The subject passes behind a pillar
    Occlusion,
    /// The subject leaves the frame and comes back
    LeaveAndReturn,
    /// Another subject before another background
    Cut,
    /// The subject and its mirrored twin change places
    Crossing,
    /// The subject races
    FastMotion,
    /// The light turns dim and warm at once
    LightingJump,
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
