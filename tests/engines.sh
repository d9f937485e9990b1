#!/usr/bin/env bash
# TensorRT-RTX compiles every recipe in f32, f16 and bf16 for all GPUs that it serves, each twice to
# the same bytes, with random weights and no GPU. Prints the table of the README; takes minutes.
# Usage: tests/engines.sh [RECIPE...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

pipelines/setup.sh --tensorrt
MGDSAM2_RECIPES="$*" cargo test --release --locked --features tensorrt --test tensorrt -- \
    --ignored --exact every_recipe_compiles --nocapture
