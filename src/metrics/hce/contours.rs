//! Outlines and hole borders of a mask (Suzuki and Abe, 1985), in the order and from the starting
//! points of OpenCV's `findContours` with `RETR_TREE` and `CHAIN_APPROX_NONE`.
use super::polygon::Point;
use crate::metrics::mask::Mask;

/// Right first, then counter-clockwise on the screen.
const DIRECTIONS: [(isize, isize); 8] =
    [(1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1)];

/// The picture's frame counts as the hole that everything lies in.
const FRAME: usize = 0;

/// One closed border.
struct Border {
    is_hole: bool,
    parent: usize,
    /// The last found first.
    children: Vec<usize>,
    points: Vec<Point>,
}

/// All borders, parents before their children, among siblings the last found first.
pub(crate) fn find_contours(mask: &Mask) -> Vec<Vec<Point>> {
    let mut scan = Scan::new(mask);
    for y in (0..mask.height()).filter(|&y| mask.row(y).iter().any(|&word| word != 0)) {
        scan.row(y + 1);
    }
    scan.into_preorder()
}

/// Labels of a picture with one empty pixel around it: 0 outside, 1 inside, else a border's
/// number, negative where its right neighbour was seen to be outside.
struct Scan {
    stride: usize,
    labels: Vec<i32>,
    borders: Vec<Border>,
}

impl Scan {
    fn new(mask: &Mask) -> Self {
        let stride = mask.width() + 2;
        let mut labels = vec![0; stride * (mask.height() + 2)];
        for y in 0..mask.height() {
            mask.columns(y).for_each(|x| labels[(y + 1) * stride + x + 1] = 1);
        }
        let frame =
            Border { is_hole: true, parent: FRAME, children: Vec::new(), points: Vec::new() };
        Self { stride, labels, borders: vec![frame] }
    }

    fn row(&mut self, y: usize) {
        let row = y * self.stride;
        let (mut left, mut last_border) = (0, FRAME);
        for x in 1..self.stride - 1 {
            let label = self.labels[row + x];
            if label == left {
                continue;
            }
            let outer = left == 0 && label == 1;
            let hole = label == 0 && left >= 1;
            if hole && left > 1 {
                last_border = border_of(left);
            }
            if outer || hole {
                last_border = self.follow(row + x - usize::from(hole), hole, last_border);
            } else if label != 0 && label != 1 {
                last_border = border_of(label);
            }
            left = self.labels[row + x];
        }
    }

    /// Follows the border that starts at `start`, and returns its number.
    fn follow(&mut self, start: usize, is_hole: bool, last_border: usize) -> usize {
        let last = &self.borders[last_border];
        let parent = if last.is_hole == is_hole { last.parent } else { last_border };
        let number = self.borders.len();
        let points = self.trace(start, is_hole, label_of(number));
        self.borders.push(Border { is_hole, parent, children: Vec::new(), points });
        self.borders[parent].children.insert(0, number);
        number
    }

    fn trace(&mut self, start: usize, is_hole: bool, label: i32) -> Vec<Point> {
        let from = if is_hole { 0 } else { 4 };
        let turn = (1..8).map(|i| (from + 8 - i) % 8).find(|&d| self.is_set(start, d));
        let Some(mut direction) = turn else {
            self.labels[start] = -label;
            return vec![self.point(start)];
        };
        let second = self.step(start, direction);
        let mut at = start;
        let mut points = Vec::new();
        loop {
            let came_from = direction;
            direction = (1..=8)
                .map(|i| (came_from + i) % 8)
                .find(|&d| self.is_set(at, d))
                .unwrap_or(came_from);
            if direction > 0 && direction - 1 < came_from {
                self.labels[at] = -label;
            } else if self.labels[at] == 1 {
                self.labels[at] = label;
            }
            points.push(self.point(at));
            let next = self.step(at, direction);
            if next == start && at == second {
                return points;
            }
            at = next;
            direction = (direction + 4) % 8;
        }
    }

    fn step(&self, at: usize, direction: usize) -> usize {
        let (dx, dy) = DIRECTIONS[direction];
        at.wrapping_add_signed(dy * self.stride as isize + dx)
    }

    fn is_set(&self, at: usize, direction: usize) -> bool {
        self.labels[self.step(at, direction)] != 0
    }

    fn point(&self, at: usize) -> Point {
        Point { x: (at % self.stride) as i32 - 1, y: (at / self.stride) as i32 - 1 }
    }

    fn into_preorder(mut self) -> Vec<Vec<Point>> {
        let mut order = Vec::new();
        let mut todo = vec![FRAME];
        while let Some(border) = todo.pop() {
            let Border { children, points, .. } = &mut self.borders[border];
            todo.extend(children.iter().rev());
            order.push(std::mem::take(points));
        }
        order.split_off(1)
    }
}

/// Labels 0 and 1 are taken, and border 0 is the frame, which has no label.
fn label_of(border: usize) -> i32 {
    border as i32 + 1
}

fn border_of(label: i32) -> usize {
    label.unsigned_abs() as usize - 1
}
