//! What is measured together: per item, and over a data set.
//!
//! Items may be scored on many threads; accumulators take the scores in any order but add them in
//! the order given, and keep nothing per item.
pub mod davis;
pub mod dis;
pub mod matting;
pub mod sod;

/// A running mean that leaves `NaN` out.
#[derive(Debug, Clone, Copy, Default)]
struct Mean {
    sum: f64,
    count: usize,
}

impl Mean {
    fn add(&mut self, value: f64) {
        if !value.is_nan() {
            self.sum += value;
            self.count += 1;
        }
    }

    fn merge(&mut self, other: Self) {
        self.sum += other.sum;
        self.count += other.count;
    }

    /// `NaN` where nothing was added.
    fn value(self) -> f64 {
        self.sum / self.count as f64
    }
}
