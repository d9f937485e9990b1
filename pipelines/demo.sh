#!/usr/bin/env bash
# From nothing to a matte: sets the machine up, builds, mattes CLIP (or the built-in clip, whose
# alpha is known) and writes matte.mov, matte.mkv, composite.mp4, sheet.png and stats.json to DIR.
# Usage: pipelines/demo.sh [--out DIR] [CLIP]      (DIR is target/demo unless told)
# MODEL=base-plus and the like choose another recipe; FRAMES and SIZE shape the built-in clip.
set -euo pipefail
here="$PWD"
cd "$(dirname "${BASH_SOURCE[0]}")/.."

out=target/demo clip=
while (($#)); do
    case "$1" in
        --out)
            [[ $# -ge 2 ]] || { echo "demo: --out expects a folder" >&2; exit 1; }
            out="$(cd "$here" && realpath -m "$2")"; shift 2 ;;
        -h | --help) sed -n '2,5s/^# //p' "$0"; exit ;;
        -*) echo "demo: expected --out DIR or a clip, found $1" >&2; exit 1 ;;
        *) clip="$(cd "$here" && realpath -m "$1")"; shift ;;
    esac
done
[[ -z "$clip" || -r "$clip" ]] || { echo "demo: cannot read $clip" >&2; exit 1; }

pipelines/setup.sh
[[ -n "${MGDSAM2_BIN:-}" ]] || cargo build --release --locked
bin="$(realpath "${MGDSAM2_BIN:-target/release}")"
export GST_PLUGIN_PATH="$bin${GST_PLUGIN_PATH:+:$GST_PLUGIN_PATH}"

mkdir -p "$out"
partial="$(mktemp -d "$out/.partial.XXXXXX")"
trap 'rm -rf "$partial"' EXIT
if [[ -z "$clip" ]]; then
    frames="${FRAMES:-48}" size="${SIZE:-1280x720}"
    clip="target/demo-clip-$size-$frames.mkv"
    [[ -e "$clip" ]] || "$bin/mgdsam2" synth --out "$clip" --frames "$frames" --size "$size"
fi

"$bin/mgdsam2" engine build "${MODEL:=nano}"

# ProRes and FFV1 keep alpha only in the formats pinned here; H.264 has none, hence the board.
line=(gst-launch-1.0 -e
    filesrc "location=$clip" ! decodebin ! videoconvert ! mgdsam2matte "model=$MODEL"
    ! "video/x-raw,format=BGRA" ! tee name=matte
    matte. ! queue ! videoconvert ! "video/x-raw,format=A444_10LE" ! avenc_prores_ks
    ! qtmux ! filesink "location=$partial/matte.mov"
    matte. ! queue ! avenc_ffv1 ! matroskamux ! filesink "location=$partial/matte.mkv"
    matte. ! queue ! compositor background=checker ! videoconvert ! videoscale
    ! "video/x-raw,format=I420,width=[2,8192,2],height=[2,8192,2]"
    ! openh264enc bitrate=8000000 ! h264parse ! mp4mux ! filesink "location=$partial/composite.mp4")
echo
echo "export GST_PLUGIN_PATH=$GST_PLUGIN_PATH"
echo "${line[*]@Q}" | sed -E "s|'([A-Za-z0-9_./=:,+%!-]+)'|\\1|g"
echo
"$bin/mgdsam2" watch --stats "$partial/stats.json" -- "${line[@]}"
"$bin/mgdsam2" sheet "$clip" "$partial/matte.mkv" -o "$partial/sheet.png"
mv "$partial"/* "$out/"

cat "$out/stats.json"
echo "demo: wrote $out/{matte.mov,matte.mkv,composite.mp4,sheet.png,stats.json}"
