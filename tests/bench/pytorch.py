#!/usr/bin/env python3
"""Times an engine against PyTorch eager of the same model, in turn, on random weights.

Usage: tests/bench/pytorch.py [RECIPE] [RUNS]     (base-plus and 3 unless told)
Needs torch (engines/nano/training/requirements.txt) and target/release/mgdsam2. Prints seconds a
picture, wall and processor, medians, and the engine's ratio to PyTorch; on a busy machine believe
the processors' one.

The model is the training model, with the operators of the official code where that one trains
faster with others: fused attention, MaxPool2d, and Conv3d in the adapters.
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
import torch.nn.functional as F

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "engines/nano/training"))
import model as training  # noqa: E402
from model import Config, MgdSam2  # noqa: E402


def attend(q, k, v, heads):
    """Fused, as SAM2 has it."""
    q, k, v = (x.reshape(*x.shape[:2], heads, -1).transpose(1, 2) for x in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)


def max_pool(x):
    """(N, H, W, C), by 2, as Hiera has it."""
    return F.max_pool2d(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)


def pair_conv(conv, first, second):
    """A Conv3d over the stack, as the adapters have it."""
    return conv(torch.stack((first, second), 2)).squeeze(2)


def eager(recipe: str):
    """The model in the recipe's sizes, and a picture for it."""
    training.attend, training.max_pool, training.pair_conv = attend, max_pool, pair_conv
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


def engine(recipe: str) -> tuple[float, float]:
    """The engine alone, as `mgdsam2 bench` measures it: seconds, median wall and mean processor."""
    command = [ROOT / "target/release/mgdsam2", "-q", "bench", "--json", "--model", recipe]
    command += ["--random-weights", "1", "--runs", "3", "--frames", "2"]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    told = json.loads(output)["engine"]
    return told["median_ms"] / 1000, told["cpu_ms"] / 1000


def main() -> None:
    recipe = sys.argv[1] if len(sys.argv) > 1 else "base-plus"
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    model, picture = eager(recipe)
    with torch.inference_mode():
        model(picture)
        pairs = [(timed(lambda: model(picture)), engine(recipe)) for _ in range(runs)]
    print(f"{recipe}, {torch.get_num_threads()} threads, PyTorch {torch.__version__} f32 eager")
    for i, clock in enumerate(["wall", "processor"]):
        theirs = statistics.median(pair[0][i] for pair in pairs)
        ours = statistics.median(pair[1][i] for pair in pairs)
        ratio = statistics.median(pair[1][i] / pair[0][i] for pair in pairs)
        print(f"{clock}: PyTorch {theirs:.2f} s, engine {ours:.2f} s: {ratio:.2f}x")


if __name__ == "__main__":
    main()
