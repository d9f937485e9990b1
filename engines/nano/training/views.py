"""The five views: quadrants of a picture in full detail, and the whole at half size.

Views are stacked [4B locals, B globals], each image's quadrants row-major.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def stitch(locals_: Tensor) -> Tensor:
    """(4B, C, H, W) -> (B, C, 2H, 2W)."""
    n, c, h, w = locals_.shape
    x = locals_.reshape(n // 4, 2, 2, c, h, w)
    return x.permute(0, 3, 1, 4, 2, 5).reshape(n // 4, c, 2 * h, 2 * w)


def split(image: Tensor) -> Tensor:
    """(B, C, 2H, 2W) -> (4B, C, H, W)."""
    b, c, h, w = image.shape
    x = image.reshape(b, c, 2, h // 2, 2, w // 2)
    return x.permute(0, 2, 4, 1, 3, 5).reshape(4 * b, c, h // 2, w // 2)


def separate(views: Tensor) -> tuple[Tensor, Tensor]:
    """(5B, ...) -> the 4B locals and the B globals."""
    b = views.shape[0] // 5
    return views[: 4 * b], views[4 * b :]


def double(x: Tensor) -> Tensor:
    """Bilinear, to twice the size."""
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


def halve(x: Tensor) -> Tensor:
    """To half the size: bilinear without antialias is exactly the mean of 2x2."""
    return F.avg_pool2d(x, 2)


def image_views(image: Tensor) -> Tensor:
    """(B, 3, 2S, 2S) -> (5B, 3, S, S)."""
    return torch.cat((split(image), halve(image)))
