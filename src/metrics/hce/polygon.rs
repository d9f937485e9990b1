//! How many corners a polygon along a line of pixels needs: Ramer (1972), Douglas and Peucker
//! (1973), then a sweep that drops nearly straight corners, as OpenCV's `approxPolyDP` ends.
//!
//! Pixels have whole coordinates, so all comparisons are exact.

/// The square of how far the polygon may stray from the line, in pixels.
const TOLERANCE2: i64 = 4;

/// A pixel's position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Point {
    pub x: i32,
    pub y: i32,
}

/// The way from one point to another.
#[derive(Debug, Clone, Copy)]
struct Way {
    x: i64,
    y: i64,
}

impl Way {
    fn between(from: Point, to: Point) -> Self {
        Self { x: i64::from(to.x - from.x), y: i64::from(to.y - from.y) }
    }

    fn dot(self, other: Self) -> i64 {
        self.x * other.x + self.y * other.y
    }

    /// Twice the area of the triangle that the two span.
    fn cross(self, other: Self) -> i64 {
        self.x * other.y - self.y * other.x
    }
}

/// The corners of a polygon that stays within two pixels of `line`: one or more pixels, all
/// different.
pub(crate) fn control_points(line: &[Point]) -> usize {
    let mut is_corner = vec![false; line.len()];
    let mut open = vec![(0, line.len().saturating_sub(1))];
    while let Some((start, end)) = open.pop() {
        match farthest(line, start, end) {
            Some(corner) => open.extend([(start, corner), (corner, end)]),
            None => [start, end].into_iter().for_each(|i| is_corner[i] = true),
        }
    }
    let corners = line.iter().zip(is_corner).filter(|(_, is_corner)| *is_corner);
    without_straight(&corners.map(|(point, _)| *point).collect::<Vec<_>>())
}

/// Of the points between two, the one farthest from their segment; none if all are near.
fn farthest(line: &[Point], start: usize, end: usize) -> Option<usize> {
    let chord = Way::between(line[start], line[end]);
    let length2 = chord.dot(chord);
    // The squared distance times the chord's squared length, which is whole.
    let distance2 = |i: &usize| {
        let (from, to) = (Way::between(line[start], line[*i]), Way::between(line[end], line[*i]));
        match from.dot(chord) {
            along if along < 0 => from.dot(from) * length2,
            along if along > length2 => to.dot(to) * length2,
            _ => from.cross(chord).pow(2),
        }
    };
    // The first of equals.
    let far = (start + 1..end).rev().max_by_key(distance2)?;
    (distance2(&far) > TOLERANCE2 * length2).then_some(far)
}

/// How many corners are left when nearly straight ones are dropped. The ends stay, and so does
/// each corner after a dropped one.
fn without_straight(corners: &[Point]) -> usize {
    let (mut dropped, mut before, mut at) = (0, 0, 1);
    while at + 1 < corners.len() {
        if is_straight(corners[before], corners[at], corners[at + 1]) {
            dropped += 1;
            (before, at) = (at + 1, at + 2);
        } else {
            (before, at) = (at, at + 1);
        }
    }
    corners.len() - dropped
}

/// Whether the way from `a` to `c` by `b` is slanted, goes on and nearly touches `b`.
fn is_straight(a: Point, b: Point, c: Point) -> bool {
    let (way, to, from) = (Way::between(a, c), Way::between(a, b), Way::between(b, c));
    let slanted = way.x != 0 && way.y != 0;
    slanted && to.dot(from) >= 0 && to.cross(way).pow(2) <= TOLERANCE2 / 2 * way.dot(way)
}
