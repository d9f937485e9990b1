//! What was typed after `mgdsam2 study`.
use crate::cli::args::ModelArgs;
use clap::ValueEnum;
use std::path::PathBuf;

const EXPLANATION: &str = "\
DIR holds clips of frames with their ground truth: CLIP/im/*.jpg and CLIP/gt/*.png, or both of one
clip. Without --root a procedural clip with exact alpha is drawn, the same for everybody.

robustness  the same frames darker and brighter, with noise, blurred, as JPEG, and partly hidden
efficiency  the same frames from 480p to 8K: time by stage, memory, and what is lost or gained

OUT/study.json holds the curves; `mgdsam2 report OUT` draws them.";

/// `mgdsam2 study`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXPLANATION)]
pub struct StudyArgs {
    /// What is varied
    #[arg(value_enum)]
    pub kind: Kind,
    /// Clips with ground truth [default: a procedural one]
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Where study.json goes
    #[arg(long, value_name = "OUT")]
    pub out: PathBuf,
    /// Frames of each clip, from its first on
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub frames: u32,
    /// The largest picture of the efficiency study, in lines
    #[arg(long, value_name = "LINES", default_value_t = 4320, value_parser = clap::value_parser!(u32).range(480..))]
    pub up_to: u32,
    /// Which model with which weights.
    #[command(flatten)]
    pub model: ModelArgs,
}

/// What is varied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Light, noise, blur, compression, occlusion
    Robustness,
    /// The pictures' size
    Efficiency,
}
