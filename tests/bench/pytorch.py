#!/usr/bin/env python3
"""Times an engine against PyTorch eager of the same model, in turn, on random weights.

Usage: tests/bench/pytorch.py [RECIPE] [RUNS]     (base-plus and 3 unless told)
Needs torch (engines/nano/training/requirements.txt) and target/release/mgdsam2. Prints seconds a
picture, wall and processor, medians, and the ratio of the two.
"""
import json
import statistics
import subprocess
import sys
import time
import tomllib
from dataclasses import fields
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "engines/nano/training"))
from model import Config, MgdSam2  # noqa: E402


def eager(recipe: str):
    """The training model in the recipe's sizes, and a picture for it."""
    sizes = tomllib.loads((ROOT / f"engines/{recipe}.toml").read_text())["model"]
    names = {field.name for field in fields(Config)}
    freeze = lambda value: tuple(value) if isinstance(value, list) else value  # noqa: E731
    config = Config(**{name: freeze(value) for name, value in sizes.items() if name in names})
    side = 2 * config.inp_size
    return MgdSam2(config).eval(), torch.randn(1, 3, side, side)


def timed(function) -> tuple[float, float]:
    wall, processor = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - wall, time.process_time() - processor


def engine_ms(recipe: str) -> float:
    """The engine alone, median milliseconds, as `mgdsam2 bench` measures it."""
    command = [ROOT / "target/release/mgdsam2", "-q", "bench", "--json", "--model", recipe]
    command += ["--random-weights", "1", "--runs", "3", "--frames", "2"]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    return json.loads(output)["engine"]["median_ms"]


def main() -> None:
    recipe = sys.argv[1] if len(sys.argv) > 1 else "base-plus"
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    model, picture = eager(recipe)
    with torch.inference_mode():
        model(picture)
        pairs = [(timed(lambda: model(picture)), engine_ms(recipe)) for _ in range(runs)]
    wall = statistics.median(pair[0][0] for pair in pairs)
    processor = statistics.median(pair[0][1] for pair in pairs)
    ours = statistics.median(pair[1] for pair in pairs) / 1000
    ratio = statistics.median(pair[1] / 1000 / pair[0][0] for pair in pairs)
    print(f"{recipe}, {torch.get_num_threads()} threads, PyTorch {torch.__version__} f32 eager")
    print(f"PyTorch {wall:.2f} s (processor {processor:.2f} s), engine {ours:.2f} s: {ratio:.2f}x")


if __name__ == "__main__":
    main()
