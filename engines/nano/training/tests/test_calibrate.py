"""How logits without a prompt are read."""

import numpy as np
from calibrate import calibrate


def disc(side: int = 64) -> np.ndarray:
    v, u = np.mgrid[:side, :side] - side / 2
    return 20 - np.hypot(u, v)


def test_logits_that_are_too_low_and_too_soft_are_raised_and_stretched():
    truth = ((disc() > 0) * 255).astype(np.uint8)
    scale, offset = calibrate([(0.2 * disc() - 1.5, truth)])
    assert abs(offset / scale - 1.5) <= 0.25 and scale == 2


def test_logits_in_place_stay_there():
    truth = ((disc() > 0) * 255).astype(np.uint8)
    scale, offset = calibrate([(2 * disc(), truth)])
    assert abs(offset / scale) <= 0.5
