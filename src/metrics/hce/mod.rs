//! Human correction effort (Qin et al., 2022): how many clicks would mend a mask, as the DIS
//! authors' `hce_metric_main.py` counts them.
mod contours;
mod polygon;
mod skeleton;

use serde::Serialize;

use super::MetricsError;
use super::components::Components;
use super::components::Connectivity;
use super::mask::Mask;
use super::morphology::CROSS;
use contours::find_contours;
use polygon::Point;
use polygon::control_points;
use skeleton::skeletonize;

/// Faults up to this many pixels thick are forgiven.
const RELAX: usize = 5;

/// The clicks that mend a mask, by what they are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Effort {
    /// Corners of polygons around what is wrongly inside.
    pub false_positive_points: usize,
    /// Regions that are wrongly inside and touch nothing: one click each.
    pub false_positive_regions: usize,
    /// Corners of polygons around what is missing.
    pub false_negative_points: usize,
    /// Regions that are missing as a whole and touch nothing: one click each.
    pub false_negative_regions: usize,
}

impl Effort {
    /// All clicks: the HCE.
    pub fn total(self) -> usize {
        self.false_positive_points
            + self.false_positive_regions
            + self.false_negative_points
            + self.false_negative_regions
    }
}

/// The effort to mend `pred`. The skeleton of `gt` is made here (scikit-image's thinning).
///
/// As with the authors' code, faults that fill the whole picture count as no region.
///
/// # Errors
/// [`MetricsError::Size`] where the sizes differ.
pub fn human_correction_effort(pred: &Mask, gt: &Mask) -> Result<Effort, MetricsError> {
    pred.check_size(gt)?;
    let right = pred.and(gt);
    let core = (0..RELAX).fold(pred.or(gt), |mask, _| mask.erode(&CROSS));
    let inside = relax(&pred.minus(gt), &core, gt);
    let missing = relax(&gt.minus(pred), &core, pred).or(&skeletonize(gt).minus(&right));
    let missing_edge = right.or(&inside).or(&missing).complement();
    let (false_positive_points, false_positive_regions) = clicks(&inside, &right.or(&missing));
    let (false_negative_points, false_negative_regions) = clicks(&missing, &missing_edge);
    Ok(Effort {
        false_positive_points,
        false_positive_regions,
        false_negative_points,
        false_negative_regions,
    })
}

/// The faults without what is thin: their part in the core, grown back around `stop`.
fn relax(faults: &Mask, core: &Mask, stop: &Mask) -> Mask {
    let grown = (0..RELAX).fold(faults.and(core), |mask, _| mask.dilate(&CROSS).minus(stop));
    faults.and(&grown)
}

/// Corners of the faults' outlines where they touch `edge`, and how many faults do not touch it.
fn clicks(faults: &Mask, edge: &Mask) -> (usize, usize) {
    let edge = edge.dilate(&CROSS);
    let mut visited = Mask::empty(faults.width(), faults.height());
    let mut corners = 0;
    for contour in find_contours(faults) {
        for piece in pieces(&contour, &edge, &mut visited) {
            corners += control_points(&piece);
        }
    }
    let components = Components::new(faults, Connectivity::Eight);
    if components.sizes == [faults.width() * faults.height()] {
        return (corners, 0);
    }
    let mut touches = vec![false; components.sizes.len()];
    for run in &components.runs {
        touches[run.component] |= (run.start..run.end).any(|x| visited.get(x, run.y));
    }
    (corners, touches.iter().filter(|&&touches| !touches).count())
}

/// The stretches of a contour that touch `edge` and were not in an earlier contour. Where the
/// last one leads to the first, the first follows it, in reverse as the authors have it.
fn pieces(contour: &[Point], edge: &Mask, visited: &mut Mask) -> Vec<Vec<Point>> {
    let mut pieces: Vec<Vec<Point>> = Vec::new();
    let mut open = false;
    for &point in contour {
        let (x, y) = (point.x as usize, point.y as usize);
        if !edge.get(x, y) || visited.get(x, y) {
            open = false;
            continue;
        }
        if !open {
            pieces.push(Vec::new());
            open = true;
        }
        visited.set(x, y);
        pieces.last_mut().into_iter().for_each(|piece| piece.push(point));
    }
    let ends = pieces.first().and_then(|p| p.first()).zip(pieces.last().and_then(|p| p.last()));
    let near = ends
        .is_some_and(|(first, last)| (first.x - last.x).abs().max((first.y - last.y).abs()) == 1);
    if pieces.len() > 1 && near {
        let first = pieces.remove(0);
        pieces.last_mut().into_iter().for_each(|last| last.extend(first.iter().rev()));
    }
    pieces
}
