#!/usr/bin/env bash
# Mattes a camera live: /dev/video0 (or $CAMERA), or a live test picture where there is none.
# Shows it over green in a window, or with --out writes it with alpha to FILE.mkv (FFV1) until
# Ctrl-C or N frames. Frames the model is too slow for are left out, so that nothing lags.
# Usage: pipelines/camera.sh [--out FILE.mkv] [--frames N] [PROPERTY=VALUE ...]   (of mgdsam2matte)
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
export GST_PLUGIN_PATH="${MGDSAM2_BIN:-$root/target/release}${GST_PLUGIN_PATH:+:$GST_PLUGIN_PATH}"

out='' frames=-1
while (($#)); do
    case "$1" in
        --out) out="${2:?--out expects a file}"; shift 2 ;;
        --frames) frames="${2:?--frames expects a number}"; shift 2 ;;
        -*) sed -n '2,5s/^# //p' "$0" >&2; exit 1 ;;
        *) break ;;
    esac
done
[[ -z "$out" || "$out" == *.mkv ]] || { echo "camera: $out: expected .mkv" >&2; exit 1; }
# GStreamer's own choice of a window crashes where none can be opened.
[[ -n "$out" || -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]] ||
    { echo "camera: no display to show a window on: give --out FILE.mkv" >&2; exit 1; }

camera="${CAMERA:-/dev/video0}"
if [[ -c "$camera" ]]; then
    source=(v4l2src "device=$camera" "num-buffers=$frames" ! decodebin)
else
    echo "camera: no $camera, using a live test picture" >&2
    source=(videotestsrc is-live=true pattern=ball "num-buffers=$frames"
        ! "video/x-raw,width=640,height=360,framerate=30/1")
fi
if [[ -n "$out" ]]; then
    partial="$out.partial"
    trap 'rm -f "$partial"' EXIT
    sink=(! "video/x-raw,format=BGRA" ! queue ! avenc_ffv1 ! matroskamux ! filesink "location=$partial")
else
    sink=(background=0x00b140 ! videoconvert ! autovideosink)
fi
line=(gst-launch-1.0 -e "${source[@]}" ! videoconvert ! queue leaky=downstream max-size-buffers=2
    ! mgdsam2matte "$@" "${sink[@]}")
echo "${line[*]@Q}" | sed -E "s|'([A-Za-z0-9_./=:,+%!-]+)'|\1|g"
"${line[@]}"
[[ -z "$out" ]] || mv "$partial" "$out"
