//! `mgdsam2 study`: the same clips spoiled step by step, or at growing sizes, as curves.
pub mod args;
mod degrade;
mod material;
mod runner;

use super::Outcome;
use super::progress::Bars;
use super::stats;
use anyhow::Context;
use args::{Kind, StudyArgs};
use degrade::Spoiler;
use indicatif::ProgressBar;
use material::Clip;
use runner::Runner;
use serde_json::{Value, json};
use std::fs;

/// Picture heights of the efficiency study, and what people call them.
const SIZES: [(usize, &str); 6] =
    [(480, "480p"), (720, "720p"), (1080, "1080p"), (1440, "1440p"), (2160, "4K"), (4320, "8K")];

/// A study under way.
struct Study<'a> {
    clips: Vec<(String, Clip)>,
    frames: usize,
    runner: Runner,
    bar: &'a ProgressBar,
}

/// Means over the clips of one step.
#[derive(Default)]
struct Step {
    j_and_f: f64,
    s_measure: f64,
    mae: f64,
    /// Each clip's own words.
    stats: Vec<Value>,
}

/// Runs the study and writes its curves.
pub fn run(typed: &StudyArgs, bars: &Bars) -> anyhow::Result<Outcome> {
    let frames = typed.frames as usize;
    let clips = material::clips(typed.root.as_deref(), frames)?;
    let bar = bars.frames(None);
    let study = Study { clips, frames, runner: Runner::new(&typed.model)?, bar: &bar };
    let (title, curves) = match typed.kind {
        Kind::Robustness => ("Robustness", study.robustness()?),
        Kind::Efficiency => ("Efficiency", study.efficiency(typed.up_to as usize)?),
    };
    bar.finish_and_clear();
    let names: Vec<_> = study.clips.iter().map(|(name, _)| name.as_str()).collect();
    let note = format!(
        "Model {}, the first {frames} frames of {}. Means over clips; S and MAE of the matte as it \
         is, J&F of what is above 128.",
        study.runner.model(),
        names.join(", ")
    );
    print(&curves);
    fs::create_dir_all(&typed.out)
        .with_context(|| format!("cannot make {}", typed.out.display()))?;
    let written = json!({ "title": title, "note": note, "curves": curves });
    stats::write(&typed.out.join("study.json"), &written)?;
    bars.say(&format!("mgdsam2 report {} draws the curves", typed.out.display()));
    Ok(Outcome::Complete)
}

impl Study<'_> {
    fn robustness(&self) -> anyhow::Result<Vec<Value>> {
        let clean = self.step(Spoiler::Noise, 0.0)?;
        let mut curves = Vec::new();
        for spoiler in Spoiler::ALL {
            let (name, unit, steps) = spoiler.steps();
            self.bar.set_message(name);
            let mut lines = [("J&F", vec![]), ("S", vec![]), ("1 - MAE", vec![])];
            for &at in steps {
                let spoiled =
                    if spoiler.is_clean(at) { None } else { Some(self.step(spoiler, at)?) };
                let Step { j_and_f, s_measure, mae, .. } = spoiled.as_ref().unwrap_or(&clean);
                for ((_, points), value) in lines.iter_mut().zip([*j_and_f, *s_measure, 1.0 - mae])
                {
                    points.push((at, value));
                }
            }
            curves.push(curve(name, "higher is better", unit, &lines));
        }
        Ok(curves)
    }

    fn efficiency(&self, up_to: usize) -> anyhow::Result<Vec<Value>> {
        let stages = ["prepare", "infer", "refine", "composite"];
        let mut times = stages.map(|stage| (stage, Vec::new()));
        let (mut rate, mut quality, mut memory) = (vec![], vec![], vec![]);
        let mut ticks = serde_json::Map::new();
        for (lines, name) in SIZES.into_iter().filter(|(lines, _)| *lines <= up_to) {
            self.bar.set_message(name);
            let step = self.over_clips(|clip, index| clip.frame(index, Some(lines)))?;
            let mean = |of: &dyn Fn(&Value) -> &Value| {
                let all = step.stats.iter().filter_map(|told| of(told).as_f64());
                all.sum::<f64>() / step.stats.len() as f64
            };
            let at = lines as f64;
            for (stage, points) in &mut times {
                points.push((at, mean(&|told| &told["stages"][&**stage]["median_ms"])));
            }
            rate.push((at, mean(&|told| &told["fps"])));
            memory.push((at, mean(&|told| &told["peak_rss_mb"])));
            quality.push((at, step.j_and_f));
            ticks.insert(lines.to_string(), json!(name));
        }
        let mut curves = vec![
            curve("Time", "median ms a frame, by stage", "lines", &times),
            curve(
                "Rate",
                "frames a second, decoding and scoring included",
                "lines",
                &[("frames/s", rate)],
            ),
            curve("Quality", "higher is better", "lines", &[("J&F", quality)]),
            curve("Memory", "most so far, MB", "lines", &[("peak RSS", memory)]),
        ];
        for curve in &mut curves {
            curve["x_names"] = Value::Object(ticks.clone());
            curve["log_x"] = json!(true);
        }
        Ok(curves)
    }

    fn step(&self, spoiler: Spoiler, at: f64) -> anyhow::Result<Step> {
        self.over_clips(|clip, index| spoiler.apply(at, index, clip.frame(index, None)?))
    }

    fn over_clips(
        &self,
        frame: impl Fn(&Clip, usize) -> anyhow::Result<material::Shown> + Sync,
    ) -> anyhow::Result<Step> {
        let mut step = Step::default();
        let share = 1.0 / self.clips.len() as f64;
        for (name, clip) in &self.clips {
            let count = clip.len(self.frames);
            let went = self.runner.run(count, |index| frame(clip, index));
            let went = went.with_context(|| format!("clip `{name}`"))?;
            step.j_and_f += share * went.j_and_f;
            step.s_measure += share * went.s_measure;
            step.mae += share * went.mae;
            step.stats.push(went.stats);
            self.bar.inc(count as u64);
        }
        Ok(step)
    }
}

/// A chart of the report.
fn curve(name: &str, y: &str, x: &str, lines: &[(&str, Vec<(f64, f64)>)]) -> Value {
    let line = |(name, points): &(&str, Vec<(f64, f64)>)| json!({ "name": name, "points": points });
    json!({
        "name": name, "y_label": y, "x_label": x, "x_names": null, "log_x": false,
        "lines": lines.iter().map(line).collect::<Vec<_>>(),
    })
}

/// The curves as text, a line each.
fn print(curves: &[Value]) {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    for curve in curves {
        println!(
            "{} ({})",
            curve["name"].as_str().unwrap_or_default(),
            curve["x_label"].as_str().unwrap_or_default()
        );
        for line in list(&curve["lines"]) {
            let points = list(&line["points"]);
            let cell = |point: &Value| {
                let [x, y] = [0, 1].map(|i| point[i].as_f64().unwrap_or(f64::NAN));
                format!("  {x}: {y:.3}")
            };
            let cells: String = points.iter().map(cell).collect();
            println!("  {:9}{cells}", line["name"].as_str().unwrap_or_default());
        }
    }
}
