//! F-measure, E-measure and MAE of saliency maps, from a pair's histogram.
use super::EPS;
use super::histogram::Histogram;
use super::histogram::Pair;

/// The weight of precision in the F-measure of saliency maps.
pub const F_BETA2: f64 = 0.3;

/// A score for each of the 256 thresholds, the lowest threshold first (PySODMetrics lists them
/// the other way round).
pub type Curve = [f64; 256];

/// How many pixels reach a threshold.
#[derive(Debug, Clone, Copy)]
struct Hits {
    true_positives: u64,
    false_positives: u64,
}

/// Precision, recall, F and E at each threshold of one pair.
#[derive(Debug, Clone)]
pub struct Curves {
    /// True positives among what reaches the threshold.
    pub precision: Curve,
    /// True positives among the ground truth.
    pub recall: Curve,
    /// [`f_measure`] of the two, with [`F_BETA2`].
    pub f: Curve,
    /// Enhanced-alignment measure.
    pub e: Curve,
}

/// The curves of one pair, as PySODMetrics' `Fmeasure` and `Emeasure`.
pub fn curves(pair: &Pair) -> Curves {
    let hits = hits_per_threshold(pair);
    let foreground = pair.all.foreground_count();
    let ratio = |part: u64, whole: u64| part as f64 / whole.max(1) as f64;
    let precision = hits.map(|h| ratio(h.true_positives, h.true_positives + h.false_positives));
    let recall = hits.map(|h| ratio(h.true_positives, foreground));
    let f = std::array::from_fn(|t| f_measure(precision[t], recall[t], F_BETA2));
    Curves { precision, recall, f, e: hits.map(|h| alignment(h, &pair.all)) }
}

/// `(1 + beta2) p r / (beta2 p + r)`, and 0 where nothing is found.
pub fn f_measure(precision: f64, recall: f64, beta2: f64) -> f64 {
    let numerator = (1.0 + beta2) * precision * recall;
    if numerator == 0.0 { 0.0 } else { numerator / (beta2 * precision + recall) }
}

/// F-measure at the adaptive threshold: twice the prediction's mean, at most 1.
pub fn adaptive_f(pair: &Pair) -> f64 {
    let hits = adaptive_hits(pair);
    if hits.true_positives == 0 {
        return 0.0;
    }
    let found = hits.true_positives as f64;
    let precision = found / (hits.true_positives + hits.false_positives) as f64;
    f_measure(precision, found / pair.all.foreground_count() as f64, F_BETA2)
}

/// E-measure at the adaptive threshold.
pub fn adaptive_e(pair: &Pair) -> f64 {
    alignment(adaptive_hits(pair), &pair.all)
}

/// Mean absolute error, in 0..=1.
pub fn mae(pair: &Pair) -> f64 {
    let levels = pair.levels.value.iter().zip(pair.all.foreground).zip(pair.all.background);
    let sum: f64 =
        levels.map(|((v, fg), bg)| fg as f64 * (v - 1.0).abs() + bg as f64 * v.abs()).sum();
    sum / pair.all.count() as f64
}

fn hits_per_threshold(pair: &Pair) -> [Hits; 256] {
    let mut hits = [Hits { true_positives: 0, false_positives: 0 }; 256];
    for (level, &threshold) in pair.levels.quantized.iter().enumerate() {
        hits[usize::from(threshold)].true_positives += pair.all.foreground[level];
        hits[usize::from(threshold)].false_positives += pair.all.background[level];
    }
    for threshold in (0..255).rev() {
        hits[threshold].true_positives += hits[threshold + 1].true_positives;
        hits[threshold].false_positives += hits[threshold + 1].false_positives;
    }
    hits
}

fn adaptive_hits(pair: &Pair) -> Hits {
    let counts = pair.all.levels();
    let threshold = (2.0 * weighted_mean(&counts, &pair.levels.value)).min(1.0);
    let mut hits = Hits { true_positives: 0, false_positives: 0 };
    for level in (0..256).filter(|&level| pair.levels.value[level] >= threshold) {
        hits.true_positives += pair.all.foreground[level];
        hits.false_positives += pair.all.background[level];
    }
    hits
}

/// The mean of `values`, each counted as often as `counts` says; exact where only one occurs.
pub(crate) fn weighted_mean(counts: &[u64; 256], values: &[f64; 256]) -> f64 {
    let mut used = counts.iter().zip(values).filter(|(n, _)| **n > 0);
    if let (Some((_, &only)), None) = (used.next(), used.next()) {
        return only;
    }
    let sum: f64 = counts.iter().zip(values).map(|(&n, v)| n as f64 * v).sum();
    sum / counts.iter().sum::<u64>() as f64
}

/// The enhanced-alignment measure of a binary map: four kinds of pixels, each with its alignment.
fn alignment(hits: Hits, all: &Histogram) -> f64 {
    let (size, foreground) = (all.count(), all.foreground_count());
    let found = hits.true_positives + hits.false_positives;
    let sum = if foreground == 0 {
        (size - found) as f64
    } else if foreground == size {
        found as f64
    } else {
        let mean = |count: u64| count as f64 / size as f64;
        let (pred_mean, gt_mean) = (mean(found), mean(foreground));
        let missed = foreground - hits.true_positives;
        let kinds = [
            (hits.true_positives, 1.0, 1.0),
            (hits.false_positives, 1.0, 0.0),
            (missed, 0.0, 1.0),
            (size - found - missed, 0.0, 0.0),
        ];
        let enhanced = |(n, pred, gt): (u64, f64, f64)| {
            let (pred, gt) = (pred - pred_mean, gt - gt_mean);
            let align = 2.0 * (pred * gt) / (pred * pred + gt * gt + EPS);
            (align + 1.0).powi(2) / 4.0 * n as f64
        };
        kinds.map(enhanced).iter().sum()
    };
    sum / (size as f64 - 1.0 + EPS)
}
