//! What was typed after `mgdsam2 report`.
use std::path::PathBuf;

const EXAMPLES: &str = "\
OUT is what `mgdsam2 batch` or `mgdsam2 study` wrote: result.jsonl gives times, study.json curves.
Pictures of the worst frames come from the folders that the scores name; movies are not opened.";

/// `mgdsam2 report`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct ReportArgs {
    /// A batch's or a study's output folder
    #[arg(value_name = "OUT")]
    pub out: PathBuf,
    /// What `mgdsam2 score --json` wrote [default: OUT/score.json, where it is]
    #[arg(long, value_name = "FILE")]
    pub score: Option<PathBuf>,
    /// The frames that were matted, in the layout of the ground truth [default: what lies beside it]
    #[arg(long, value_name = "DIR")]
    pub frames: Option<PathBuf>,
    /// The page [default: OUT/report.html]
    #[arg(short, long, value_name = "HTML")]
    pub output: Option<PathBuf>,
    /// How many of the worst frames to show
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(0..=64))]
    pub worst: u32,
}
