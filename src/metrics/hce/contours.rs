//! The outlines of a mask's objects and of their holes, as closed lines of object pixels.
//!
//! Objects are 8-connected, holes 4-connected, and each lies in one of the other kind: a tree
//! (Suzuki and Abe, 1985). Its nodes are found as connected components, its lines by walking along
//! the edges between set and clear pixels.
use super::polygon::Point;
use crate::metrics::components::Components;
use crate::metrics::components::Connectivity;
use crate::metrics::components::Run;
use crate::metrics::mask::Mask;

/// The tree's root: what lies outside of all objects.
const OUTSIDE: usize = 0;

/// Outlines and hole borders, parents before their children and among siblings the lowest first:
/// the order of OpenCV's `RETR_TREE`, which decides where shared pixels are counted.
pub(crate) fn find_contours(mask: &Mask) -> Vec<Vec<Point>> {
    let nodes = nodes(mask);
    let mut contours = Vec::new();
    let mut todo = nodes[OUTSIDE].children.clone();
    while let Some(node) = todo.pop() {
        contours.push(walk(mask, nodes[node].first));
        todo.extend(&nodes[node].children);
    }
    contours
}

/// An object or a hole.
struct Node {
    /// The edge that the walk around it starts at.
    first: Edge,
    /// What lies in it, in the order of rows.
    children: Vec<usize>,
}

/// All objects and holes, each after what it lies in.
fn nodes(mask: &Mask) -> Vec<Node> {
    let objects = Components::new(mask, Connectivity::Eight);
    let gaps = Components::new(&mask.complement(), Connectivity::Four);
    let mut object_nodes = vec![None; objects.sizes.len()];
    let mut gap_nodes = outside(&gaps, mask);
    let root = Node { first: Edge { at: Point { x: 0, y: 0 }, side: WEST }, children: Vec::new() };
    let mut nodes = vec![root];
    // Left of a component's first pixel is what it lies in: the run before, or the frame.
    let mut parent = OUTSIDE;
    for (run, is_object) in in_order(&objects.runs, &gaps.runs) {
        if run.start == 0 {
            parent = OUTSIDE;
        }
        let known = if is_object { &mut object_nodes } else { &mut gap_nodes };
        parent = *known[run.component].get_or_insert_with(|| {
            let (x, y) = (run.start as i32, run.y as i32);
            let first = match is_object {
                true => Edge { at: Point { x, y }, side: WEST },
                false => Edge { at: Point { x: x - 1, y }, side: EAST },
            };
            nodes.push(Node { first, children: Vec::new() });
            let node = nodes.len() - 1;
            nodes[parent].children.push(node);
            node
        });
    }
    nodes
}

/// The gaps that reach the picture's edge are no holes: their node is the root.
fn outside(gaps: &Components, mask: &Mask) -> Vec<Option<usize>> {
    let mut nodes = vec![None; gaps.sizes.len()];
    for run in &gaps.runs {
        let at_edge = run.start == 0 || run.end == mask.width();
        if at_edge || run.y == 0 || run.y + 1 == mask.height() {
            nodes[run.component] = Some(OUTSIDE);
        }
    }
    nodes
}

/// The runs of both kinds, row by row and from the left; `true` for objects.
fn in_order<'a>(objects: &'a [Run], gaps: &'a [Run]) -> impl Iterator<Item = (&'a Run, bool)> {
    let (mut objects, mut gaps) = (objects.iter().peekable(), gaps.iter().peekable());
    let place = |run: &&Run| (run.y, run.start);
    std::iter::from_fn(move || {
        let object = match (objects.peek().map(place), gaps.peek().map(place)) {
            (Some(object), Some(gap)) => object < gap,
            (object, _) => object.is_some(),
        };
        let run = if object { objects.next() } else { gaps.next() };
        run.map(|run| (run, object))
    })
}

/// A side of a pixel, as the way from its middle to that side.
type Side = (i32, i32);
const WEST: Side = (-1, 0);
const EAST: Side = (1, 0);

/// A side of a set pixel, beyond which a clear pixel lies.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Edge {
    at: Point,
    side: Side,
}

impl Edge {
    /// The next edge with clear pixels on the right hand: straight on, or around a corner.
    fn next(self, mask: &Mask) -> Self {
        let (right, Point { x, y }) = (self.side, self.at);
        let ahead = (right.1, -right.0);
        let moved = |(dx, dy): Side| Point { x: x + dx, y: y + dy };
        let diagonal = moved((ahead.0 + right.0, ahead.1 + right.1));
        if is_set(mask, diagonal) {
            return Self { at: diagonal, side: (-ahead.0, -ahead.1) };
        }
        match is_set(mask, moved(ahead)) {
            true => Self { at: moved(ahead), side: right },
            false => Self { at: self.at, side: ahead },
        }
    }
}

/// The pixels along `first`'s closed line of edges, each as often as the line comes to it anew.
fn walk(mask: &Mask, first: Edge) -> Vec<Point> {
    let mut pixels = Vec::new();
    let mut edge = first;
    loop {
        let next = edge.next(mask);
        if next.at != edge.at {
            pixels.push(edge.at);
        }
        if next == first {
            break;
        }
        edge = next;
    }
    if pixels.is_empty() {
        pixels.push(first.at);
    }
    pixels
}

fn is_set(mask: &Mask, Point { x, y }: Point) -> bool {
    let inside = |v: i32, side: usize| usize::try_from(v).ok().filter(|v| *v < side);
    let place = inside(x, mask.width()).zip(inside(y, mask.height()));
    place.is_some_and(|(x, y)| mask.get(x, y))
}
