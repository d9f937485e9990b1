"""Fits how nano's logits are read where there is no prompt, on the validation photographs.

    python calibrate.py RUN/SECONDS.pt OUT.pt --photos PHOTOS

Training leaves them low: what the net is unsure of counts as background, and nothing is ever quite
foreground. The two are those with the largest mean IoU less the mean absolute difference: IoU alone
would have too much of everything. OUT.pt is the checkpoint's averaged weights with both.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from evaluate import Photo, iou, load_photos, normalise
from model import NANO, MgdSam2

SCALE, OFFSET = "detail_enhance.no_prompt_scale", "detail_enhance.no_prompt_offset"
# Of logits before they are scaled.
OFFSETS = np.arange(-1.0, 4.01, 0.25)
# Beyond, all edges are hard.
SCALES = np.arange(0.5, 2.01, 0.25)


@torch.no_grad()
def logits_and_truth(model: MgdSam2, photo: Photo, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Both (side, side); the truth in bytes."""
    small, truth = (
        cv2.resize(x, (side, side), interpolation=cv2.INTER_AREA)
        for x in (photo.image, photo.foreground)
    )
    logits, _ = model(normalise(torch.from_numpy(small.transpose(2, 0, 1).copy())[None]))
    return logits[0, 0].float().numpy(), truth


def calibrate(pairs: list[tuple[np.ndarray, np.ndarray]]) -> tuple[float, float]:
    """Scale and offset for logits of such truths: sigmoid(scale * logit + offset)."""

    def fit(move: float) -> float:
        return float(np.mean([iou(logits + move > 0, truth) for logits, truth in pairs]))

    def difference(move: float, scale: float) -> float:
        alphas = [(1 / (1 + np.exp(-scale * (logits + move))), truth) for logits, truth in pairs]
        return float(np.mean([np.abs(alpha - truth / 255).mean() for alpha, truth in alphas]))

    least = {move: min((difference(move, scale), scale) for scale in SCALES) for move in OFFSETS}
    move = max(OFFSETS, key=lambda move: fit(move) - least[move][0])
    scale = least[move][1]
    return float(scale), float(scale * move)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--photos", type=Path, required=True)
    args = parser.parse_args()
    state = torch.load(args.checkpoint, map_location="cpu")["ema"]
    state[SCALE], state[OFFSET] = torch.ones(1), torch.zeros(1)
    model = MgdSam2(NANO).eval()
    model.load_state_dict(state)
    photos = load_photos(args.photos, "validation")
    pairs = [logits_and_truth(model, photo, 2 * NANO.inp_size) for photo in photos]
    scale, offset = calibrate(pairs)
    print(f"scale {scale:g}, offset {offset:g}")
    state[SCALE], state[OFFSET] = torch.tensor([scale]), torch.tensor([offset])
    torch.save({"ema": state}, args.out)


if __name__ == "__main__":
    main()
