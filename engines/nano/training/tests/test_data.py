"""Samples are exact, repeatable, and do not give the foreground away by being pasted."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from data import Generator, Layer  # noqa: E402
from evaluate import best_ellipse, ellipse, iou, part_of  # noqa: E402
from material import salient  # noqa: E402


@pytest.fixture
def material(tmp_path: Path) -> Path:
    """Two small made-up photographs, a background and a sprite."""
    rng = np.random.default_rng(0)

    def picture(h: int, w: int) -> np.ndarray:
        return rng.integers(0, 256, (h, w, 3), np.uint8)

    mask = np.zeros((120, 160), np.uint8)
    mask[30:100, 50:120] = 255
    photos = [dict(image=picture(120, 160), masks=[mask], salient=[0]) for _ in range(2)]
    sprite = np.dstack([picture(64, 64), np.full((64, 64, 1), 255, np.uint8)])
    pack = dict(photos=photos, backgrounds=[picture(128, 128)], sprites=[sprite])
    path = tmp_path / "material.npz"
    np.savez(path, pack=np.array([pack], dtype=object))
    return path


def test_same_seed_same_samples(material: Path) -> None:
    first, second = Generator(material, 7), Generator(material, 7)
    for _ in range(8):
        a, b = first.sample(96), second.sample(96)
        assert np.array_equal(a.image, b.image) and np.array_equal(a.alpha, b.alpha)


def test_samples_have_a_foreground_and_a_background(material: Path) -> None:
    generator = Generator(material, 1)
    for _ in range(40):
        sample = generator.sample(96)
        assert sample.image.shape == (96, 96, 3) and sample.alpha.shape == (96, 96)
        assert 0.02 < sample.alpha.mean() / 255 < 0.86


def test_placing_an_opaque_layer_replaces_what_is_below(material: Path) -> None:
    generator = Generator(material, 1)
    image = np.full((40, 40, 3), 10, np.float32)
    layer = Layer(np.full((10, 10, 3), 200, np.float32), np.ones((10, 10), np.float32))
    covered = generator.place(image, layer, 40, 20)
    assert covered.sum() == 50
    assert np.all(image[covered == 1] == 200) and np.all(image[covered == 0] == 10)


def test_patches_leave_no_trace_in_alpha(material: Path) -> None:
    generator = Generator(material, 3)
    generator.cut_out = lambda extent: Layer(np.zeros((4, 4, 3), np.float32), np.zeros((4, 4), np.float32))
    for _ in range(10):
        assert generator.composed_scene(96, real=True)[1].sum() == 0


def test_small_things_far_from_the_largest_are_not_foreground() -> None:
    masks = [np.zeros((100, 100), np.uint8) for _ in range(3)]
    masks[0][20:80, 20:60] = 255
    masks[1][30:50, 60:80] = 255
    masks[2][0:6, 90:99] = 255
    assert salient(masks) == [0, 1]


def test_the_ellipse_is_found_again() -> None:
    class Photo:
        foreground = (ellipse(96, 0.6, 0.8, 0.5) * 255).astype(np.uint8)

    value, (width, height, y) = best_ellipse([Photo])
    assert value > 0.99 and abs(width - 0.6) < 1e-6 and abs(height - 0.8) < 1e-6 and y == 0.5


def test_iou_of_nothing_and_of_everything() -> None:
    assert iou(np.zeros((8, 8), np.float32), np.full((8, 8), 255, np.uint8)) == 0
    assert iou(np.ones((8, 8), np.float32), np.full((8, 8), 255, np.uint8)) == 1


def test_a_photograph_has_one_part() -> None:
    assert part_of("000000000009") in {"validation", "test"}
    assert part_of("000000000009") == part_of("000000000009")
