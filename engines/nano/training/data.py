"""Endless training samples: labelled photographs and frames rendered by the project's generator,
matted without a prompt; and frames of clips, with what the tracker says of the frame before.

Being pasted must not give the foreground away. So more than half of the samples are untouched
photographs, the generator pastes what is not foreground as well, and the same degradation runs over
every picture.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from clips import Clips, by_kind, drawn, hand_drawn, load_material
from motion import warp
from prompted import Prompter
from rendered import RenderedClips
from torch.utils.data import IterableDataset

cv2.setNumThreads(1)
# The share of labelled photographs where nothing is prompted.
REAL = 0.7


@dataclass
class Sample:
    """A picture (S, S, 3) RGB, its alpha and each pixel's weight (S, S), uint8."""

    image: np.ndarray
    alpha: np.ndarray
    weight: np.ndarray


class Generator:
    """Draws samples from `material.py`'s photographs and rendered frames; same seed, same samples."""

    def __init__(self, material: Path, frames: Path, seed: int):
        self.rng = np.random.default_rng(seed)
        photos = [p for p in np.load(material, allow_pickle=True)["photos"] if p["salient"]]
        pairs = [(p["image"], np.maximum.reduce([p["masks"][i] for i in p["salient"]])) for p in photos]
        self.photos = by_kind(pairs, [p["kind"] for p in photos])
        self.clips = RenderedClips(frames)

    def uniform(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def happens(self, probability: float) -> bool:
        return self.rng.random() < probability

    def photo(self) -> tuple[np.ndarray, np.ndarray]:
        return drawn(self.rng, drawn(self.rng, self.photos))

    def rendered(self) -> tuple[np.ndarray, np.ndarray]:
        clip = int(self.rng.integers(len(self.clips)))
        return self.clips.frame(clip, int(self.rng.integers(self.clips.length(clip))))

    def sample(self, side: int) -> Sample:
        """Draws until the foreground is neither nothing nor everything."""
        real = self.happens(REAL)
        while True:
            colour, mask = self.photo() if real else self.rendered()
            place = self.crop(*mask.shape, side)
            alpha = warp(mask, place, side)
            kept = alpha.sum() * abs(np.linalg.det(place[:, :2])) / max(mask.sum(), 1)
            if kept > 0.6 and 0.02 < alpha.mean() / 255 < 0.85:
                break
        image = self.degrade(warp(colour, place, side, cv2.BORDER_REFLECT_101))
        weight = warp(np.full_like(mask, 255), place, side)
        weight = np.where(weight > 250, 255, 0).astype(np.uint8)
        if real:
            weight = np.minimum(weight, hand_drawn(alpha))
        return Sample(image, alpha, weight)

    def crop(self, h: int, w: int, side: int) -> np.ndarray:
        """(2, 3), from a square to a part of a picture: crop, squash, a little rotation, mirroring."""
        zoom = self.uniform(0.5, 1.0) if self.happens(0.7) else 1.0
        ch, cw = h * zoom * self.uniform(0.8, 1), w * zoom * self.uniform(0.8, 1)
        top, left = self.uniform(0, h - ch), self.uniform(0, w - cw)
        angle = self.rng.normal(0, 0.1) if self.happens(0.5) else 0.0
        c, s = math.cos(angle), math.sin(angle)
        mirror = -1 if self.happens(0.5) else 1
        turn = np.array([[c, -s], [s, c]]) @ np.diag([mirror * side / cw, side / ch])
        shift = np.array([side / 2, side / 2]) - turn @ np.array([left + cw / 2, top + ch / 2])
        return cv2.invertAffineTransform(np.hstack([turn, shift[:, None]]))

    def degrade(self, image: np.ndarray) -> np.ndarray:
        """Exposure, white balance, blur by resampling, noise and compression of the whole frame."""
        side = image.shape[0]
        gain = (1 + self.rng.normal(0, 0.1, 3)) * self.uniform(0.6, 1.4)
        image = image.astype(np.float32) * gain.astype(np.float32)
        mean = image.mean()
        image = (image - mean) * self.uniform(0.6, 1.3) + mean + self.uniform(-15, 15)
        if self.happens(0.15):
            grey, mix = image.mean(2, keepdims=True), self.uniform(0.3, 1)
            image = image * (1 - mix) + grey * mix
        if self.happens(0.3):
            image += self.rng.standard_normal(image.shape, dtype=np.float32) * self.uniform(1, 9)
        image = np.clip(image, 0, 255).astype(np.uint8)
        if self.happens(0.3):
            smaller = int(side * self.uniform(0.45, 0.95))
            image = cv2.resize(image, (smaller, smaller), interpolation=cv2.INTER_AREA)
            image = cv2.resize(image, (side, side), interpolation=cv2.INTER_LINEAR)
        if self.happens(0.3):
            quality = [cv2.IMWRITE_JPEG_QUALITY, int(self.uniform(30, 95))]
            image = cv2.imdecode(cv2.imencode(".jpg", image, quality)[1], cv2.IMREAD_COLOR)
        return image


@dataclass
class Sources:
    """Files that samples come from: photographs, scenery, rendered clips, the tracker's weights."""

    material: Path
    scenery: Path
    frames: Path
    tracker: Path


class Batches(IterableDataset):
    """Endless batches: images (B, 3, S, S), alphas and weights (B, 1, S, S), uint8; prompts, float32
    logits (B, 1, S/4, S/4), and 1 where they count, else 0, (B), as they do not for a share of
    `promptless` of the samples."""

    def __init__(self, sources: Sources, seed: int, batch: int, side: int, promptless: float):
        self.sources, self.seed, self.batch, self.side = sources, seed, batch, side
        self.promptless = promptless

    def __iter__(self):
        sources, side = self.sources, self.side
        generator = Generator(sources.material, sources.frames, self.seed)
        scenery = sorted(sources.scenery.iterdir())
        material = load_material(sources.material, scenery, [], sources.frames)
        clips, prompter = Clips(material, self.seed, side), Prompter(sources.tracker, self.seed)
        rng = np.random.default_rng(self.seed)
        while True:
            count = int(rng.binomial(self.batch, self.promptless))
            samples = [generator.sample(side) for _ in range(count)]
            gaps = rng.integers(1, 9, self.batch - count).tolist()
            pairs = [clips.sample([0, gap], shown=1) for gap in gaps]
            prompts = np.zeros((self.batch, 1, side // 4, side // 4), np.float32)
            if pairs:
                prompts[count:] = prompter.prompts(pairs)
            samples += [Sample(p.frames[1], p.masks[1], p.weights[1]) for p in pairs]
            yield (
                np.ascontiguousarray(np.stack([s.image for s in samples]).transpose(0, 3, 1, 2)),
                np.stack([s.alpha for s in samples])[:, None],
                np.stack([s.weight for s in samples])[:, None],
                prompts,
                (np.arange(self.batch) >= count).astype(np.float32),
            )
