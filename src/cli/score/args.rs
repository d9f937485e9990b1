//! What was typed after `mgdsam2 score`.
use clap::ValueEnum;
use std::path::PathBuf;

const LAYOUTS: &str = "\
Items are paired by name. Below --pred and --gt each folder of pictures (and each movie) is an item
named by its path; folders called gt, alpha, pha or mattes take the name of the one they lie in, and hide
what lies beside them. A flat folder is one picture an item (sod, dis) or one sequence (davis, matting).
The ground truth says which frames count: a frame without prediction is an error of its item,
a prediction without ground truth is not looked at. Movies are paired frame by frame in order.

One channel is made of each picture: grey as it is; RGBA its alpha, but its grey where it is
opaque and colourless; RGB its luma; a coloured palette its index (davis) or `not index 0`.
sod, dis and davis see 8 bits, matting 16.

An item that cannot be scored is named and left out (exit code 2; 1 where nothing was scored).
Scores that are undefined, such as an empty mask's boundary, are left out of means, and null in JSON.";

/// `mgdsam2 score`.
#[derive(Debug, clap::Args)]
#[command(after_help = LAYOUTS)]
pub struct ScoreArgs {
    /// Predicted mattes or masks
    #[arg(long, value_name = "DIR")]
    pub pred: PathBuf,
    /// True mattes or masks
    #[arg(long, value_name = "DIR")]
    pub gt: PathBuf,
    /// What is measured together, as the field's tools do it
    #[arg(long, value_enum)]
    pub protocol: Protocol,
    /// What ground truths of the davis protocol hold
    #[arg(long, value_enum, default_value_t)]
    pub objects: Objects,
    /// Leave out each sequence's first and last frame (davis, semi-supervised)
    #[arg(long)]
    pub without_ends: bool,
    /// Write the table as CSV
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// Write everything, frame by frame and curve by curve, for `mgdsam2 report`
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// What is measured together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Protocol {
    /// Salient objects: F, weighted F, E, S, MAE, mBA, boundary IoU
    Sod,
    /// Dichotomous segmentation: the same, and HCE
    Dis,
    /// Video objects: J, F, J&F
    Davis,
    /// Video mattes: MAD, MSE, Grad, Conn, dtSSD, MAD in the unknown band
    Matting,
}

/// What a ground truth of video objects holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Objects {
    /// Labels where the first one has a coloured palette
    #[default]
    Auto,
    /// One object, above 128
    Binary,
    /// Object numbers from 1 on
    Labels,
}
