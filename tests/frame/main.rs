//! Pictures in, alpha and colours out, against slow references.
#![allow(clippy::unwrap_used)]
mod against_videoconvert;
mod color_lines;
mod composite;
mod damaged;
mod foreground;
mod pictures;
mod reference;
mod refine;
mod squash;
mod steady;
