"""Clips rendered by the project's generator (`frames.rs`), read frame by frame."""

from pathlib import Path

import cv2
import numpy as np

# Mean difference of two frames' thumbnails from which on there is a cut between them.
CUT = 30


class RenderedClips:
    """Raw clips in `WIDTHxHEIGHTxLENGTH_*.raw`: each frame (H, W, 3) RGB, then (H, W) alpha, bytes."""

    def __init__(self, folder: Path):
        self.files = []
        for path in sorted(folder.glob("*.raw")):
            width, height, length = map(int, path.stem.split("_")[0].split("x"))
            frames = np.memmap(path, np.uint8, "r").reshape(-1, length, 4 * height * width)
            self.files.append((frames, height, width))
        self.ends = np.cumsum([len(frames) for frames, _, _ in self.files])

    def __len__(self) -> int:
        """How many clips."""
        return int(self.ends[-1]) if self.files else 0

    def length(self, clip: int) -> int:
        """Frames of a clip."""
        return self._at(clip)[0].shape[0]

    def frame(self, clip: int, t: int) -> tuple[np.ndarray, np.ndarray]:
        """Colour and alpha."""
        frames, height, width = self._at(clip)
        colour, alpha = np.split(np.array(frames[t]), [3 * height * width])
        return colour.reshape(height, width, 3), alpha.reshape(height, width)

    def _at(self, clip: int) -> tuple[np.ndarray, int, int]:
        file = int(np.searchsorted(self.ends, clip, side="right"))
        frames, height, width = self.files[file]
        return frames[clip - self.ends[file] + len(frames)], height, width


def has_cut(frames: list[np.ndarray]) -> bool:
    """Whether neighbours have next to nothing in common."""
    small = [cv2.resize(f, (16, 16), interpolation=cv2.INTER_AREA).astype(np.int16) for f in frames]
    return any(np.abs(a - b).mean() > CUT for a, b in zip(small, small[1:]))
