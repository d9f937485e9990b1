//! Closed polygons to the exact area they cover in each pixel.
use super::plane::Affine;
use super::plane::Point;

/// A rectangle of pixels; it may lie partly or wholly outside a picture.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Window {
    pub left: i32,
    pub top: i32,
    pub width: usize,
    pub height: usize,
}

impl Window {
    pub fn of(width: usize, height: usize) -> Self {
        Window { left: 0, top: 0, width, height }
    }

    pub fn right(&self) -> i32 {
        self.left + self.width as i32
    }

    pub fn bottom(&self) -> i32 {
        self.top + self.height as i32
    }

    pub fn is_empty(&self) -> bool {
        self.width == 0 || self.height == 0
    }

    /// Larger by `by` pixels on each side.
    pub fn grown(&self, by: usize) -> Self {
        Window {
            left: self.left - by as i32,
            top: self.top - by as i32,
            width: self.width + 2 * by,
            height: self.height + 2 * by,
        }
    }

    /// The smallest window around both.
    pub fn union(&self, other: &Window) -> Self {
        let (left, top) = (self.left.min(other.left), self.top.min(other.top));
        let width = (self.right().max(other.right()) - left) as usize;
        let height = (self.bottom().max(other.bottom()) - top) as usize;
        Window { left, top, width, height }
    }

    /// What both share; when that is nothing, the empty window at the origin.
    pub fn intersect(&self, other: &Window) -> Self {
        let (left, top) = (self.left.max(other.left), self.top.max(other.top));
        let width = (self.right().min(other.right()) - left).max(0) as usize;
        let height = (self.bottom().min(other.bottom()) - top).max(0) as usize;
        if width == 0 || height == 0 {
            return Window::default();
        }
        Window { left, top, width, height }
    }
}

/// The box around a set of points, grown point by point.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    low: Point,
    high: Point,
}

impl Bounds {
    pub const NONE: Bounds = Bounds { low: [f32::MAX; 2], high: [f32::MIN; 2] };

    pub fn add(&mut self, p: Point) {
        self.low = [self.low[0].min(p[0]), self.low[1].min(p[1])];
        self.high = [self.high[0].max(p[0]), self.high[1].max(p[1])];
    }

    /// The middle, and half of the longer side.
    pub fn centre_and_half(&self) -> (Point, f32) {
        let centre = [0, 1].map(|axis| 0.5 * (self.low[axis] + self.high[axis]));
        let half = [0, 1].map(|axis| 0.5 * (self.high[axis] - self.low[axis]));
        (centre, half[0].max(half[1]))
    }

    /// The pixels that the box touches.
    pub fn window(&self) -> Window {
        if self.low[0] > self.high[0] {
            return Window::of(0, 0);
        }
        // Far beyond any picture, and far from overflow.
        let pixel = |v: f32| v.clamp(-1e6, 1e6) as i32;
        let (left, top) = (pixel(self.low[0].floor()), pixel(self.low[1].floor()));
        let width = (pixel(self.high[0].ceil()) - left) as usize;
        let height = (pixel(self.high[1].ceil()) - top) as usize;
        Window { left, top, width, height }
    }
}

/// Turns polygons into coverage; keeps its memory from one polygon to the next.
#[derive(Debug, Default)]
pub(super) struct Rasterizer {
    points: Vec<Point>,
    /// Row by row: first changes of coverage from one column to the next, then coverage.
    cells: Vec<f32>,
    /// The columns of each row that an edge or coverage is in; all other cells are 0.
    spans: Vec<Span>,
    stride: usize,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    first: usize,
    end: usize,
}

impl Rasterizer {
    /// Rasterizes `contours` after `map` inside `clip`; `None` when they miss it.
    ///
    /// Contours in opposite directions subtract, so that a hole is a reversed contour. The pixels
    /// of the returned window are then read by [`Rasterizer::row`].
    pub fn fill(&mut self, contours: &[Vec<Point>], map: Affine, clip: &Window) -> Option<Window> {
        let mut points = std::mem::take(&mut self.points);
        let mut bounds = Bounds::NONE;
        points.clear();
        for p in contours.iter().flatten() {
            let p = map.map(*p);
            bounds.add(p);
            points.push(p);
        }
        let window = bounds.window().intersect(clip);
        if !window.is_empty() {
            self.clear(&window);
            let mut rest = points.as_slice();
            for contour in contours {
                let (these, others) = rest.split_at(contour.len());
                for (i, p) in these.iter().enumerate() {
                    let next = if i + 1 < these.len() { these[i + 1] } else { these[0] };
                    self.edge(*p, next, &window);
                }
                rest = others;
            }
            self.sum_rows();
        }
        self.points = points;
        Some(window).filter(|window| !window.is_empty())
    }

    /// Of the window's row `y`, counted from its top: the first column that is covered, and the
    /// coverage 0..=1 from there on.
    pub fn row(&self, y: usize) -> (usize, &[f32]) {
        let Span { first, end } = self.spans[y];
        (first, &self.cells[y * self.stride..][first..end])
    }

    fn clear(&mut self, window: &Window) {
        for (y, span) in self.spans.iter().enumerate() {
            self.cells[y * self.stride..][span.first..span.end].fill(0.0);
        }
        // One column for what an edge in the last pixel changes beyond it.
        self.stride = window.width + 1;
        let cells = self.stride * window.height;
        if self.cells.len() < cells {
            self.cells.resize(cells, 0.0);
        }
        self.spans.clear();
        self.spans.resize(window.height, Span { first: window.width, end: 0 });
    }

    /// Splits an edge into its pieces in single rows.
    fn edge(&mut self, from: Point, to: Point, window: &Window) {
        let (sign, [xa, ya], [xb, yb]) =
            if from[1] < to[1] { (1.0, from, to) } else { (-1.0, to, from) };
        let (left, top) = (window.left as f32, window.top as f32);
        let first = (ya - top).max(0.0);
        let last = (yb - top).min(window.height as f32);
        if first >= last {
            return;
        }
        let slope = (xb - xa) / (yb - ya);
        let at = |y: f32| (xa - left) + (y - (ya - top)) * slope;
        let (mut y, mut x) = (first, at(first));
        while y < last {
            let row = y as usize;
            let next = ((row + 1) as f32).min(last);
            let next_x = at(next);
            self.piece(row, x.min(next_x), x.max(next_x), sign * (next - y), window.width);
            (y, x) = (next, next_x);
        }
    }

    /// Adds a piece of an edge that crosses `height` of one row between `low` and `high`.
    fn piece(&mut self, row: usize, low: f32, high: f32, height: f32, width: usize) {
        let cells = &mut self.cells[row * self.stride..][..self.stride];
        let right = width as f32;
        let (start, stop) = (low.clamp(0.0, right), high.clamp(0.0, right));
        let span = &mut self.spans[row];
        span.first = span.first.min(start as usize);
        span.end = span.end.max((stop as usize + 2).min(width));
        if start >= right {
            return;
        }
        if high - low < 1e-3 || stop - start == 0.0 {
            return add_cell(cells, start, start, height);
        }
        let per_column = height / (high - low);
        // What is left of the window covers all of its row.
        cells[0] += per_column * (start - low);
        let mut x = start;
        while x < stop {
            let next = ((x as usize + 1) as f32).min(stop);
            add_cell(cells, x, next, per_column * (next - x));
            x = next;
        }
    }

    fn sum_rows(&mut self) {
        for (row, span) in self.cells.chunks_exact_mut(self.stride).zip(&mut self.spans) {
            let (inside, beyond) = row.split_at_mut(self.stride - 1);
            beyond[0] = 0.0;
            span.first = span.first.min(span.end);
            let mut sum = 0.0;
            for cell in &mut inside[span.first..span.end] {
                sum += *cell;
                let covered = sum.abs().min(1.0);
                // Rounding leaves a trace of about 1e-6 beyond the right edge.
                *cell = if covered < 1e-5 { 0.0 } else { covered };
            }
        }
    }
}

/// An edge between `xa` and `xb` of one cell: the pixel it is in is covered from there on.
fn add_cell(cells: &mut [f32], xa: f32, xb: f32, height: f32) {
    let cell = xa as usize;
    let right = 0.5 * (xa + xb) - cell as f32;
    cells[cell] += height * (1.0 - right);
    cells[cell + 1] += height * right;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synth::shape::ellipse;
    use crate::synth::shape::rectangle;
    use crate::synth::shape::reversed;

    fn area(contours: &[Vec<Point>], clip: Window) -> f32 {
        let mut rasterizer = Rasterizer::default();
        let window = rasterizer.fill(contours, Affine::IDENTITY, &clip).unwrap_or_default();
        (0..window.height).map(|y| rasterizer.row(y).1.iter().sum::<f32>()).sum()
    }

    #[test]
    fn coverage_sums_to_the_area() {
        let clip = Window::of(40, 40);
        let close = |found: f32, expected: f32| {
            assert!((found - expected).abs() < 1e-3 * expected, "{found}, expected {expected}");
        };
        close(area(&[rectangle([3.25, 4.5], [10.75, 30.1])], clip), 7.5 * 25.6);
        close(area(&[vec![[1.3, 2.2], [35.7, 9.1], [12.4, 38.6]]], clip), 587.785);
        let hole = reversed(rectangle([10.0, 10.0], [20.5, 20.5]));
        close(area(&[rectangle([5.0, 5.0], [30.0, 30.0]), hole], clip), 625.0 - 110.25);
        // A 48-sided polygon in a circle of radius 10.
        close(area(&[ellipse([20.3, 19.6], [10.0, 10.0], 0.1)], clip), 313.26);
    }

    #[test]
    fn clipping_keeps_what_is_inside() {
        let square = [rectangle([-5.0, -5.0], [5.5, 5.5])];
        assert!((area(&square, Window::of(4, 3)) - 12.0).abs() < 1e-3);
        assert_eq!(area(&square, Window { left: 7, top: 0, width: 4, height: 4 }), 0.0);
        // The slanted edge is left of the window in some rows and inside it in others.
        let triangle = [vec![[-4.0, 0.0], [4.0, 0.0], [4.0, 8.0]]];
        assert!((area(&triangle, Window::of(8, 8)) - 24.0).abs() < 1e-3);
    }
}
