"""Makes this folder's pictures, and what Pillow's antialiased bilinear resize makes of them.

    pip install pillow numpy && python3 make.py

`WxH.rgb` is a picture, `WxH_to_S.rgb` its squash to S by S; all are raw RGB.
"""
from pathlib import Path

import numpy as np
from PIL import Image

SIZES = [(97, 61, 32), (31, 150, 32), (20, 13, 33), (64, 32, 32)]


def picture(width: int, height: int) -> np.ndarray:
    """Noise over half of a gradient with hard edges: every kind of content a filter minds."""
    rng = np.random.default_rng(width * 1000 + height)
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    planes = [x * 255 // width, y * 255 // height, (x // 7 + y // 5) % 2 * 255]
    smooth = np.stack(planes, -1).astype(np.uint8)
    noise = rng.integers(0, 256, (height, width, 3), np.uint8)
    return np.where((x > width // 2)[..., None], noise, smooth)


if __name__ == "__main__":
    here = Path(__file__).parent
    for width, height, side in SIZES:
        pixels = picture(width, height)
        squashed = Image.fromarray(pixels).resize((side, side), Image.Resampling.BILINEAR)
        (here / f"{width}x{height}.rgb").write_bytes(pixels.tobytes())
        (here / f"{width}x{height}_to_{side}.rgb").write_bytes(squashed.tobytes())
