//! Attention's windows: which tokens see each other, and the order that puts them side by side.
//!
//! A block works on its tokens in window order, so that they are shuffled once before and once
//! after it. Windows that reach over the map's edge hold the tokens that are there and no others;
//! the zeros that the official code pads them with are all alike, and count as one key of much
//! weight (`hiera`).
use super::layers::tokens;
use crate::onnx::Tensor;

/// Windows of one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// How many there are.
    pub windows: usize,
    /// Tokens in each.
    pub tokens: usize,
    /// Zeros that each is padded with.
    pub padding: usize,
}

/// The windows on maps (V, h, w, C).
pub struct Windows {
    map: [usize; 3],
    /// The largest windows first.
    pub groups: Vec<Group>,
    /// The map's tokens, row-major, in window order.
    order: Vec<usize>,
}

impl Windows {
    /// Of `side` x `side` tokens, or all tokens of a view.
    pub fn new(map: [usize; 3], side: Option<usize>) -> Self {
        let [views, h, w] = map;
        let [tall, wide] = side.map_or([h, w], |side| [side, side]);
        let bands = |size: usize, side: usize| {
            (0..size).step_by(side).map(move |start| start..size.min(start + side))
        };
        let mut windows: Vec<Vec<usize>> = (0..views)
            .flat_map(|view| bands(h, tall).map(move |rows| (view, rows)))
            .flat_map(|(view, rows)| {
                bands(w, wide).map(move |columns| (view, rows.clone(), columns))
            })
            .map(|(view, rows, columns)| {
                let row = |y: usize| columns.clone().map(move |x| (view * h + y) * w + x);
                rows.flat_map(row).collect()
            })
            .collect();
        windows.sort_by_key(|window| std::cmp::Reverse(window.len()));
        let group = |windows: &[Vec<usize>]| {
            let tokens = windows[0].len();
            Group { windows: windows.len(), tokens, padding: tall * wide - tokens }
        };
        let groups = windows.chunk_by(|a, b| a.len() == b.len()).map(group).collect();
        Self { map, groups, order: windows.concat() }
    }

    /// The tokens of `x` (V, h, w, C), as `layers::tokens` has them, in window order.
    pub fn cut<'c>(&self, x: &Tensor<'c>) -> Tensor<'c> {
        gather(&tokens(x), &self.order)
    }

    /// The inverse of [`Windows::cut`].
    pub fn join<'c>(&self, x: &Tensor<'c>) -> Tensor<'c> {
        let mut places = vec![0; self.order.len()];
        self.order.iter().enumerate().for_each(|(place, &token)| places[token] = place);
        let [views, h, w] = self.map;
        gather(x, &places).reshape(&[views, h, w, x.shape[token_axis(x) + 1]])
    }

    /// These windows once each 2x2 square of tokens has become one.
    pub fn pooled(&self) -> Self {
        let [views, h, w] = self.map;
        let fewer = |g: &Group| Group { tokens: g.tokens / 4, padding: g.padding / 4, ..*g };
        Self {
            map: [views, h / 2, w / 2],
            groups: self.groups.iter().map(fewer).collect(),
            order: self.corners().map(|token| token / w / 2 * (w / 2) + token % w / 2).collect(),
        }
    }

    /// The first tokens of all 2x2 squares.
    fn corners(&self) -> impl Iterator<Item = usize> {
        let w = self.map[2];
        let even = |n: usize| n.is_multiple_of(2);
        self.order.iter().copied().filter(move |token| even(token / w) && even(token % w))
    }

    /// The tokens of `x` (V, h, w, C) for [`max_pool`]: the squares' four corners one after the
    /// other, each in the order of [`Windows::pooled`].
    pub fn cut_squares<'c>(&self, x: &Tensor<'c>) -> Tensor<'c> {
        let w = self.map[2];
        let corner = |step: usize| self.corners().map(move |token| token + step);
        let order: Vec<_> = [0, 1, w, w + 1].into_iter().flat_map(corner).collect();
        gather(&tokens(x), &order)
    }
}

/// The maximum of each square of [`Windows::cut_squares`].
pub fn max_pool<'c>(x: &Tensor<'c>) -> Tensor<'c> {
    let axis = token_axis(x);
    let quarter = x.shape[axis] / 4;
    let corner = |i: usize| x.slice(axis, i * quarter..(i + 1) * quarter);
    corner(0).maximum(&corner(1)).maximum(&corner(2).maximum(&corner(3)))
}

/// The last axis but one.
pub fn token_axis(x: &Tensor) -> usize {
    x.shape.len().saturating_sub(2)
}

fn gather<'c>(x: &Tensor<'c>, order: &[usize]) -> Tensor<'c> {
    match order.iter().copied().eq(0..order.len()) {
        true => x.clone(),
        false => x.gather(token_axis(x), order),
    }
}
