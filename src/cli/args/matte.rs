//! `mgdsam2 matte`, as it was typed.
use super::{ModelArgs, ObjectArgs};
use clap::{ArgGroup, ValueEnum};
use std::path::PathBuf;

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
    /// Infer every N-th frame; those between get the last result on their own colours
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub interval: u32,
    /// Composite over a colour (rrggbb) instead of keeping alpha
    #[arg(long, value_name = "RRGGBB", value_parser = parse_colour)]
    pub background: Option<u32>,
    /// How the model's matte takes the frame's size
    #[arg(long, value_enum, default_value_t)]
    pub refine: Refine,
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

/// How the model's matte takes the frame's size.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub enum Refine {
    /// What suits the model
    #[default]
    Auto,
    /// Edges follow the frame's luma, finer than the model
    GuidedFilter,
    /// Edges move to where the frame's colours have them
    ColorLines,
    /// The model's matte, enlarged
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

/// `rrggbb` or `#rrggbb`, as 0xrrggbb.
fn parse_colour(typed: &str) -> Result<u32, String> {
    let digits = typed.strip_prefix('#').unwrap_or(typed);
    match u32::from_str_radix(digits, 16) {
        Ok(colour) if digits.len() == 6 => Ok(colour),
        _ => Err(format!("expected six hex digits such as 00ff00, found `{typed}`")),
    }
}
