//! Progress bars on standard error: none with `--quiet` or away from a terminal.
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Makes bars, or silent ones.
pub struct Bars {
    quiet: bool,
}

impl Bars {
    /// Bars that draw unless `quiet`.
    pub fn new(quiet: bool) -> Self {
        Self { quiet }
    }

    /// Counts to `frames`, or only up where nobody knows how many there are.
    pub fn frames(&self, frames: Option<u64>) -> ProgressBar {
        let bar = self.bar(frames);
        set_frames(&bar, frames);
        bar
    }

    /// A share done, 0..=100, with a message that says of what.
    pub fn share(&self) -> ProgressBar {
        let bar = self.bar(Some(100));
        bar.set_style(style("{msg:24} {wide_bar} {pos:>3} %"));
        bar
    }

    /// Counts bytes; how many there will be is not known yet.
    pub fn bytes(&self) -> ProgressBar {
        let bar = self.bar(Some(0));
        bar.set_style(style(
            "{msg:24} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta} left",
        ));
        bar
    }

    /// A line for people, left out by `--quiet`.
    pub fn say(&self, line: &str) {
        if !self.quiet {
            eprintln!("{line}");
        }
    }

    fn bar(&self, length: Option<u64>) -> ProgressBar {
        let target =
            if self.quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        ProgressBar::with_draw_target(length, target)
    }
}

/// Tells a bar how many frames there are, once that is known.
pub fn set_frames(bar: &ProgressBar, frames: Option<u64>) {
    match frames {
        Some(frames) => {
            bar.set_length(frames);
            bar.set_style(style("{msg:12} {wide_bar} {pos}/{len} frames {per_sec} {eta} left"));
        }
        None => bar.set_style(style("{msg:12} {spinner} {pos} frames {per_sec}")),
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates above are well formed")
}
