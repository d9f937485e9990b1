//! The element's statistics as JSON, with what only the process knows.
use anyhow::Context;
use gst::glib;
use serde_json::{Map, Value, json};
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Fields of the element that are a stage's time end in these.
const TIMES: [(&str, &str); 2] = [("-ms-median", "median_ms"), ("-ms-p95", "p95_ms")];

/// What `element` said, its times by stage; then the run's own seconds, rate and peak RSS.
pub fn report(element: &gst::StructureRef, seconds: f64, peak_rss: Option<u64>) -> Value {
    let (mut report, mut stages) = (Map::new(), Map::new());
    for (name, value) in element.iter() {
        match TIMES.iter().find_map(|(end, key)| Some((name.strip_suffix(end)?, key))) {
            Some((stage, key)) => stages.entry(stage).or_insert(json!({}))[key] = json_of(value),
            None => _ = report.insert(name.replace('-', "_"), json_of(value)),
        }
    }
    let frames = report.get("frames_out").and_then(Value::as_u64).unwrap_or(0);
    report.insert("frames".into(), json!(frames));
    report.insert("seconds".into(), rounded(seconds));
    report.insert("fps".into(), rounded(frames as f64 / seconds.max(1e-9)));
    report.insert("stages".into(), Value::Object(stages));
    report.insert("peak_rss_mb".into(), json!(peak_rss.map(|bytes| bytes / 1_000_000)));
    Value::Object(report)
}

fn json_of(value: &glib::SendValue) -> Value {
    let number = value.get::<f64>().ok().map(rounded);
    let counts =
        [value.get::<u64>().ok().map(|n| json!(n)), value.get::<u32>().ok().map(|n| json!(n))];
    let text = value.get::<Option<String>>().ok().map(|text| json!(text));
    let switch = value.get::<bool>().ok().map(|on| json!(on));
    let known = [number, switch, text].into_iter().chain(counts).flatten().next();
    known.unwrap_or_else(|| json!(format!("{value:?}")))
}

/// To a thousandth, which is as fine as any clock here.
fn rounded(number: f64) -> Value {
    json!((number * 1e3).round() / 1e3)
}

/// The most memory that process `pid` (or `self`) has held, in bytes; `None` where /proc does not say.
pub fn peak_rss(pid: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// The processor time that this process has used, all its threads together.
pub fn cpu_time() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name, second, may hold anything but ends in the last parenthesis.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    // Linux tells it in hundredths of a second on every machine.
    Some(Duration::from_millis(10 * (user + system)))
}

/// Writes `report` to `path`, whole or not at all.
pub fn write(path: &Path, report: &Value) -> anyhow::Result<()> {
    let file = super::unfinished::UnfinishedFile::new(path)?;
    fs::write(file.path(), format!("{report:#}\n"))
        .with_context(|| format!("cannot write {}", path.display()))?;
    file.finish()
}
