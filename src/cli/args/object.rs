//! Which object to follow and how, as it was typed.
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

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
    /// A picture of the object: a PNG's alpha, or white on black
    #[arg(long, value_name = "PICTURE", conflicts_with_all = ["point", "corners"])]
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

fn parse_seconds(typed: &str) -> Result<Duration, String> {
    let seconds = typed.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.ok_or_else(|| format!("expected seconds such as 1.5, found `{typed}`"))
}
