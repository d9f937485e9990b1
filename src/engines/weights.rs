//! Where a model's weights come from.
use super::recipe::DetailPath;
use super::tracker_recipe::TrackerEncoder;
use super::{EngineError, Recipe};
use crate::checkpoint::Checkpoint;
use safetensors::{Dtype, SafeTensors};
use std::path::PathBuf;
use std::rc::Rc;

/// Trained weights by recipe, part of the program where the source tree had them.
#[cfg(nano_weights)]
const SHIPPED: [(&str, &[u8]); 2] = [
    ("nano", include_bytes!("../../engines/nano/weights.safetensors")),
    ("nano-tracker", include_bytes!("../../engines/nano/tracker.safetensors")),
];
#[cfg(not(nano_weights))]
const SHIPPED: [(&str, &[u8]); 0] = [];

/// The weights of a recipe's parts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Weights {
    /// The detail path's: an official MGD-SAM2 checkpoint, or one with its keys; also a tracker's
    /// that shares its encoder, or that is all there is.
    pub mgd: WeightSource,
    /// The tracker's: an official SAM2.1 checkpoint, or one with its keys.
    pub sam2: WeightSource,
}

/// The checkpoints of a recipe's parts; none where there is no such part.
pub(super) struct Checkpoints {
    pub(super) mgd: Option<Rc<Checkpoint>>,
    /// Also none without weights of its own, which `warnings` then say.
    pub(super) sam2: Option<Rc<Checkpoint>>,
}

impl Weights {
    /// All of it drawn from `seed`.
    pub fn random(seed: u64) -> Self {
        Self { mgd: WeightSource::Random(seed), sam2: WeightSource::Random(seed) }
    }

    /// The checkpoints for `recipe`. What a user must know about them is added to `warnings`.
    pub(super) fn open(
        &self,
        recipe: &Recipe,
        warnings: &mut Vec<String>,
    ) -> Result<Checkpoints, EngineError> {
        let (model, has_detail) = (&recipe.name, recipe.detail != DetailPath::None);
        let tracker = recipe.tracker.as_ref();
        let encoder = tracker.map(|tracker| tracker.encoder);
        let has_own = encoder == Some(TrackerEncoder::Own);
        let of_tracker = match &self.sam2 {
            WeightSource::Recipe if !has_detail => &self.mgd,
            sam2 => sam2,
        };
        let mgd_is_used = has_detail || of_tracker == &self.mgd;
        for (source, is_used, what) in
            [(&self.mgd, mgd_is_used, "MGD-SAM2"), (&self.sam2, has_own, "SAM2.1")]
        {
            if !is_used && matches!(source, WeightSource::Checkpoint(_)) {
                warnings.push(format!("`{model}` has no use for the {what} checkpoint"));
            }
        }
        let mgd = has_detail.then(|| self.mgd.open(recipe, warnings)).transpose()?.map(Rc::new);
        let sam2 = match encoder {
            Some(TrackerEncoder::Shared) => mgd.clone(),
            Some(TrackerEncoder::Own) if has_detail && self.sam2 == WeightSource::Recipe => {
                let published = tracker.and_then(|tracker| tracker.weights.as_deref());
                let found = published.map(at_hand).transpose()?.flatten();
                if found.is_none() {
                    let hint = published.map_or("`--sam2`".into(), |published| {
                        format!("`mgdsam2 fetch {published}`, or `--sam2`")
                    });
                    warnings.push(format!(
                        "`{model}` mattes every frame alone: to follow an object it needs a \
                         SAM2.1 checkpoint too ({hint}), and there is none"
                    ));
                }
                found.map(Rc::new)
            }
            Some(TrackerEncoder::Own) => Some(Rc::new(of_tracker.open(recipe, warnings)?)),
            None => None,
        };
        Ok(Checkpoints { mgd, sam2 })
    }
}

/// Where weights come from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum WeightSource {
    /// What the recipe names: shipped weights (loudly, random ones where the source tree had none),
    /// or published ones that have been fetched.
    #[default]
    Recipe,
    /// Every tensor drawn from this seed: the right speed and shape, a meaningless matte.
    Random(u64),
    /// A file.
    Checkpoint(PathBuf),
}

impl WeightSource {
    fn open(&self, recipe: &Recipe, warnings: &mut Vec<String>) -> Result<Checkpoint, EngineError> {
        match self {
            Self::Checkpoint(path) => Ok(Checkpoint::open(path)?),
            Self::Random(seed) => {
                let warning = format!(
                    "`{}` runs with random weights (seed {seed}): this matte means nothing",
                    recipe.name
                );
                if !warnings.contains(&warning) {
                    warnings.push(warning);
                }
                Ok(Checkpoint::random(*seed))
            }
            Self::Recipe if recipe.weights.shipped => shipped(recipe, warnings),
            Self::Recipe => match fetched(&recipe.name) {
                Some(path) => Ok(Checkpoint::open(&path)?),
                None => Err(EngineError::NoWeights {
                    model: recipe.name.clone(),
                    from: recipe.weights.source.clone(),
                }),
            },
        }
    }
}

/// Where the published weights of the recipe called `name` belong: in the user's data folder.
/// `None` where the user has none.
pub fn place_of(name: &str) -> Option<PathBuf> {
    Some(dirs::data_dir()?.join("mgdsam2/weights").join(format!("{name}.pt")))
}

/// The published weights of the recipe called `name`, if they have been fetched.
pub fn fetched(name: &str) -> Option<PathBuf> {
    place_of(name).filter(|path| path.is_file())
}

/// The weights of the recipe called `name`, shipped or fetched.
fn at_hand(name: &str) -> Result<Option<Checkpoint>, EngineError> {
    match (built_in(name)?, fetched(name)) {
        (None, Some(path)) => Ok(Some(Checkpoint::open(&path)?)),
        (shipped, _) => Ok(shipped),
    }
}

fn built_in(name: &str) -> Result<Option<Checkpoint>, EngineError> {
    let Some((name, bytes)) = SHIPPED.iter().find(|(shipped, _)| *shipped == name) else {
        return Ok(None);
    };
    Ok(Some(read(bytes)?.described_as(&format!("trained weights that ship with {name}"))))
}

fn shipped(recipe: &Recipe, warnings: &mut Vec<String>) -> Result<Checkpoint, EngineError> {
    if let Some(weights) = built_in(&recipe.name)? {
        let caution = recipe.weights.caution.as_ref();
        warnings.extend(caution.map(|caution| format!("`{}`: {caution}", recipe.name)));
        return Ok(weights);
    }
    warnings.push(format!(
        "`{}` ships without trained weights as yet and runs with random ones: this matte means \
         nothing; give a checkpoint for one that does",
        recipe.name
    ));
    Ok(Checkpoint::random(0))
}

/// A safetensors file in memory, of f32 and f16.
fn read(bytes: &[u8]) -> Result<Checkpoint, EngineError> {
    let file = SafeTensors::deserialize(bytes).map_err(|e| EngineError::Shipped(e.to_string()))?;
    let tensors = file.iter().map(|(key, tensor)| {
        let values = floats(tensor.dtype(), tensor.data())
            .ok_or_else(|| EngineError::Shipped(format!("`{key}` is {:?}", tensor.dtype())))?;
        Ok((key.to_owned(), tensor.shape().to_vec(), values))
    });
    Ok(Checkpoint::from_tensors(tensors.collect::<Result<Vec<_>, EngineError>>()?)?)
}

fn floats(dtype: Dtype, bytes: &[u8]) -> Option<Vec<f32>> {
    let (singles, halves) = (bytes.as_chunks::<4>().0, bytes.as_chunks::<2>().0);
    match dtype {
        Dtype::F32 => Some(singles.iter().map(|b| f32::from_le_bytes(*b)).collect()),
        Dtype::F16 => Some(halves.iter().map(|b| half::f16::from_le_bytes(*b).to_f32()).collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use safetensors::tensor::TensorView;

    #[test]
    fn half_precision_weights_in_memory_are_read() {
        let data: Vec<u8> =
            [1.5, -2.0].iter().flat_map(|v| half::f16::from_f32(*v).to_le_bytes()).collect();
        let view = TensorView::new(Dtype::F16, vec![2], &data).unwrap();
        let bytes = safetensors::serialize([("a", view)], None).unwrap();
        assert_eq!(read(&bytes).unwrap().read("a", &[2]).unwrap(), [1.5, -2.0]);
    }
}
