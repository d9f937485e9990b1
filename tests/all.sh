#!/usr/bin/env bash
# Every check and test, from formatting to the demo; sets up what it needs. Ends with one line.
# With MGDSAM2_GPU_FEATURES=1 also tensorrt, tensorrt-enterprise and onnxruntime, without a GPU: minutes more.
# Usage: [MGDSAM2_GPU_FEATURES=1] tests/all.sh
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

passed=0 failed=()

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

gpu_features() {
    local features=(--release --locked --features "tensorrt,onnxruntime")
    cargo clippy "${features[@]}" --all-targets -- -D warnings &&
        cargo test "${features[@]}" --no-fail-fast \
            --test tensorrt --test onnxruntime --test validation &&
        full_tensorrt --release --locked --features tensorrt-enterprise
}

# Its headers come with the bindings, its libraries are not to be had: it compiles, and says so.
full_tensorrt() {
    cargo clippy "$@" --all-targets -- -D warnings && cargo test "$@" --test tensorrt_enterprise
}

pipelines/setup.sh || exit 1
# ONNX's own checker, for the graphs' test.
[[ -d .deps/python/onnx ]] ||
    python3 -m pip install --quiet --root-user-action=ignore --target .deps/python onnx ||
    echo "== onnx's checker will be skipped: its package could not be installed"
# Kubernetes' schema, for the manifests' test.
[[ -d .deps/python/kubernetes_validate ]] ||
    python3 -m pip install --quiet --root-user-action=ignore --target .deps/python kubernetes-validate ||
    echo "== Kubernetes' manifests will be skipped: their schema could not be installed"
export RUSTDOCFLAGS="-D warnings"

check format cargo fmt --check
# Before the build without the feature, which it leaves in place.
if pipelines/setup.sh --cuda; then
    check cuda cargo test --release --locked --features cuda --test cuda --test cuda_memory --test cuda_missing
else
    echo "== cuda's tests skipped: NVRTC or a C++ compiler could not be installed"
fi
# One release build serves the tests, the demo and the pipelines.
check build cargo build --release --locked
check test cargo test --release --locked --no-fail-fast
check slurm tests/slurm.sh
check kubernetes python3 tests/kubernetes.py
check clippy cargo clippy --release --locked --all-targets -- -D warnings
check docs cargo doc --release --locked --no-deps --document-private-items
if [[ -z "${MGDSAM2_GPU_FEATURES:-}" ]]; then
    echo "== gpu-features skipped: MGDSAM2_GPU_FEATURES is not set"
elif pipelines/setup.sh --tensorrt --onnxruntime; then
    check gpu-features gpu_features
else
    echo "== gpu-features skipped: what they need could not be installed"
fi
check licences python3 tests/licences.py
if command -v shellcheck >/dev/null; then
    check shellcheck shellcheck pipelines/*.sh pipelines/slurm/*.sbatch tests/*.sh
else
    echo "== shellcheck skipped: it is not installed"
fi

((${#failed[@]} == 0)) || printf 'failed: %s\n' "${failed[@]}"
echo "$passed checks passed, ${#failed[@]} failed"
((${#failed[@]} == 0))
