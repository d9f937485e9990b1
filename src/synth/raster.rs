//! Closed polygons to the exact area they cover in each pixel.
use super::plane::Affine;
use super::plane::Point;

/// A rectangle of pixels; it may lie partly or wholly outside a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
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

    pub fn intersect(&self, other: &Window) -> Self {
        let (left, top) = (self.left.max(other.left), self.top.max(other.top));
        let width = (self.right().min(other.right()) - left).max(0) as usize;
        let height = (self.bottom().min(other.bottom()) - top).max(0) as usize;
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
        for axis in 0..2 {
            self.low[axis] = self.low[axis].min(p[axis]);
            self.high[axis] = self.high[axis].max(p[axis]);
        }
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
    area: Vec<f32>,
    stride: usize,
}

impl Rasterizer {
    /// Rasterizes `contours` after `map` inside `clip`; `None` when they miss it.
    ///
    /// Contours in opposite directions subtract, so that a hole is a reversed contour. The pixels
    /// of the returned window are then read by [`Rasterizer::row`].
    pub fn fill(&mut self, contours: &[Vec<Point>], map: Affine, clip: &Window) -> Option<Window> {
        let mut bounds = Bounds::NONE;
        self.points.clear();
        for p in contours.iter().flatten() {
            let p = map.map(*p);
            bounds.add(p);
            self.points.push(p);
        }
        let window = bounds.window().intersect(clip);
        if window.is_empty() {
            return None;
        }
        self.stride = window.width + 2;
        self.area.clear();
        self.area.resize(self.stride * window.height, 0.0);
        let points = std::mem::take(&mut self.points);
        let mut rest = points.as_slice();
        for contour in contours {
            let (these, others) = rest.split_at(contour.len());
            for (i, p) in these.iter().enumerate() {
                self.edge(*p, these[(i + 1) % these.len()], &window);
            }
            rest = others;
        }
        self.points = points;
        self.sum_rows(&window);
        Some(window)
    }

    /// Coverage 0..=1 of the window's row `y`, counted from its top.
    pub fn row(&self, y: usize) -> &[f32] {
        &self.area[y * self.stride..][..self.stride - 2]
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
        let mut y = first;
        while y < last {
            let row = y as usize;
            let next = ((row + 1) as f32).min(last);
            self.piece(row, at(y), at(next), sign * (next - y), window.width);
            y = next;
        }
    }

    /// Adds a piece of an edge that crosses `height` of one row between `xa` and `xb`.
    fn piece(&mut self, row: usize, xa: f32, xb: f32, height: f32, width: usize) {
        let cells = &mut self.area[row * self.stride..][..self.stride];
        let (low, high) = (xa.min(xb), xa.max(xb));
        let end = width as f32;
        if high <= 0.0 {
            cells[0] += height;
            return;
        }
        if high - low < 1e-4 {
            if low < end {
                add_cell(cells, low.max(0.0), low.max(0.0), height);
            }
            return;
        }
        let per_column = height / (high - low);
        cells[0] += per_column * (-low).max(0.0);
        let mut x = low.max(0.0);
        let stop = high.min(end);
        while x < stop {
            let next = (x.floor() + 1.0).min(stop);
            add_cell(cells, x, next, per_column * (next - x));
            x = next;
        }
    }

    fn sum_rows(&mut self, window: &Window) {
        for row in self.area.chunks_exact_mut(self.stride) {
            let mut sum = 0.0;
            for cell in &mut row[..window.width] {
                sum += *cell;
                // Rounding leaves a trace of about 1e-6 beyond the right edge.
                let covered = sum.abs().min(1.0);
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
