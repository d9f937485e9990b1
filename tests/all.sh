#!/usr/bin/env bash
# Every check and test, from formatting to the demo; sets up what it needs. Ends with one line.
# Usage: tests/all.sh
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

passed=0 failed=() has_gpu_features=false

check() {
    local name="$1"
    shift
    echo "== $name: $*"
    if "$@"; then
        ((passed += 1))
    else
        failed+=("$name")
        echo "== $name FAILED" >&2
    fi
}

pipelines/setup.sh || exit 1
# ONNX's own checker, for the graphs' test.
[[ -d .deps/python/onnx ]] ||
    python3 -m pip install --quiet --root-user-action=ignore --target .deps/python onnx ||
    echo "== onnx's checker will be skipped: its package could not be installed"
# What the GPU's features need to be built, and the libraries that their tests open.
pipelines/setup.sh --tensorrt --onnxruntime && has_gpu_features=true ||
    echo "== the features tensorrt and onnxruntime will be skipped: what they need could not be installed"
export RUSTDOCFLAGS="-D warnings"

check format cargo fmt --check
# One release build serves the tests, the demo and the pipelines.
check build cargo build --release --locked
check test cargo test --release --locked --no-fail-fast
check clippy cargo clippy --release --locked --all-targets -- -D warnings
check docs cargo doc --release --locked --no-deps --document-private-items
if "$has_gpu_features"; then
    check gpu-features cargo test --release --locked --no-fail-fast --features tensorrt,onnxruntime \
        --lib --test tensorrt --test onnxruntime --test gpu
    check clippy-all cargo clippy --release --locked --all-targets --all-features -- -D warnings
    check docs-all cargo doc --release --locked --no-deps --document-private-items --all-features
fi
check licences python3 tests/licences.py
if command -v shellcheck >/dev/null; then
    check shellcheck shellcheck pipelines/*.sh tests/all.sh tests/engines.sh
else
    echo "== shellcheck skipped: it is not installed"
fi

((${#failed[@]} == 0)) || printf 'failed: %s\n' "${failed[@]}"
echo "$passed checks passed, ${#failed[@]} failed"
((${#failed[@]} == 0))
