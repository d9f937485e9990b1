//! `mgdsam2 watch`: a gst-launch-1.0 line with a progress bar, and the element's statistics kept.
use super::Outcome;
use super::args::WatchArgs;
use super::progress::Bars;
use super::stats;
use anyhow::{Context, ensure};
use indicatif::ProgressBar;
use std::io::{BufReader, Read};
use std::process::{ChildStdout, Command, Stdio};
use std::str::FromStr;
use std::time::Instant;

/// What the element posts when a stream has ended.
const STATS: &str = "mgdsam2matte-stats";

/// What was heard of a line while it ran.
#[derive(Default)]
struct Heard {
    playing_since: Option<Instant>,
    stats: Option<(gst::Structure, f64)>,
    peak_rss: Option<u64>,
}

/// Runs the line.
pub fn run(typed: &WatchArgs, bars: &Bars) -> anyhow::Result<Outcome> {
    let (program, arguments) = typed.line.split_first().context("expected a line after --")?;
    let mut child = Command::new(program)
        // Messages carry the statistics, positions the progress.
        .args(["-m", "--force-position"])
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {program}"))?;
    let output = child.stdout.take().context("the child's output is piped")?;
    let bar = bars.share();
    let heard = listen(output, &child.id().to_string(), &bar);
    let status = child.wait()?;
    bar.finish_and_clear();
    ensure!(status.success(), "{program} ended with {status}");
    if let Some(path) = &typed.stats {
        let (structure, seconds) = heard.stats.with_context(|| {
            format!("{program} posted no `{STATS}`: is mgdsam2matte in the line?")
        })?;
        stats::write(path, &stats::report(&structure, seconds, heard.peak_rss))?;
    }
    Ok(Outcome::Complete)
}

/// Reads what gst-launch-1.0 prints until it ends; positions end in a carriage return.
fn listen(output: ChildStdout, pid: &str, bar: &ProgressBar) -> Heard {
    let mut heard = Heard::default();
    let mut line = Vec::new();
    for byte in BufReader::new(output).bytes().map_while(Result::ok) {
        if byte != b'\n' && byte != b'\r' {
            line.push(byte);
            continue;
        }
        let text = String::from_utf8_lossy(&line).into_owned();
        line.clear();
        heard.take(&text, bar);
        heard.peak_rss = stats::peak_rss(pid).or(heard.peak_rss);
    }
    heard
}

impl Heard {
    fn take(&mut self, line: &str, bar: &ProgressBar) {
        if let Some(percent) = percent(line) {
            bar.set_position(percent);
        } else if line.contains("to PLAYING") || line.contains("New clock") {
            self.playing_since.get_or_insert_with(Instant::now);
        } else if let Some(at) = line.find(STATS) {
            let seconds = self.playing_since.map_or(0.0, |since| since.elapsed().as_secs_f64());
            self.stats = gst::Structure::from_str(&line[at..]).ok().map(|stats| (stats, seconds));
        }
    }
}

/// The share in `0:00:01.2 / 0:00:04.8 (25.0 %)`.
fn percent(line: &str) -> Option<u64> {
    let (_, share) = line.trim_end().strip_suffix("%)")?.rsplit_once('(')?;
    share.trim().parse::<f64>().ok().map(|share| share.clamp(0.0, 100.0) as u64)
}
