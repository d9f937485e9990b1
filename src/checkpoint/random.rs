//! Random weights that are the same on every machine.
use super::tensor::element_count;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use sha2::{Digest, Sha256};
use std::io;

/// What the values depend on, in words. The version counts changes of [`draw`].
pub(super) fn recipe(seed: u64) -> String {
    format!("random weights, version 1, seed {seed}")
}

/// `shape` filled from `seed` and `key`.
pub(super) fn draw(seed: u64, key: &str, shape: &[usize]) -> io::Result<Vec<f32>> {
    let mut values = Vec::new();
    let count = element_count(shape).unwrap_or(usize::MAX);
    values.try_reserve_exact(count).map_err(|_| io::ErrorKind::OutOfMemory)?;
    let Distribution { mean, deviation } = distribution(key, shape);
    let hash = Sha256::new_with_prefix(seed.to_le_bytes()).chain_update(key).finalize();
    let mut rng = Pcg64::from_seed(hash.into());
    values.extend((0..count).map(|_| mean + deviation * almost_normal(rng.next_u64())));
    Ok(values)
}

struct Distribution {
    mean: f32,
    deviation: f32,
}

/// What keeps activations of the order of one through a deep model.
fn distribution(key: &str, shape: &[usize]) -> Distribution {
    let near = |mean, deviation| Distribution { mean, deviation };
    let ends = |ending| key.ends_with(ending);
    match shape {
        _ if ends("positional_encoding_gaussian_matrix") => near(0.0, 1.0),
        _ if ends("running_var") => near(1.0, 0.05),
        _ if ends("running_mean") || ends("bias") => near(0.0, 0.02),
        // Layer scale: a residual branch starts out small.
        _ if ends("gamma") => near(0.0, 0.1),
        // A norm's scale.
        [_] if ends("weight") => near(1.0, 0.05),
        [_, inputs @ ..] if ends("weight") => {
            let fan_in = inputs.iter().product::<usize>().max(1);
            near(0.0, 1.0 / (fan_in as f32).sqrt())
        }
        // Embeddings, as SAM2 starts them.
        _ => near(0.0, 0.02),
    }
}

/// Mean 0, variance 1, within ±2√3: the sum of four 16-bit uniforms. A true normal needs `ln`
/// and `cos`, whose last bit differs between machines; this is exact up to one rounding.
fn almost_normal(bits: u64) -> f32 {
    let sum: u32 = (0..4).map(|i| u32::from((bits >> (16 * i)) as u16)).sum();
    (sum as f32 - 131_070.0) * (1.732_050_8 / 65_536.0)
}
