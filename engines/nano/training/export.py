"""Writes the shipped weights (f16, official key names) and a fixture that ties the graph to them.

    python export.py CHECKPOINT.pt OUT_DIR

`weights.safetensors` holds the averaged weights. `parity.safetensors` holds, for a picture with and
without a mask, the inputs `CASE/image`, u8 (1, 128, 128, 3) RGB, `CASE/mask_logits`, f32
(1, 1, 32, 32), and `CASE/has_mask`, and `CASE/logits`, f32 (1, 1, 128, 128): what the training model
gives for them with the shipped weights at `inp_size` 64 (the weights do not depend on it), in single
precision.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from evaluate import load_model, normalise
from model import NANO, MgdSam2
from prompted import shown
from safetensors.torch import load_file, save_file

PARITY_SIZE = 64


def shipped_tensors(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Half precision; BatchNorm's counters are training's own affair."""
    return {
        key: value.half().contiguous()
        for key, value in state.items()
        if not key.endswith("num_batches_tracked")
    }


def test_card(side: int) -> np.ndarray:
    """(side, side, 3) uint8: a disc and a bar on a gradient, so that there is a foreground."""
    y, x = np.mgrid[:side, :side]
    image = np.stack([x * 200 // side, y * 120 // side + 60, 160 - x * 80 // side], -1).astype(np.uint8)
    cv2.circle(image, (side * 5 // 9, side // 2), side // 4, (230, 120, 40), -1, cv2.LINE_AA)
    cv2.line(image, (side // 5, side * 7 // 8), (side // 2, side // 2), (30, 40, 60), side // 12)
    return image


@torch.no_grad()
def parity(weights: Path) -> dict[str, torch.Tensor]:
    """The fixture's tensors for a file of shipped weights."""
    model = MgdSam2(replace(NANO, inp_size=PARITY_SIZE)).eval()
    model.load_state_dict({k: v.float() for k, v in load_file(weights).items()}, strict=False)
    image, side = torch.from_numpy(test_card(2 * PARITY_SIZE))[None], PARITY_SIZE // 2
    mask = torch.from_numpy(shown(test_card(2 * PARITY_SIZE)[..., 0], side))[None, None]
    fixture = {}
    for case, has_mask in (("prompted", torch.ones(1)), ("promptless", torch.zeros(1))):
        logits, _ = model(normalise(image.permute(0, 3, 1, 2)), mask, has_mask)
        values = dict(image=image, mask_logits=mask, has_mask=has_mask, logits=logits)
        fixture |= {f"{case}/{name}": value.contiguous().clone() for name, value in values.items()}
    return fixture


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    weights = args.out / "weights.safetensors"
    save_file(shipped_tensors(load_model(args.checkpoint).state_dict()), weights)
    save_file(parity(weights), args.out / "parity.safetensors")
    print(f"{weights}: {weights.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
