#!/usr/bin/env bash
# Mattes a clip and puts it over a picture or over a second clip (which ends when IN does, or holds
# its last frame until then). OUT is an .mp4 (H.264).
# Usage: pipelines/background.sh IN BACKGROUND OUT.mp4 [PROPERTY=VALUE ...]      (of mgdsam2matte)
set -euo pipefail
[[ $# -ge 3 ]] || { sed -n '2,4s/^# //p' "$0" >&2; exit 1; }
in="$1" background="$2" out="$3"
shift 3
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
export GST_PLUGIN_PATH="${MGDSAM2_BIN:-$root/target/release}${GST_PLUGIN_PATH:+:$GST_PLUGIN_PATH}"

for file in "$in" "$background"; do
    [[ -r "$file" ]] || { echo "background: cannot read $file" >&2; exit 1; }
done

# The background takes IN's size, rate and length, so IN is decoded once to learn them.
facts="$(gst-launch-1.0 -v filesrc "location=$in" ! decodebin ! videoconvert ! "video/x-raw" \
    ! identity name=frame silent=false ! fakesink silent=true)"
fact() { grep -oP "frame.*caps = video/x-raw.*\b$1=\(\w+\)\K[0-9/]+" <<<"$facts" | head -n 1; }
frames="$(grep -c 'frame: last-message = chain' <<<"$facts")"
width="$(fact width)" height="$(fact height)" rate="$(fact framerate)"
last=$(((2 * frames - 1) * 500000000 * ${rate#*/} / ${rate%/*})) # nanoseconds, amid IN's last frame
((width -= width % 2, height -= height % 2)) || true # H.264 in 4:2:0 needs even sides

partial="$out.partial"
trap 'rm -f "$partial"' EXIT
line=(gst-launch-1.0 -e compositor name=over
    sink_0::repeat-after-eos=true "sink_0::width=$width" "sink_0::height=$height"
    "sink_1::width=$width" "sink_1::height=$height"
    ! videoconvert ! "video/x-raw,format=I420,width=$width,height=$height,framerate=$rate"
    ! openh264enc bitrate=8000000 ! h264parse ! mp4mux ! filesink "location=$partial"
    filesrc "location=$background" ! decodebin ! videoconvert ! videorate
    ! "video/x-raw,framerate=$rate" ! queue
    ! avwait mode=running-time target-running-time=0 "end-running-time=$last" ! over.sink_0
    filesrc "location=$in" ! decodebin ! videoconvert ! mgdsam2matte "$@" ! queue ! over.sink_1)
echo "${line[*]@Q}" | sed -E "s|'([A-Za-z0-9_./=:,+%!-]+)'|\1|g"
"${line[@]}"
mv "$partial" "$out"
