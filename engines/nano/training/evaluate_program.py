"""Measures the program's mattes on clips from the first frame's true mask, beside baselines.

    python evaluate_program.py [--weights WEIGHTS] [--tracker TRACKER] --program target/release/mgdsam2
        --out OUT [--clips CLIP...] [--frames 60] [--sheet SHEET.jpg]

Each clip is matted by `mgdsam2 matte` and scored by `mgdsam2 score`; weights are the recipe's own
unless given. Clips are the generator's demo clip, clips of the kind that nano is trained on, trials
of a tracker (`mgdsam2 synth --kind`; seeds that nothing was trained on) and CLIP: folders with `im/`
and `gt/`, as DAVIS has them.

    memory      nano
    prompted    nano that looks at the prompted frame alone, and remembers no other
    interval-2  nano that sees every second frame
    thresholded the mattes of `memory`, 0 or 1
    tracker     nano-tracker, whose mask is the matte
    copy        the first frame's matte throughout
    flow        it, carried from frame to frame by OpenCV's dense DIS (preset medium)
    alone       nano without propagation, which knows of no prompt and of no other frame

J is DAVIS', thresholded at one half; MAD, dtSSD and MAD in the unknown band (`band`) are
RobustVideoMatting's, in thousandths, hundredths and thousandths. The first frame, which is given, is
left out. `band` is empty where the truth is 0 or 1 everywhere. Lines in OUT/scores.csv, too.
"""

import argparse
import csv
import json
import os
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
from evaluate import Photo, load_clip
from evaluate_tracker import copied, flowed

TRIALS = ["occlusion", "leave-and-return", "crossing", "fast-motion", "lighting-jump"]
SEEDS = [7001, 7002]
HELD_OUT = [900001, 900002, 900003, 900004, 900005, 900006]
METHODS = ["memory", "prompted", "interval-2", "thresholded", "tracker", "copy", "flow", "alone"]
SCORES = {"J": ("davis", "j_mean"), "MAD": ("matting", "mad"), "dtSSD": ("matting", "dtssd"),
          "band": ("matting", "mad_unknown")}


class Program:
    """The command line, and the weights that it runs."""

    def __init__(self, path: Path, weights: Path | None, tracker: Path | None):
        self.path = path
        self.weights = ["--mgd", weights] if weights else []
        self.tracker = ["--sam2", tracker] if tracker else []

    def run(self, *arguments) -> None:
        line = [self.path, "-q", *map(str, arguments)]
        subprocess.run(line, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "RUST_LOG": "error"})

    def matte(self, clip: Path, out: Path, *options) -> None:
        self.run("matte", clip / "im", "-o", f"{out}/", "--alpha-only", *options)

    def nano(self, clip: Path, out: Path, *options) -> None:
        self.matte(clip, out, "--model", "nano", *self.weights, *self.tracker, *options)

    def track(self, clip: Path, out: Path, *options) -> None:
        self.nano(clip, out, "--mask", first_mask(clip), *options)

    def track_alone(self, clip: Path, out: Path) -> None:
        weights = ["--mgd", *self.tracker[1:]] if self.tracker else []
        self.matte(clip, out, "--model", "nano-tracker", *weights, "--mask", first_mask(clip))

    def scores(self, pred: Path, truth: Path) -> dict[str, float | None]:
        """Of one clip, by the names of SCORES."""
        told = {}
        for protocol in ("davis", "matting"):
            report = pred.with_suffix(f".{protocol}.json")
            self.run("score", "--pred", pred, "--gt", truth, "--protocol", protocol, "--json", report)
            told[protocol] = json.loads(report.read_text())["overall"]
        return {name: told[protocol][key] for name, (protocol, key) in SCORES.items()}


def first_mask(clip: Path) -> Path:
    return min((clip / "gt").iterdir())


def generated(program: Program, out: Path, frames: int) -> list[Path]:
    """The demo clip, those of the training's kind and the trials, drawn where they are not yet."""
    kinds = [("demo", 1)] + [("training", seed) for seed in HELD_OUT]
    kinds += [(kind, seed) for kind in TRIALS for seed in SEEDS]
    clips = []
    for kind, seed in kinds:
        clip = out / "clips" / f"{kind}-{seed}"
        if not (clip / "gt").exists():
            program.run("synth", "--out", clip, "--kind", kind, "--seed", seed, "--frames", frames)
        clips.append(clip)
    return clips


def write(mattes: list[np.ndarray], clip: list[Photo], out: Path) -> None:
    """Mattes of all frames but the first, under the names of the clip's."""
    out.mkdir(parents=True)
    for matte, frame in zip(mattes, clip[1:], strict=True):
        cv2.imwrite(str(out / f"{Path(frame.name).name}.png"), matte)


def matte_all(program: Program, clip: Path, out: Path) -> None:
    """A folder a method, and `truth`, all without the first frame."""
    frames = load_clip(clip)
    program.track(clip, out / "memory")
    program.track(clip, out / "prompted", "--memory-frames", 1)
    program.track(clip, out / "interval-2", "--interval", 2)
    program.track_alone(clip, out / "tracker")
    program.nano(clip, out / "alone", "--propagation", "off")
    for method in ("memory", "prompted", "interval-2", "tracker", "alone"):
        min((out / method).iterdir()).unlink()
    mattes = [cv2.imread(str(p), 0) for p in sorted((out / "memory").iterdir())]
    write([np.uint8(255) * (m > 127) for m in mattes], frames, out / "thresholded")
    write(copied(frames), frames, out / "copy")
    write(flowed(frames), frames, out / "flow")
    write([frame.foreground for frame in frames[1:]], frames, out / "truth")


def absences(clips: list[Path], out: Path) -> str:
    """In how many of the frames without the object the matte is empty."""
    found = []
    for clip in clips:
        for truth in (out / clip.name / "truth").iterdir():
            if cv2.imread(str(truth), 0).max() < 128:
                found.append(cv2.imread(str(out / clip.name / "memory" / truth.name), 0).max() < 128)
    return f"memory: empty in {sum(found)} of {len(found)} frames without the object"


def tile(image: np.ndarray, width: int = 200) -> np.ndarray:
    image = image if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    size = (width, width * image.shape[0] // image.shape[1])
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def sheet(clips: list[Path], out: Path, path: Path) -> None:
    """Of each clip the frame where `memory` is furthest from the truth: frame, truth, matte, and
    the mean absolute difference."""
    rows = []
    for clip in clips:
        names = sorted(p.name for p in (out / clip.name / "truth").iterdir())
        pairs = [[cv2.imread(str(out / clip.name / m / n), 0) for m in ("truth", "memory")] for n in names]
        errors = [cv2.absdiff(*pair).mean() / 255 for pair in pairs]
        worst = int(np.argmax(errors))
        row = np.hstack([tile(cv2.imread(str(clip / "im" / names[worst]))), *map(tile, pairs[worst])])
        text = f"{clip.name}, frame {int(names[worst][:5])}: {1000 * errors[worst]:.0f}"
        cv2.putText(row, text, (4, row.shape[0] - 5), 0, 0.38, (0, 220, 255), 1, cv2.LINE_AA)
        rows.append(row)
    rows += [np.zeros_like(rows[0])] * (len(rows) % 2)
    halves = [np.vstack(rows[i::2]) for i in (0, 1)]
    cv2.imwrite(str(path), np.hstack(halves))


def line(name: str, method: str, scores: dict) -> str:
    values = [f"{scores[s]:8.3f}" if scores[s] is not None else " " * 8 for s in SCORES]
    return f"{name:22} {method:12}" + "".join(values)


def print_means(name: str, rows: list[dict], clips: list[Path]) -> None:
    """A line a method."""
    names = {clip.name for clip in clips}
    for method in METHODS:
        chosen = [r for r in rows if r["method"] == method and r["clip"] in names]
        values = {s: [r[s] for r in chosen if r[s] is not None] for s in SCORES}
        print(line(name, method, {s: float(np.mean(v)) for s, v in values.items()}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--tracker", type=Path)
    parser.add_argument("--program", type=Path, default="target/release/mgdsam2")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--clips", type=Path, nargs="+", default=[])
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--sheet", type=Path)
    args = parser.parse_args()
    program = Program(args.program, args.weights, args.tracker)
    drawn = generated(program, args.out, args.frames)
    rows = []
    print(f"{'':35}" + "".join(f"{score:>8}" for score in SCORES))
    for clip in [*args.clips, *drawn]:
        here = args.out / clip.name
        shutil.rmtree(here, ignore_errors=True)
        matte_all(program, clip, here)
        for method in METHODS:
            scores = program.scores(here / method, here / "truth")
            rows.append({"clip": clip.name, "method": method, **scores})
            print(line(clip.name, method, scores), flush=True)
    first_trial = 1 + len(HELD_OUT)
    print_means("mean of training", rows, drawn[1:first_trial])
    print_means("mean of the trials", rows, drawn[first_trial:])
    print(absences(drawn, args.out))
    with open(args.out / "scores.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, ["clip", "method", *SCORES])
        writer.writeheader()
        writer.writerows(rows)
    if args.sheet:
        sheet(drawn, args.out, args.sheet)


if __name__ == "__main__":
    main()
