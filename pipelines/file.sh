#!/usr/bin/env bash
# Mattes one file to another with alpha. OUT ends in .mov (ProRes 4444) or .mkv (FFV1, lossless).
# Usage: pipelines/file.sh IN OUT [PROPERTY=VALUE ...]      (properties of mgdsam2matte)
set -euo pipefail
[[ $# -ge 2 ]] || { sed -n '2,3s/^# //p' "$0" >&2; exit 1; }
in="$1" out="$2"
shift 2
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
export GST_PLUGIN_PATH="${MGDSAM2_BIN:-$root/target/release}${GST_PLUGIN_PATH:+:$GST_PLUGIN_PATH}"

# Without these formats both encoders drop the alpha and do not say so.
case "$out" in
    *.mov) encode=("video/x-raw,format=A444_10LE" ! avenc_prores_ks ! qtmux) ;;
    *.mkv) encode=("video/x-raw,format=BGRA" ! avenc_ffv1 ! matroskamux) ;;
    *) echo "file: $out: expected .mov or .mkv" >&2; exit 1 ;;
esac
[[ -r "$in" ]] || { echo "file: cannot read $in" >&2; exit 1; }
partial="$out.partial"
trap 'rm -f "$partial"' EXIT
line=(gst-launch-1.0 -e filesrc "location=$in" ! decodebin ! videoconvert
    ! mgdsam2matte "$@" ! queue ! videoconvert ! "${encode[@]}" ! filesink "location=$partial")
echo "${line[*]@Q}" | sed -E "s|'([A-Za-z0-9_./=:,+%!-]+)'|\\1|g"
"${line[@]}"
mv "$partial" "$out"
