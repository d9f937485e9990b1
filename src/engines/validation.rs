//! Whether an engine's arithmetic is good enough, and which blocks need f32 if it is not.
//!
//! Encoders collapse in f16 and fused kernels are wrong on some GPUs, silently. So an engine is
//! used only after its outputs on a picture have come close to those of an f32 reference.
use crate::backend::Tensor;
use std::collections::BTreeSet;

/// How often blocks are chosen by what is measured, before all of them are taken.
const ROUNDS: usize = 4;

/// What one run gives.
#[derive(Debug, Clone, Default)]
pub struct Measured {
    /// The graph's outputs.
    pub outputs: Vec<Tensor>,
    /// What each block gives, by its number in the model's order. Empty unless asked for.
    pub blocks: Vec<(usize, Tensor)>,
}

/// A model's engines on a picture: the reference, and the one to be judged.
pub trait Bench {
    /// What can go wrong on the way.
    type Error;

    /// Runs the model in f32, giving out its blocks too if `with_blocks`.
    fn reference(&mut self, with_blocks: bool) -> Result<Measured, Self::Error>;

    /// The same by the engine to be judged, in which `f32_blocks` compute in f32.
    fn candidate(
        &mut self,
        f32_blocks: &BTreeSet<usize>,
        with_blocks: bool,
    ) -> Result<Measured, Self::Error>;
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Relative L2 distance of the outputs from the reference; the largest of several.
    pub distance: f64,
    /// Whether that is within the tolerance.
    pub is_good: bool,
    /// The blocks that compute in f32.
    pub f32_blocks: BTreeSet<usize>,
}

/// Judges the engine, and moves its worst blocks to f32 until it is good or nothing is left.
pub fn settle<B: Bench>(bench: &mut B, tolerance: f64) -> Result<Verdict, B::Error> {
    let wanted = bench.reference(false)?.outputs;
    let mut f32_blocks = BTreeSet::new();
    let mut wanted_blocks = None;
    for round in 0.. {
        let found = bench.candidate(&f32_blocks, false)?.outputs;
        let distance =
            wanted.iter().zip(&found).map(|(w, f)| relative_l2(f, w)).fold(0.0, f64::max);
        let is_good = distance <= tolerance;
        if is_good || round > ROUNDS {
            return Ok(Verdict { distance, is_good, f32_blocks });
        }
        let wanted_blocks = match &wanted_blocks {
            Some(blocks) => blocks,
            None => wanted_blocks.insert(bench.reference(true)?.blocks),
        };
        let found_blocks = bench.candidate(&f32_blocks, true)?.blocks;
        let mut chosen = worst(wanted_blocks, &found_blocks, &f32_blocks, tolerance);
        if round == ROUNDS || chosen.is_empty() {
            chosen = wanted_blocks.iter().map(|(number, _)| *number).collect();
        }
        tracing::warn!(distance, tolerance, ?chosen, "blocks are moved to f32");
        let before = f32_blocks.len();
        f32_blocks.extend(chosen);
        if f32_blocks.len() == before {
            return Ok(Verdict { distance, is_good, f32_blocks });
        }
    }
    unreachable!("the loop ends by a verdict")
}

/// The blocks that make the distance grow by more than the tolerance, or else the one that does
/// most; those that are in f32 already cannot be helped.
fn worst(
    wanted: &[(usize, Tensor)],
    found: &[(usize, Tensor)],
    f32_blocks: &BTreeSet<usize>,
    tolerance: f64,
) -> BTreeSet<usize> {
    let mut reached = 0.0;
    let mut growth = Vec::new();
    for ((number, wanted), (_, found)) in wanted.iter().zip(found) {
        let distance = relative_l2(found, wanted);
        if distance > reached && !f32_blocks.contains(number) {
            growth.push((*number, distance - reached));
        }
        reached = distance.max(reached);
    }
    let most = growth.iter().max_by(|a, b| a.1.total_cmp(&b.1)).map(|(number, _)| *number);
    let large = growth.iter().filter(|(_, by)| *by > tolerance).map(|(number, _)| *number);
    large.chain(most).collect()
}

/// `|found - wanted| / |wanted|`; infinite where `found` is no number.
pub fn relative_l2(found: &Tensor, wanted: &Tensor) -> f64 {
    let (Tensor::F32(found), Tensor::F32(wanted)) = (found, wanted) else { return f64::INFINITY };
    let square = |v: f32| f64::from(v) * f64::from(v);
    let error: f64 = found.iter().zip(wanted).map(|(f, w)| square(f - w)).sum();
    let scale: f64 = wanted.iter().map(|w| square(*w)).sum();
    match (error / scale.max(f64::MIN_POSITIVE)).sqrt() {
        distance if distance.is_finite() => distance,
        _ => f64::INFINITY,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::convert::Infallible;

    /// Ten blocks that each add 1; the one that lies adds its error until it computes in f32.
    struct Liar {
        errors: [f32; 10],
        runs: usize,
    }

    impl Liar {
        fn run(&self, f32_blocks: &BTreeSet<usize>, is_reference: bool) -> Measured {
            let mut value = 0.0;
            let blocks = (0..10).map(|i| {
                let lies = !is_reference && !f32_blocks.contains(&i);
                value += 1.0 + if lies { self.errors[i] } else { 0.0 };
                (i, Tensor::F32(vec![value; 4]))
            });
            let blocks: Vec<_> = blocks.collect();
            Measured { outputs: vec![blocks[9].1.clone()], blocks }
        }
    }

    impl Bench for Liar {
        type Error = Infallible;

        fn reference(&mut self, _: bool) -> Result<Measured, Infallible> {
            Ok(self.run(&BTreeSet::new(), true))
        }

        fn candidate(
            &mut self,
            f32_blocks: &BTreeSet<usize>,
            _: bool,
        ) -> Result<Measured, Infallible> {
            self.runs += 1;
            Ok(self.run(f32_blocks, false))
        }
    }

    fn settle_liar(errors: &[(usize, f32)]) -> (Verdict, usize) {
        let mut liar = Liar { errors: [0.0; 10], runs: 0 };
        errors.iter().for_each(|(block, error)| liar.errors[*block] = *error);
        let verdict = settle(&mut liar, 0.01).unwrap();
        (verdict, liar.runs)
    }

    #[test]
    fn an_honest_engine_is_accepted_after_one_run() {
        let (verdict, runs) = settle_liar(&[(3, 0.01)]);
        assert!(verdict.is_good && verdict.f32_blocks.is_empty(), "{verdict:?}");
        assert_eq!(runs, 1);
    }

    #[test]
    fn the_blocks_that_lie_are_found_and_no_others() {
        for error in [0.5, -2.0, f32::INFINITY, f32::NAN] {
            let (verdict, _) = settle_liar(&[(3, error)]);
            assert!(verdict.is_good, "{error}: {verdict:?}");
            assert_eq!(verdict.f32_blocks, BTreeSet::from([3]), "{error}");
        }
        let (verdict, _) = settle_liar(&[(2, 0.4), (7, 1.5)]);
        assert_eq!((verdict.is_good, verdict.f32_blocks), (true, BTreeSet::from([2, 7])));
    }

    #[test]
    fn many_small_errors_move_everything_in_the_end() {
        let all: Vec<_> = (0..10).map(|block| (block, 0.05)).collect();
        let (verdict, _) = settle_liar(&all);
        assert!(verdict.is_good && verdict.f32_blocks.len() >= 5, "{verdict:?}");
    }

    /// Wrong whatever it computes in.
    struct Broken;

    impl Bench for Broken {
        type Error = Infallible;

        fn reference(&mut self, _: bool) -> Result<Measured, Infallible> {
            let tensor = Tensor::F32(vec![1.0]);
            Ok(Measured { outputs: vec![tensor.clone()], blocks: vec![(0, tensor)] })
        }

        fn candidate(&mut self, _: &BTreeSet<usize>, _: bool) -> Result<Measured, Infallible> {
            let tensor = Tensor::F32(vec![2.0]);
            Ok(Measured { outputs: vec![tensor.clone()], blocks: vec![(0, tensor)] })
        }
    }

    #[test]
    fn an_engine_that_f32_does_not_help_is_refused() {
        let verdict = settle(&mut Broken, 0.01).unwrap();
        assert!(!verdict.is_good && verdict.distance == 1.0, "{verdict:?}");
    }
}
