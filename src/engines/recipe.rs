//! Recipes: a model's dimensions, what it is for, and how each backend may compute it.
use super::tracker_recipe::{PromptKinds, TrackerRecipe};
use crate::model::{Ablation, Config};
use crate::session::{Prompt, RefineMode};
use crate::signature::Precision;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::{fs, io};
use toml::Spanned;
use toml::de::DeTable;

/// The recipes that come with the project, smallest first: those with a detail path, then those
/// that only track.
const BUILT_IN: [(&str, &str); 10] = [
    ("nano", include_str!("../../engines/nano.toml")),
    ("tiny", include_str!("../../engines/tiny.toml")),
    ("small", include_str!("../../engines/small.toml")),
    ("base-plus", include_str!("../../engines/base-plus.toml")),
    ("large", include_str!("../../engines/large.toml")),
    ("nano-tracker", include_str!("../../engines/nano-tracker.toml")),
    ("sam2.1-tiny", include_str!("../../engines/sam2.1-tiny.toml")),
    ("sam2.1-small", include_str!("../../engines/sam2.1-small.toml")),
    ("sam2.1-base-plus", include_str!("../../engines/sam2.1-base-plus.toml")),
    ("sam2.1-large", include_str!("../../engines/sam2.1-large.toml")),
];

/// More than any model's dimension, and few enough that shapes do not overflow.
const LARGEST: u64 = 16_384;

/// One engine set, as its TOML file says it. Unknown fields are errors.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// `nano`, `base-plus`, ...: the file's name without `.toml`.
    #[serde(skip)]
    pub name: String,
    /// One line for people.
    pub title: String,
    /// When to take this model, and when not.
    pub description: String,
    /// Where trained weights come from.
    pub weights: WeightsNote,
    /// What the matte is made by.
    #[serde(default)]
    pub detail: DetailPath,
    /// How its mattes find the frame's edges.
    #[serde(default)]
    pub refine: RefineMode,
    /// The detail path's dimensions, if there is one.
    pub model: Option<Config>,
    /// What follows an object, if anything does.
    pub tracker: Option<TrackerRecipe>,
    /// How OpenVINO may compute it.
    pub openvino: OpenVinoRecipe,
    /// How a GPU may compute it, by TensorRT or ONNX Runtime.
    #[serde(default)]
    pub tensorrt: TensorRtRecipe,
}

/// What the matte is made by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DetailPath {
    /// MGD-SAM2, of `[model]`.
    #[default]
    Mgd,
    /// The tracker's mask is the matte, and finds its edges in the frame's own.
    None,
}

/// Where a recipe's trained weights come from.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightsNote {
    /// Whether they come with the project; others must be given as a checkpoint.
    pub shipped: bool,
    /// Who made them and where they are, for people.
    pub source: String,
    /// Their licence, for people.
    pub licence: String,
    /// What whoever uses the shipped ones must be told.
    pub caution: Option<String>,
    /// Where their publisher offers them as one file.
    pub url: Option<String>,
    /// That file's length in bytes.
    pub size: Option<u64>,
    /// That file's SHA-256 in hexadecimal.
    pub sha256: Option<String>,
}

/// How OpenVINO may compute a model.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenVinoRecipe {
    /// The fastest arithmetic that the matte survives, taken where the CPU has it; else f32.
    pub precision: Precision,
    /// Whether encoders look at the next frame while this one is followed, each on half of the
    /// cores: for models that take about as long for the one as for the other, and whose layers are
    /// too small for many cores.
    #[serde(default)]
    pub look_ahead: bool,
}

/// How a GPU may compute a model.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorRtRecipe {
    /// What graphs are written in.
    pub precision: Precision,
    /// The relative L2 distance of the logits from an f32 reference at which blocks are computed
    /// in f32 instead.
    pub tolerance: f64,
}

impl Default for TensorRtRecipe {
    fn default() -> Self {
        Self { precision: Precision::F16, tolerance: 0.02 }
    }
}

impl Recipe {
    /// The names of the recipes that come with the project, smallest first.
    pub fn list() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|(name, _)| *name)
    }

    /// The recipe called `name_or_path`, or else the file there. `~` and a block's name after it,
    /// as in `nano~mcem~drm`, leave that block out: see [`Ablation`].
    pub fn find(name_or_path: &str) -> Result<Self, RecipeError> {
        let ablated = name_or_path.rsplit_once('~').and_then(|(name, block)| {
            Some((name, *Ablation::ALL.iter().find(|ablation| ablation.name() == block)?))
        });
        let Some((name, block)) = ablated else { return Self::whole(name_or_path) };
        let mut recipe = Self::find(name)?;
        let Some(model) = &mut recipe.model else {
            return Err(RecipeError::NoSuchBlock { name: recipe.name, block: block.name() });
        };
        model.ablate.push(block);
        model.ablate.sort();
        model.ablate.dedup();
        Ok(recipe)
    }

    /// The name, and what is left out: `nano~mcem`.
    pub fn label(&self) -> String {
        let ablated = self.model.iter().flat_map(|model| &model.ablate);
        let blocks = ablated.map(|block| format!("~{}", block.name()));
        self.name.clone() + &blocks.collect::<String>()
    }

    /// An error if `prompt` is of a kind that the model was not trained on.
    pub fn check_prompt(&self, prompt: &Prompt) -> Result<(), RecipeError> {
        let kinds = self.tracker.as_ref().map_or(PromptKinds::Any, |tracker| tracker.prompts);
        match (kinds, prompt) {
            (PromptKinds::Mask, Prompt::Points(_)) => {
                Err(RecipeError::MasksOnly { name: self.name.clone() })
            }
            _ => Ok(()),
        }
    }

    fn whole(name_or_path: &str) -> Result<Self, RecipeError> {
        if let Some((name, text)) = BUILT_IN.iter().find(|(name, _)| *name == name_or_path) {
            return Self::parse(name, text);
        }
        let path = Path::new(name_or_path);
        let text = fs::read_to_string(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => RecipeError::Unknown { name: name_or_path.into() },
            _ => RecipeError::Read { path: path.into(), source },
        })?;
        Self::parse(&path.file_stem().unwrap_or_default().to_string_lossy(), &text)
    }

    /// Reads a recipe's text. Errors name the line and the field.
    pub fn parse(name: &str, text: &str) -> Result<Self, RecipeError> {
        let at = |span: Option<Range<usize>>, reason: String| {
            let before = span.and_then(|span| text.get(..span.start));
            let line = before.map_or(1, |before| 1 + before.matches('\n').count());
            RecipeError::Syntax { name: name.into(), line, reason }
        };
        let mut recipe: Self =
            toml::from_str(text).map_err(|e| at(e.span(), e.message().into()))?;
        let document = toml::de::DeTable::parse(text).ok().map(Spanned::into_inner);
        let section = |path: &[&str]| section(document.as_ref()?, path);
        let model = section(&["model"]).zip(recipe.model.as_ref());
        let odd = model.and_then(|(table, model)| odd_dimension(table, "model", model));
        let tracker = section(&["tracker", "model"]).zip(recipe.tracker.as_ref());
        let odd = odd.or_else(|| {
            let (table, tracker) = tracker?;
            odd_dimension(table, "tracker.model", &tracker.model)
        });
        if let Some((span, reason)) = odd {
            return Err(at(Some(span), reason));
        }
        if let Some(reason) = recipe.contradiction() {
            return Err(at(None, reason));
        }
        recipe.name = name.into();
        Ok(recipe)
    }
}

impl Recipe {
    /// What of it contradicts itself, if anything.
    fn contradiction(&self) -> Option<String> {
        let missing = match (self.detail, &self.model, &self.tracker) {
            (DetailPath::Mgd, None, _) => Some("a section `[model]`, found none"),
            (DetailPath::None, Some(_), _) => Some("no section `[model]`, found one"),
            (DetailPath::None, None, None) => Some("a section `[tracker]`, found none"),
            _ => None,
        };
        let missing = missing.map(|missing| format!("`detail`: expected {missing}"));
        let tracker = self.tracker.as_ref();
        missing.or_else(|| tracker?.contradiction(self.model.as_ref()))
    }
}

/// A table in the table of a document.
fn section<'d, 't>(document: &'d DeTable<'t>, path: &[&str]) -> Option<&'d DeTable<'t>> {
    path.iter().try_fold(document, |table, name| table.get(*name)?.get_ref().as_table())
}

/// What is wrong in `table`, and where: a field that `sizes` does not have (what reads them ignores
/// such, for the sake of the fixtures' richer files), or a size that no model has.
fn odd_dimension(
    table: &DeTable,
    path: &str,
    sizes: &impl Serialize,
) -> Option<(Range<usize>, String)> {
    let known = serde_json::to_value(sizes).ok()?;
    table.iter().find_map(|(key, value)| {
        let name = key.get_ref().as_ref();
        let Some(value_read) = known.get(name) else {
            return Some((key.span(), format!("unknown field `{name}` in `{path}`")));
        };
        // Blocks count from 0.
        let sizes = if name == "global_att_blocks" { 0..=LARGEST } else { 1..=LARGEST };
        let odd = numbers(value_read).into_iter().find(|size| !sizes.contains(size))?;
        let reason = format!("`{name}`: expected {} to {LARGEST}, found {odd}", sizes.start());
        Some((value.span(), reason))
    })
}

/// The numbers in a field's value: itself or its elements.
fn numbers(value: &serde_json::Value) -> Vec<u64> {
    match value.as_array() {
        Some(elements) => elements.iter().filter_map(serde_json::Value::as_u64).collect(),
        None => value.as_u64().into_iter().collect(),
    }
}

/// Why a recipe could not be read.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    /// Neither a name nor a file.
    #[error(
        "model `{name}`: expected {} or the path of a recipe file, found neither",
        Recipe::list().collect::<Vec<_>>().join(", ")
    )]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// The file cannot be read.
    #[error("recipe {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A block is to be left out of a recipe that only tracks.
    #[error("recipe `{name}`: expected a detail path to leave `{block}` out of, found none")]
    NoSuchBlock {
        /// The recipe's name.
        name: String,
        /// The block's name.
        block: &'static str,
    },
    /// A prompt of points or boxes for a model that was trained on masks.
    #[error(
        "recipe `{name}` follows masks only (`prompt-mask`, `--mask`): expected a mask, found \
         points or a box"
    )]
    MasksOnly {
        /// The recipe's name.
        name: String,
    },
    /// The text is not a recipe.
    #[error("recipe `{name}`, line {line}: {reason}")]
    Syntax {
        /// The recipe's name.
        name: String,
        /// Counted from 1.
        line: usize,
        /// What is wrong, with the field's name.
        reason: String,
    },
}
