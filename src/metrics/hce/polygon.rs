//! How many corners remain of an outline: Ramer, Douglas and Peucker's simplification of an open
//! line with the clean-up of OpenCV's `approxPolyDP`.

/// A pixel's position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Point {
    pub x: i32,
    pub y: i32,
}

impl Point {
    fn minus(self, other: Self) -> (f64, f64) {
        (f64::from(self.x - other.x), f64::from(self.y - other.y))
    }
}

fn dot(a: (f64, f64), b: (f64, f64)) -> f64 {
    a.0 * b.0 + a.1 * b.1
}

fn cross(a: (f64, f64), b: (f64, f64)) -> f64 {
    a.0 * b.1 - a.1 * b.0
}

/// The corners of the polygon that stays within `tolerance` pixels of the line.
pub(crate) fn control_points(line: &[Point], tolerance: f64) -> usize {
    let tolerance2 = tolerance * tolerance;
    remove_straight(&simplify(line, tolerance2), tolerance2)
}

fn simplify(line: &[Point], tolerance2: f64) -> Vec<Point> {
    let (Some(&first), Some(&last)) = (line.first(), line.last()) else { return Vec::new() };
    let mut kept = Vec::new();
    // Ranges of the line whose end points are kept; the next one to look at is on top.
    let mut ranges = vec![(0, line.len() - 1)];
    if first == last {
        // The line closes: it is split where it is farthest from its start.
        let distance2 = |i: &usize| dot(line[*i].minus(first), line[*i].minus(first));
        let far = (0..line.len()).rev().max_by(|a, b| distance2(a).total_cmp(&distance2(b)));
        match far.filter(|far| distance2(far) > tolerance2) {
            Some(far) => ranges = vec![(far, line.len()), (0, far)],
            None => return vec![first],
        }
    }
    while let Some((start, end)) = ranges.pop() {
        match farthest(line, start, end, tolerance2) {
            Some(middle) => ranges.extend([(middle, end), (start, middle)]),
            None => kept.push(line[start]),
        }
    }
    if first != last {
        kept.push(last);
    }
    kept
}

/// The point strictly between that is farthest from the segment, where it is beyond the
/// tolerance. `end` may be one past the line, which is its first point again.
fn farthest(line: &[Point], start: usize, end: usize, tolerance2: f64) -> Option<usize> {
    let (from, to) = (line[start], line[end % line.len()]);
    let along = to.minus(from);
    let length2 = dot(along, along);
    let (mut max, mut found) = (0.0, start);
    for (i, point) in line.iter().enumerate().take(end).skip(start + 1) {
        let offset = point.minus(from);
        let projection = dot(offset, along);
        let scaled = if projection < 0.0 {
            dot(offset, offset) * length2
        } else if projection > length2 {
            dot(point.minus(to), point.minus(to)) * length2
        } else {
            cross(along, offset).powi(2)
        };
        if scaled > max {
            (max, found) = (scaled, i);
        }
    }
    (max > tolerance2 * length2).then_some(found)
}

/// How many corners are left without those on slanted, almost straight ways; the two ends stay,
/// and after a removed corner the next one stays.
fn remove_straight(corners: &[Point], tolerance2: f64) -> usize {
    let mut left = corners.len();
    let [mut before, mut at, ..] = *corners else { return left };
    let mut next = 2;
    while next < corners.len() && left > 2 {
        let after = corners[next];
        next += 1;
        let way = after.minus(before);
        let (to, from) = (at.minus(before), after.minus(at));
        let flat = cross(to, way).powi(2) <= 0.5 * tolerance2 * dot(way, way);
        if flat && way.0 != 0.0 && way.1 != 0.0 && dot(to, from) >= 0.0 {
            left -= 1;
            before = after;
            let Some(&corner) = corners.get(next) else { break };
            at = corner;
            next += 1;
        } else {
            before = at;
            at = after;
        }
    }
    left
}
