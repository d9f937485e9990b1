#!/usr/bin/env bash
# TensorRT-RTX compiles every recipe in f32, f16 and bf16 for all GPUs that it serves, each twice, with
# random weights and no GPU. Prints a table: time, memory, how many engines were the same bytes twice.
# MGDSAM2_PRECISIONS="f16 bf16" and MGDSAM2_TARGETS="8.9 12.0" leave the others out.
# Usage: [MGDSAM2_PRECISIONS=...] [MGDSAM2_TARGETS=...] tests/engines.sh [RECIPE...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

pipelines/setup.sh --tensorrt
MGDSAM2_RECIPES="$*" cargo test --release --locked --features tensorrt --test tensorrt -- \
    --ignored --exact every_recipe_compiles --nocapture
