"""Prompts as the matte net gets them: masks of the tracker's, with the faults that it makes."""

from pathlib import Path

import cv2
import numpy as np
import torch
from clips import Sample
from evaluate import normalise
from evaluate_tracker import load_tracker
from motion import blob
from torch import Tensor
from tracker import MASK_BIAS, MASK_SCALE, TRACKED

# The part of prompts that the tracker makes of a faultless mask, and of those that are the truth.
FAULTLESS, TRUE = 0.3, 0.15


def shown(mask: np.ndarray, side: int) -> np.ndarray:
    """A mask as the tracker returns what it is prompted with: logits (side, side)."""
    small = cv2.resize(mask, (side, side), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / 255 * MASK_SCALE + MASK_BIAS


class Prompter:
    """Shows the tracker a clip's first frame with a mask, and asks it for the second."""

    def __init__(self, weights: Path, seed: int):
        self.model = load_tracker(weights)
        self.rng = np.random.default_rng(seed)

    @torch.no_grad()
    def prompts(self, pairs: list[Sample], faulty: bool = True) -> np.ndarray:
        """Mask logits (N, 1, S/4, S/4) of the second frames of one pair or more."""
        masks = [self.with_faults(p.masks[0]) if faulty else p.masks[0] for p in pairs]
        frames = np.stack([p.frames for p in pairs], 1).transpose(0, 1, 4, 2, 3).copy()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = self.track(torch.from_numpy(frames), torch.from_numpy(np.stack(masks)[:, None]))
        for logits, pair in zip(found, pairs):
            if faulty and self.rng.random() < TRUE:
                logits[0] = torch.from_numpy(shown(pair.masks[1], logits.shape[-1]))
        return found.numpy()

    def track(self, frames: Tensor, masks: Tensor) -> Tensor:
        """Frames (2, N, 3, S, S) and the first's masks (N, 1, S, S), uint8, to the second's logits."""
        encoded = self.model.encode(normalise(frames.flatten(0, 1)))
        parts = torch.arange(len(masks)), torch.arange(len(masks)) + len(masks)
        before, now = (encoded[part] for part in parts)
        first = self.model.prompt(before, masks.float() / 255)
        return self.model.step(now, first, 1, []).masks[:, TRACKED : TRACKED + 1].float()

    def with_faults(self, mask: np.ndarray) -> np.ndarray:
        """What a mask may have become after some frames: (S, S) uint8."""
        if self.rng.random() < FAULTLESS:
            return mask
        side = mask.shape[0]
        if self.rng.random() < 0.5:
            size = int(self.rng.integers(2, max(side // 24, 3)))
            how = [cv2.MORPH_ERODE, cv2.MORPH_DILATE, cv2.MORPH_OPEN, cv2.MORPH_CLOSE]
            mask = cv2.morphologyEx(mask, how[int(self.rng.integers(4))], np.ones((size, size)))
        if self.rng.random() < 0.5:
            coarse = int(self.rng.integers(side // 16, side // 4))
            mask = cv2.resize(mask, (coarse, coarse), interpolation=cv2.INTER_AREA)
            mask = cv2.resize(mask, (side, side), interpolation=cv2.INTER_CUBIC)
            mask = (mask > 127).astype(np.uint8) * 255
        mask = mask.copy()
        ys, xs = np.where(mask > 127)
        if len(ys) and self.rng.random() < 0.4:
            self.blot(mask, int(self.rng.integers(len(ys))), ys, xs)
        if len(ys) and self.rng.random() < 0.3:
            self.cut(mask, ys, xs)
        return mask

    def cut(self, mask: np.ndarray, ys: np.ndarray, xs: np.ndarray) -> None:
        """Up to a half of it, on one side, was never seen."""
        along, across = self.rng.normal(size=2)
        limit = np.quantile(along * xs + across * ys, self.rng.uniform(0.5, 0.95))
        y, x = np.mgrid[: mask.shape[0], : mask.shape[1]]
        mask[along * x + across * y > limit] = 0

    def blot(self, mask: np.ndarray, i: int, ys: np.ndarray, xs: np.ndarray) -> None:
        """A piece is lost, or some of what is around comes along."""
        size = max(int(self.rng.uniform(0.2, 0.7) * np.sqrt(len(ys))), 4)
        piece = cv2.resize(blob(self.rng, 64), (size, size))
        top, left = max(ys[i] - size // 2, 0), max(xs[i] - size // 2, 0)
        at = mask[top : top + size, left : left + size]
        at[piece[: at.shape[0], : at.shape[1]] > 127] = 255 if self.rng.random() < 0.5 else 0
