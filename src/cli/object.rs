//! Which object to follow: checked, then told to the element.
use super::args::{ObjectArgs, Propagation};
use super::frames::packed;
use super::picture;
use anyhow::{Context, bail};
use gst::prelude::*;
use gstmgdsam2::element::MgdSam2Matte;
use gstmgdsam2::engines::Recipe;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;
use tempfile::NamedTempFile;

/// What every PNG begins with.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Which object to follow, and how.
#[derive(Debug, Default)]
pub struct Object {
    /// The `prompt` and `prompt-mask` of the element.
    prompt: (String, String),
    /// When the prompt is true; `None` is on the first frame.
    at: Option<Duration>,
    properties: Vec<(&'static str, String)>,
    /// What `prompt-mask` names, where that had to be made; it goes with this.
    _mask: Option<NamedTempFile>,
}

impl Object {
    /// What `typed` asks of the recipe `model`.
    pub fn new(typed: &ObjectArgs, model: &str) -> anyhow::Result<Self> {
        let corners = typed.corners.iter().map(|corners| format!("box={corners}"));
        let points = typed.point.iter().map(|point| format!("point={point}"));
        let text = corners.chain(points).collect::<Vec<_>>().join(" ");
        if !text.is_empty() {
            Recipe::find(model)?.check_prompt(&text.parse()?)?;
        }
        let (mask, made) = match &typed.mask {
            Some(path) => as_png(path).with_context(|| format!("--mask {}", path.display()))?,
            None => (String::new(), None),
        };
        let propagation = match typed.propagation {
            Propagation::Memory => "memory",
            Propagation::Off if !text.is_empty() || !mask.is_empty() => {
                bail!("--propagation off follows no object: expected no --point, --box or --mask")
            }
            Propagation::Off => "off",
        };
        let mut properties = vec![
            ("propagation", propagation.to_owned()),
            ("memory-frames", typed.memory_frames.to_string()),
            ("redetect", typed.redetect.to_string()),
        ];
        properties.extend(typed.scene_cut.map(|share| ("scene-cut", share.to_string())));
        Ok(Self { prompt: (text, mask), at: typed.at, properties, _mask: made })
    }

    /// Tells `element`, which does not play yet.
    pub fn configure(&self, element: &MgdSam2Matte) {
        for (name, value) in &self.properties {
            element.set_property_from_str(name, value);
        }
        let (text, mask) = &self.prompt;
        match self.at.map(|at| at.as_nanos() as u64) {
            Some(at) => _ = element.emit_by_name::<bool>("prompt", &[text, mask, &at]),
            None => {
                element.set_property("prompt", text);
                element.set_property("prompt-mask", mask);
            }
        }
    }
}

/// The PNG of a mask, which is all that the element takes: the picture at `path`, or what
/// GStreamer sees in it, grey.
fn as_png(path: &Path) -> anyhow::Result<(String, Option<NamedTempFile>)> {
    let name = |path: &Path| anyhow::Ok(path.to_str().context("expected a path in UTF-8")?.into());
    let mut first = Vec::new();
    File::open(path)?.take(PNG.len() as u64).read_to_end(&mut first)?;
    if first == PNG {
        return Ok((name(path)?, None));
    }
    let (width, height, grey) = packed(&picture::decode(path, "format=GRAY8")?)?;
    let file = NamedTempFile::with_suffix(".png")?;
    picture::write_png(file.path(), (width, height), png::ColorType::Grayscale, &grey)?;
    Ok((name(file.path())?, Some(file)))
}
