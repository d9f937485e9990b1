//! Prompts as text: `point=0.42,0.61 point=0.10,0.90,- box=0.1,0.2,0.5,0.9`.
use super::SessionError;
use super::prompt::{Point, PointKind, Prompt};
use std::str::FromStr;

impl FromStr for Prompt {
    type Err = SessionError;

    /// Points on the object, points beside it (`,-`) and at most one box around it, separated by
    /// spaces or semicolons; x from 0 at the picture's left edge to 1 at its right, y from 0 at
    /// its top to 1 at its bottom.
    fn from_str(text: &str) -> Result<Self, SessionError> {
        let (mut corners, mut points) = (Vec::new(), Vec::new());
        for part in text.split([' ', ';']).filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                Some(("point", at)) => points.push(point(at)?),
                Some(("box", at)) if corners.is_empty() => corners.extend(corners_of(at)?),
                Some(("box", _)) => return Err(odd("text", "one box", text)),
                _ => return Err(odd("text", "point=X,Y or point=X,Y,- or box=X0,Y0,X1,Y1", part)),
            }
        }
        // SAM2 was trained with the corners first.
        corners.extend(points);
        match corners.is_empty() {
            true => Err(odd("text", "point=X,Y or point=X,Y,- or box=X0,Y0,X1,Y1", text)),
            false => Ok(Self::Points(corners)),
        }
    }
}

fn point(text: &str) -> Result<Point, SessionError> {
    let (at, kind) = match text.strip_suffix(",-") {
        Some(at) => (at, PointKind::Background),
        None => (text.strip_suffix(",+").unwrap_or(text), PointKind::Foreground),
    };
    let [x, y] =
        numbers(at).ok_or_else(|| odd("point", "X,Y in 0 to 1, then ,- or nothing", text))?;
    Ok(Point { x, y, kind })
}

fn corners_of(text: &str) -> Result<[Point; 2], SessionError> {
    let corners = numbers(text).filter(|[x0, y0, x1, y1]| x0 < x1 && y0 < y1);
    let [x0, y0, x1, y1] = corners
        .ok_or_else(|| odd("box", "X0,Y0,X1,Y1 in 0 to 1, the top left corner first", text))?;
    Ok([
        Point { x: x0, y: y0, kind: PointKind::BoxFirst },
        Point { x: x1, y: y1, kind: PointKind::BoxSecond },
    ])
}

/// Exactly `N` numbers of 0 to 1.
fn numbers<const N: usize>(text: &str) -> Option<[f32; N]> {
    let number = |part: &str| part.parse::<f32>().ok().filter(|v| (0.0..=1.0).contains(v));
    let numbers: Option<Vec<f32>> = text.split(',').map(number).collect();
    numbers?.try_into().ok()
}

fn odd(what: &'static str, expected: &str, found: &str) -> SessionError {
    SessionError::Prompt { what, expected: expected.into(), found: format!("`{found}`") }
}
