#!/usr/bin/env bash
# Frames a second through gst-launch-1.0, frame in to alpha out: a 720p clip (H.264, decoded meanwhile),
# every frame inferred and every second one, the object followed from the first frame's mask. Other work on the machine counts double: OpenVINO's threads wait for each other.
# Usage: tests/bench/throughput.sh [MODEL...]      (nano and nano-tracker unless told)
# FRAMES, SIZE and CORES (2, by taskset) may be set; MGDSAM2_BIN is a folder other than target/release.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

size="${SIZE:-1280x720}" frames="${FRAMES:-300}" cores="${CORES:-2}"
bin="$(realpath "${MGDSAM2_BIN:-target/release}")"
export GST_PLUGIN_PATH="$bin${GST_PLUGIN_PATH:+:$GST_PLUGIN_PATH}"
work="target/throughput/$size-$frames"

# The generator's demo clip as H.264, and its first frame's alpha.
if [[ ! -e "$work/clip.mp4" ]]; then
    mkdir -p "$work"
    "$bin/mgdsam2" -q synth --out "$work/first" --frames 1 --size "$size"
    "$bin/mgdsam2" -q synth --out "$work/clip.mkv" --frames "$frames" --size "$size"
    gst-launch-1.0 -q filesrc "location=$work/clip.mkv" ! decodebin ! videoconvert ! video/x-raw,format=I420 \
        ! openh264enc bitrate=8000000 ! h264parse ! mp4mux ! filesink "location=$work/part.mp4"
    rm "$work/clip.mkv"
    mv "$work/part.mp4" "$work/clip.mp4"
fi

measure() {
    local model="$1" interval="$2" stats="$work/stats.json"
    local element=(mgdsam2matte "model=$model" "interval=$interval" "prompt-mask=$work/first/gt/00000.png")
    taskset -c "0-$((cores - 1))" "$bin/mgdsam2" -q watch --stats "$stats" -- \
        gst-launch-1.0 filesrc "location=$work/clip.mp4" ! qtdemux ! h264parse ! avdec_h264 \
        ! "${element[@]}" ! video/x-raw,format=RGBA ! fakesink
    python3 - "$model" "$interval" "$stats" <<'PYTHON'
import json, sys

model, interval, path = sys.argv[1:]
told = json.load(open(path))
stages = ", ".join(f"{name} {ms['median_ms']:.1f}" for name, ms in told["stages"].items())
print(f"{model}, interval={interval}: {told['fps']:.1f} frames a second of {told['frames']}, "
      f"{told['inferred']} inferred; medians in ms: {stages}; {told['precision']}, {told['peak_rss_mb']} MB")
PYTHON
}

(($#)) || set -- nano nano-tracker
for model in "$@"; do
    "$bin/mgdsam2" -q engine build "$model"
    for interval in 1 2; do
        measure "$model" "$interval"
    done
done
