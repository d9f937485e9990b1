//! S-measure (structure measure) of saliency maps, from a pair's histograms.
use super::EPS;
use super::histogram::Histogram;
use super::histogram::Pair;
use super::saliency::weighted_mean;

/// Object and region similarity in equal parts, at least 0 (PySODMetrics' `Smeasure`).
///
/// `NaN`, as there, where the centroid lies in the last row or column and a quadrant is empty.
pub fn s_measure(pair: &Pair) -> f64 {
    let (foreground, count) = (pair.all.foreground_count(), pair.all.count());
    let mean = weighted_mean(&pair.all.levels(), &pair.levels.value);
    if foreground == 0 {
        return 1.0 - mean;
    }
    if foreground == count {
        return mean;
    }
    let score = 0.5 * object(pair) + 0.5 * region(pair);
    if score.is_nan() { score } else { score.max(0.0) }
}

fn object(pair: &Pair) -> f64 {
    let share = pair.all.foreground_count() as f64 / pair.all.count() as f64;
    let inverted = pair.levels.value.map(|v| 1.0 - v);
    let foreground = object_score(&pair.all.foreground, &pair.levels.value);
    foreground * share + object_score(&pair.all.background, &inverted) * (1.0 - share)
}

fn object_score(counts: &[u64; 256], values: &[f64; 256]) -> f64 {
    let n = counts.iter().sum::<u64>();
    let mean = weighted_mean(counts, values);
    let deviation =
        if n > 1 { (squares(counts, values, mean) / (n - 1) as f64).sqrt() } else { 0.0 };
    2.0 * mean / (mean * mean + 1.0 + deviation + EPS)
}

/// The sum of squared distances from `mean`.
fn squares(counts: &[u64; 256], values: &[f64; 256], mean: f64) -> f64 {
    counts.iter().zip(values).map(|(&n, v)| n as f64 * (v - mean).powi(2)).sum()
}

fn region(pair: &Pair) -> f64 {
    let (x, y, w, h) = (pair.split_x, pair.split_y, pair.width, pair.height);
    let share = |pixels: usize| pixels as f64 / (w * h) as f64;
    let (left_top, right_top, left_bottom) = (share(x * y), share(y * (w - x)), share((h - y) * x));
    let shares = [left_top, right_top, left_bottom, 1.0 - left_top - right_top - left_bottom];
    let sides = [(x, y), (w - x, y), (x, h - y), (w - x, h - y)];
    let score = |(quadrant, (columns, rows)): (&Histogram, (usize, usize))| match constant(
        quadrant,
        &pair.levels.value,
    ) {
        Some(v) => constant_similarity(quadrant, v, numpy_mean(v, rows, columns, columns == w)),
        None => similarity(quadrant, &pair.levels.value),
    };
    pair.quadrants.iter().zip(sides).map(score).zip(shares).map(|(s, share)| s * share).sum()
}

/// The value of a quadrant where the prediction has but one.
fn constant(quadrant: &Histogram, values: &[f64; 256]) -> Option<f64> {
    let levels = quadrant.levels();
    let mut used = (0..256).filter(|&level| levels[level] > 0);
    used.next().filter(|_| used.next().is_none()).map(|level| values[level])
}

/// Structural similarity where the prediction is `value` everywhere: 1 where the ground truth is
/// constant as well, else 0. But the reference gives 0 too where rounding moves the mean off the
/// value, as it then finds a variance in the prediction alone.
fn constant_similarity(quadrant: &Histogram, value: f64, mean: f64) -> f64 {
    let foreground = quadrant.foreground_count();
    let constant = foreground == 0 || foreground == quadrant.count();
    if constant && value == mean { 1.0 } else { 0.0 }
}

/// What numpy finds as the mean of a block of one value: rows are summed in pairs and added up,
/// a block without gaps is summed as one row.
fn numpy_mean(value: f64, rows: usize, columns: usize, gapless: bool) -> f64 {
    let sum = match gapless || columns == 1 || rows == 1 {
        true => pairwise_sum(value, rows * columns),
        false => {
            let row = pairwise_sum(value, columns);
            (0..rows).fold(0.0, |sum, _| sum + row)
        }
    };
    sum / (rows * columns) as f64
}

/// The sum of `count` times `value` in numpy's order: halves of whole eights, down to blocks of
/// 128, which are summed in eight strands.
fn pairwise_sum(value: f64, count: usize) -> f64 {
    let repeat = |start: f64, times: usize| (0..times).fold(start, |sum, _| sum + value);
    match count {
        0..8 => repeat(0.0, count),
        8..=128 => {
            let strand = repeat(value, count / 8 - 1);
            let quarter = (strand + strand) + (strand + strand);
            repeat(quarter + quarter, count % 8)
        }
        _ => {
            let half = count / 2 - count / 2 % 8;
            pairwise_sum(value, half) + pairwise_sum(value, count - half)
        }
    }
}

/// Structural similarity of one quadrant.
fn similarity(quadrant: &Histogram, values: &[f64; 256]) -> f64 {
    let n = quadrant.count() as f64;
    let freedom = n - 1.0 + EPS;
    let foreground = quadrant.foreground_count() as f64;
    let levels = quadrant.levels();
    let (x, y) = (weighted_mean(&levels, values), foreground / n);
    let sigma_x = squares(&levels, values, x) / freedom;
    let background = n - foreground;
    let sigma_y = (foreground * (1.0 - y).powi(2) + background * y * y) / freedom;
    let product = |counts: &[u64; 256], gt: f64| -> f64 {
        counts.iter().zip(values).map(|(&n, v)| n as f64 * (v - x) * (gt - y)).sum()
    };
    let sigma_xy =
        (product(&quadrant.foreground, 1.0) + product(&quadrant.background, 0.0)) / freedom;
    let alpha = 4.0 * x * y * sigma_xy;
    let beta = (x * x + y * y) * (sigma_x + sigma_y);
    match (alpha == 0.0, beta == 0.0) {
        (false, _) => alpha / (beta + EPS),
        (true, true) => 1.0,
        (true, false) => 0.0,
    }
}
