//! Parses the command line, runs it, prints one error.
fn main() {}
