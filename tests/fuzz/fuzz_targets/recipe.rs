//! Any text as a recipe.
#![no_main]

use gstmgdsam2::engines::Recipe;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = Recipe::parse("fuzzed", text);
});
