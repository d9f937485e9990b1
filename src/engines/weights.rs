//! Where a model's weights come from.
use super::{EngineError, Recipe};
use crate::checkpoint::Checkpoint;
use safetensors::{Dtype, SafeTensors};
use std::path::PathBuf;

/// Nano's trained weights, part of the program where the source tree had them.
#[cfg(nano_weights)]
const NANO: Option<&[u8]> = Some(include_bytes!("../../engines/nano/weights.safetensors"));
#[cfg(not(nano_weights))]
const NANO: Option<&[u8]> = None;

/// Where a model's weights come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Weights {
    /// What the recipe names: shipped weights (until they are made, loudly, random ones), or
    /// published ones that have been fetched.
    Recipe,
    /// Every tensor drawn from this seed: the right speed and shape, a meaningless matte.
    Random(u64),
    /// An official MGD-SAM2 checkpoint, or one with its keys.
    Checkpoint(PathBuf),
}

impl Weights {
    /// The checkpoint for `recipe`. What a user must know about it is added to `warnings`.
    pub(super) fn open(
        &self,
        recipe: &Recipe,
        warnings: &mut Vec<String>,
    ) -> Result<Checkpoint, EngineError> {
        match self {
            Self::Checkpoint(path) => Ok(Checkpoint::open(path)?),
            Self::Random(seed) => {
                warnings.push(format!(
                    "`{}` runs with random weights (seed {seed}): this matte means nothing",
                    recipe.name
                ));
                Ok(Checkpoint::random(*seed))
            }
            Self::Recipe if recipe.weights.shipped => shipped(recipe, warnings),
            Self::Recipe => match fetched(&recipe.name).filter(|path| path.exists()) {
                Some(path) => Ok(Checkpoint::open(&path)?),
                None => Err(EngineError::NoWeights {
                    model: recipe.name.clone(),
                    from: recipe.weights.source.clone(),
                }),
            },
        }
    }
}

/// Where the published weights of the recipe called `name` lie once they are fetched: in the
/// user's data folder. `None` where the user has none.
pub fn fetched(name: &str) -> Option<PathBuf> {
    Some(dirs::data_dir()?.join("mgdsam2/weights").join(format!("{name}.pt")))
}

fn shipped(recipe: &Recipe, warnings: &mut Vec<String>) -> Result<Checkpoint, EngineError> {
    if let Some(bytes) = NANO.filter(|_| recipe.name == "nano") {
        let caution = recipe.weights.caution.as_ref();
        warnings.extend(caution.map(|caution| format!("`{}`: {caution}", recipe.name)));
        return Ok(read(bytes)?.described_as("trained weights that ship with nano"));
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
