//! Batches, seen from outside: layouts, formats, resuming, shards.
#![allow(clippy::unwrap_used)]
mod failures;
mod layouts;
mod resuming;
mod shards;
mod tree;
