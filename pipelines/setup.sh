#!/usr/bin/env bash
# Installs what building and running needs, and is quick where it is all there:
# Debian packages (GStreamer 1.22 and its plugins, a linker) and OpenVINO's libraries in .deps/openvino.
# With --cuda also what the feature `cuda` is tested with: CUDA's compiler in .deps/nvrtc, and a C++
# compiler for the emulated driver. No GPU is needed.
# With --tensorrt also what `cargo build --features tensorrt` needs (g++, libclang) and TensorRT-RTX in
# .deps/tensorrt; with --onnxruntime ONNX Runtime in .deps/onnxruntime, for GPUs where there is one.
# Usage: pipelines/setup.sh [--cuda] [--tensorrt] [--onnxruntime]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

openvino=2026.4.1
nvrtc=13.5.37
# The bindings are made for this version, and refuse others.
tensorrt=1.7.1.116
onnxruntime=1.32.0
packages=(
    gcc libc6-dev pkg-config python3
    libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev
    gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good
    gstreamer1.0-plugins-bad gstreamer1.0-libav gstreamer1.0-x
)

fail() {
    echo "setup: $*" >&2
    exit 1
}

missing_packages() {
    local package
    for package in "$@"; do
        [[ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" == installed ]] || echo "$package"
    done
}

as_root() {
    if [[ "$(id -u)" == 0 ]]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "not root and no sudo; as root, run: $*"
    fi
}

install_packages() {
    local missing
    mapfile -t missing < <(missing_packages "$@")
    ((${#missing[@]})) || return 0
    echo "setup: installing ${missing[*]}"
    as_root apt-get update -q
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
}

# Without dpkg the packages have other names: say what is needed and look for it by pkg-config.
check_other_system() {
    pkg-config --exists 'gstreamer-1.0 >= 1.22' gstreamer-app-1.0 gstreamer-video-1.0 gstreamer-check-1.0 ||
        fail "this is not Debian or Ubuntu: install GStreamer >= 1.22 with its development files, base, good, bad and libav plugins"
}

# What is kept of OpenVINO's wheel: the CPU plugin, what reads ONNX and the cache's own format, and
# what they load. All else is Python, other devices, or other frameworks' files.
openvino_files='openvino/libs/(lib(openvino|openvino_c|openvino_(ir|onnx)_frontend|openvino_intel_cpu_plugin|tbb|tbbbind_2_5|tbbmalloc|hwloc)\.so[.\d]*)'

# Copies the files of a folder's wheel whose whole path matches a pattern to the name in its group.
unpack() {
    python3 - "$@" <<'PYTHON'
import pathlib, re, sys, zipfile

wheel, keep, folder = next(pathlib.Path(sys.argv[1]).glob("*.whl")), re.compile(sys.argv[2]), pathlib.Path(sys.argv[3])
with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        if found := keep.fullmatch(name):
            (folder / found[1]).write_bytes(archive.read(name))
PYTHON
}

# Installs a wheel's libraries: `.deps/NAME` holds the files of PACKAGE at VERSION that PATTERN names.
install_libraries() {
    local name="$1" package="$2" version="$3" pattern="$4"
    [[ "$(cat ".deps/$name/VERSION" 2>/dev/null)" == "$version" || -L ".deps/$name" ]] && return
    echo "setup: fetching $package $version"
    python3 -m pip --version >/dev/null 2>&1 || install_packages python3-pip
    mkdir -p .deps
    partial="$(mktemp -d ".deps/$name.XXXXXX")"
    trap 'rm -rf "$partial"' EXIT
    mkdir "$partial/wheel" "$partial/libraries"
    # Any Python 3.11 wheel will do: its libraries do not depend on Python.
    python3 -m pip download -q --no-deps --only-binary=:all: --python-version 3.11 \
        -d "$partial/wheel" "$package==$version" || fail "could not download $package $version"
    unpack "$partial/wheel" "$pattern" "$partial/libraries"
    echo "$version" >"$partial/libraries/VERSION"
    chmod 755 "$partial/libraries"
    rm -rf ".deps/$name"
    mv "$partial/libraries" ".deps/$name"
    rm -rf "$partial"
}

for option in "$@"; do
    case "$option" in
    --cuda) packages+=(g++) ;;
    --tensorrt) packages+=(g++ libclang-dev) ;;
    --onnxruntime) ;;
    *) fail "unknown option $option; usage: pipelines/setup.sh [--cuda] [--tensorrt] [--onnxruntime]" ;;
    esac
done
if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
    install_packages "${packages[@]}"
else
    check_other_system
fi
install_libraries openvino openvino "$openvino" "$openvino_files"
for option in "$@"; do
    case "$option" in
    --cuda) install_libraries nvrtc nvidia-cuda-nvrtc "$nvrtc" 'nvidia/cu13/lib/(libnvrtc[^/]*\.so[.\d]*)' ;;
    --tensorrt)
        install_libraries tensorrt tensorrt-rtx-cu13-libs "$tensorrt" 'tensorrt_rtx_libs/(lib.*\.so[.\d]*)'
        ;;
    --onnxruntime)
        package=onnxruntime
        [[ -e /proc/driver/nvidia ]] && package="onnxruntime-gpu"
        install_libraries onnxruntime "$package" "$onnxruntime" 'onnxruntime/capi/(libonnxruntime.*\.so[.\d]*)'
        ;;
    esac
done
command -v cargo >/dev/null || fail "no cargo: install Rust 1.92 or newer, see https://rustup.rs"
