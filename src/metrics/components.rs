//! Connected components of a mask, by runs of pixels.
use super::mask::Mask;

/// Which pixels touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connectivity {
    /// Left, right, above, below.
    Four,
    /// Diagonals too.
    Eight,
}

/// Pixels `start..end` of row `y`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    pub y: usize,
    pub start: usize,
    pub end: usize,
    /// Index of its component.
    pub component: usize,
}

/// All components, in the raster order of their first pixels.
#[derive(Debug, Default)]
pub(crate) struct Components {
    pub runs: Vec<Run>,
    /// Pixels of each component.
    pub sizes: Vec<usize>,
}

impl Components {
    pub(crate) fn new(mask: &Mask, connectivity: Connectivity) -> Self {
        let mut runs: Vec<Run> = Vec::new();
        let mut parents: Vec<usize> = Vec::new();
        let mut above = 0..0;
        let reach = usize::from(connectivity == Connectivity::Eight);
        for y in 0..mask.height() {
            let first = runs.len();
            push_runs(mask.row(y), y, &mut runs);
            parents.extend(first..runs.len());
            let mut upper = above.start;
            for i in first..runs.len() {
                let Run { start, end, .. } = runs[i];
                while upper < above.end && runs[upper].end + reach <= start {
                    upper += 1;
                }
                let mut touching = upper;
                while touching < above.end && runs[touching].start < end + reach {
                    unite(&mut parents, touching, i);
                    touching += 1;
                }
            }
            above = first..runs.len();
        }
        Self::number(runs, parents)
    }

    /// Numbers the roots in raster order: a root is its component's first run.
    fn number(mut runs: Vec<Run>, mut parents: Vec<usize>) -> Self {
        let mut sizes = Vec::new();
        for i in 0..runs.len() {
            let root = find(&mut parents, i);
            if root == i {
                runs[i].component = sizes.len();
                sizes.push(0);
            }
            runs[i].component = runs[root].component;
            sizes[runs[i].component] += runs[i].end - runs[i].start;
        }
        Self { runs, sizes }
    }

    /// The largest component, the first of equals.
    pub(crate) fn largest(&self) -> Option<usize> {
        (0..self.sizes.len()).rev().max_by_key(|&i| self.sizes[i])
    }
}

fn push_runs(row: &[u64], y: usize, runs: &mut Vec<Run>) {
    let mut open = None;
    let mut before = 0;
    for (i, &word) in row.iter().enumerate() {
        let mut edges = word ^ (word << 1 | before);
        before = word >> 63;
        while edges != 0 {
            let x = i * 64 + edges.trailing_zeros() as usize;
            edges &= edges - 1;
            open = match open {
                None => Some(x),
                Some(start) => {
                    runs.push(Run { y, start, end: x, component: 0 });
                    None
                }
            };
        }
    }
    if let Some(start) = open {
        runs.push(Run { y, start, end: row.len() * 64, component: 0 });
    }
}

fn find(parents: &mut [usize], mut i: usize) -> usize {
    while parents[i] != i {
        parents[i] = parents[parents[i]];
        i = parents[i];
    }
    i
}

fn unite(parents: &mut [usize], a: usize, b: usize) {
    let (a, b) = (find(parents, a), find(parents, b));
    parents[a.max(b)] = a.min(b);
}
