#!/usr/bin/env bash
# Mattes a folder of frames 00000.EXT, 00001.EXT, ... to grey alpha PNGs of the same numbers:
# DAVIS' layout. EXT is jpg or png, whichever 00000 has.
# Usage: pipelines/folder.sh FRAMES ALPHAS [PROPERTY=VALUE ...]      (properties of mgdsam2matte)
set -euo pipefail
[[ $# -ge 2 ]] || { sed -n '2,4s/^# //p' "$0" >&2; exit 1; }
in="${1%/}" out="${2%/}"
shift 2
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
export GST_PLUGIN_PATH="${MGDSAM2_BIN:-$root/target/release}${GST_PLUGIN_PATH:+:$GST_PLUGIN_PATH}"

if [[ -r "$in/00000.jpg" ]]; then
    decode=("caps=image/jpeg,framerate=25/1" ! jpegdec) extension=jpg
elif [[ -r "$in/00000.png" ]]; then
    decode=("caps=image/png,framerate=25/1" ! pngdec) extension=png
else
    echo "folder: $in: expected 00000.jpg or 00000.png, found neither" >&2
    exit 1
fi
mkdir -p "$(dirname "$out")"
partial="$(mktemp -d "$out.partial.XXXXXX")"
trap 'rm -rf "$partial"' EXIT
line=(gst-launch-1.0 multifilesrc "location=$in/%05d.$extension" "${decode[@]}" ! videoconvert
    ! mgdsam2matte "$@" ! "video/x-raw,format=GRAY8" ! pngenc ! multifilesink "location=$partial/%05d.png")
echo "${line[*]@Q}" | sed -E "s|'([A-Za-z0-9_./=:,+%!-]+)'|\\1|g"
"${line[@]}"
mkdir -p "$out"
mv "$partial"/* "$out/"
