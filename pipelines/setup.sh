#!/usr/bin/env bash
# Installs what building and running needs, and is quick where it is all there:
# Debian packages (GStreamer 1.22 and its plugins, a linker) and OpenVINO's libraries in .deps/openvino.
# Usage: pipelines/setup.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

openvino=2026.4.1
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

# The wheel's shared libraries: the CPU plugin, what reads ONNX and the cache's own format, and what
# they load. All else in the wheel is Python, other devices, or other frameworks' files.
unpack_openvino() {
    python3 - "$1" "$2" <<'PYTHON'
import pathlib, re, sys, zipfile

wheel, folder = next(pathlib.Path(sys.argv[1]).glob("openvino-*.whl")), pathlib.Path(sys.argv[2])
keep = re.compile(r"openvino/libs/(lib(openvino|openvino_c|openvino_(ir|onnx)_frontend|openvino_intel_cpu_plugin|tbb|tbbbind_2_5|tbbmalloc|hwloc)\.so[.\d]*)")
with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        if found := keep.fullmatch(name):
            (folder / found[1]).write_bytes(archive.read(name))
PYTHON
}

install_openvino() {
    [[ "$(cat .deps/openvino/VERSION 2>/dev/null)" == "$openvino" || -L .deps/openvino ]] && return
    echo "setup: fetching OpenVINO $openvino"
    python3 -m pip --version >/dev/null 2>&1 || install_packages python3-pip
    mkdir -p .deps
    partial="$(mktemp -d .deps/openvino.XXXXXX)"
    trap 'rm -rf "$partial"' EXIT
    mkdir "$partial/wheel" "$partial/libraries"
    # Any Python 3.11 wheel will do: its libraries do not depend on Python.
    python3 -m pip download -q --no-deps --only-binary=:all: --python-version 3.11 \
        -d "$partial/wheel" "openvino==$openvino" || fail "could not download openvino $openvino"
    unpack_openvino "$partial/wheel" "$partial/libraries"
    echo "$openvino" >"$partial/libraries/VERSION"
    chmod 755 "$partial/libraries"
    rm -rf .deps/openvino
    mv "$partial/libraries" .deps/openvino
}

if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
    install_packages "${packages[@]}"
else
    check_other_system
fi
install_openvino
command -v cargo >/dev/null || fail "no cargo: install Rust 1.92 or newer, see https://rustup.rs"
