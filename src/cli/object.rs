//! Which object to follow: checked, then told to the element.
use super::args::{ObjectArgs, Propagation};
use anyhow::{Context, bail};
use gst::prelude::*;
use gstmgdsam2::element::MgdSam2Matte;
use gstmgdsam2::engines::Recipe;
use std::path::Path;
use std::time::Duration;

/// Which object to follow, and how.
#[derive(Debug, Default)]
pub struct Object {
    /// The `prompt` and `prompt-mask` of the element.
    prompt: (String, String),
    /// When the prompt is true; `None` is on the first frame.
    at: Option<Duration>,
    properties: Vec<(&'static str, String)>,
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
        let mask = typed.mask.as_deref().map_or(Ok(String::new()), readable)?;
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
        Ok(Self { prompt: (text, mask), at: typed.at, properties })
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

fn readable(path: &Path) -> anyhow::Result<String> {
    std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(path.to_str().context("a path in UTF-8")?.into())
}
