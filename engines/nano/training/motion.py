"""How layers of a made clip move, and how pictures are taken along."""

import math

import cv2
import numpy as np


class Motion:
    """A smooth way of a layer: shift, turn, zoom, and an elastic stretch, growing with time."""

    def __init__(self, rng: np.random.Generator, side: int, strength: float, stretch: float):
        self.side = side
        self.velocity = rng.normal(0, 0.035 * strength, 2) * side
        self.swing = rng.normal(0, 0.03 * strength, 2) * side
        self.turning, self.zooming = rng.normal(0, 0.05 * strength), rng.normal(0, 0.03 * strength)
        self.rate, self.phase = rng.uniform(0.3, 1.2), rng.uniform(0, 6.28)
        cells = int(rng.integers(3, 7))
        fields = rng.normal(0, stretch * side, (2, cells, cells, 2)).astype(np.float32)
        self.fields = [cv2.resize(f, (side, side), interpolation=cv2.INTER_CUBIC) for f in fields]
        self.grid = np.stack(np.meshgrid(np.arange(side), np.arange(side)), -1).astype(np.float32)

    def map(self, t: float, place: np.ndarray) -> np.ndarray:
        """Where each pixel (S, S, 2) of frame `t` comes from; `place` (2, 3) maps frame 0 to the source."""
        wave = math.sin(self.rate * t + self.phase) - math.sin(self.phase)
        shift = self.velocity * t + self.swing * wave
        angle, zoom = self.turning * t, math.exp(-self.zooming * t)
        c, s = math.cos(angle) * zoom, math.sin(angle) * zoom
        turn = np.array([[c, -s], [s, c]])
        centre = self.centre
        linear = place[:, :2] @ turn
        offset = place @ np.append(centre, 1) - linear @ (centre + shift)
        at = self.grid + wave * self.fields[0] + 0.3 * t * self.fields[1]
        return (at @ linear.T + offset).astype(np.float32)

    centre = np.zeros(2)


def blob(rng: np.random.Generator, side: int) -> np.ndarray:
    """(S, S) uint8: any shape, smooth or ragged."""
    cells = int(rng.integers(3, 9))
    noise = cv2.resize(rng.random((cells, cells), np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
    y, x = (np.mgrid[:side, :side] / side - rng.uniform(0.3, 0.7, (2, 1, 1)))
    near = 1 - np.hypot(x * rng.uniform(1.2, 4), y * rng.uniform(1.2, 4)) * 1.5
    mask = (near + rng.uniform(0.2, 1) * (noise - 0.5) > 0).astype(np.uint8) * 255
    return cv2.GaussianBlur(mask, (0, 0), 0.7)


def warp(image: np.ndarray, place: np.ndarray, side: int, border: int = cv2.BORDER_CONSTANT) -> np.ndarray:
    """By an affine map from the square to the picture, smoothed first where that shrinks."""
    scale = math.sqrt(abs(np.linalg.det(place[:, :2])))
    if scale > 1.25:
        image = cv2.GaussianBlur(image, (0, 0), 0.35 * scale)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(image, place, (side, side), flags=flags, borderMode=border)


def remap(image: np.ndarray, at: np.ndarray, border: int) -> np.ndarray:
    return cv2.remap(image, at, None, cv2.INTER_LINEAR, borderMode=border)
