#!/usr/bin/env bash
# TensorRT-RTX compiles every recipe in f32, f16 and bf16 for all GPUs that it serves, each twice, with
# random weights and no GPU: most of an hour on two cores. Prints a table. A cell is of a recipe's
# engines, each of which is for all the GPUs above it: their size together, the time of the CPU and the
# peak of memory of one build, and how many were the same bytes twice. The others are the same bytes in
# another order. What does not compile, or comes out as other bytes, fails.
# Usage: [MGDSAM2_PRECISIONS="f16 bf16"] tests/engines.sh [RECIPE...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

pipelines/setup.sh --tensorrt
MGDSAM2_RECIPES="$*" cargo test --release --locked --features tensorrt --test tensorrt_recipes -- \
    --ignored --exact every_recipe_compiles --nocapture
