"""Clips are exact, the untrained tracker carries its prompt, and what is exported is what was trained."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from clips import Clips, Material  # noqa: E402
from evaluate import Photo  # noqa: E402
from evaluate_tracker import copied, flowed, load_tracker, mean_j, track  # noqa: E402
from export import shipped_tensors  # noqa: E402
from export_tracker import mean, parity  # noqa: E402
from start import initialise  # noqa: E402
from tracker import Tracker  # noqa: E402
from train_tracker import clip_loss, load_batch  # noqa: E402

TIMES = [0, 3, 4, 5]


def texture(seed: int, h: int, w: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (h // 8, w // 8, 3), np.uint8)
    return cv2.resize(coarse, (w, h), interpolation=cv2.INTER_CUBIC)


@pytest.fixture(scope="module")
def material() -> Material:
    mask = np.zeros((120, 160), np.uint8)
    cv2.ellipse(mask, (80, 60), (40, 30), 0, 0, 360, 255, -1)
    film = np.stack([np.roll(texture(9, 96, 96), t, 1) for t in range(40)])
    return Material([texture(i, 120, 160) for i in range(3)], [[mask]] * 3, [film])


@pytest.fixture(scope="module")
def model() -> Tracker:
    model = Tracker()
    initialise(model, 0)
    return model.eval()


def moving_square(frames: int) -> list[Photo]:
    """A textured square that crosses a textured picture, six pixels a frame."""
    clip = []
    for t in range(frames):
        image, mask = texture(1, 128, 128), np.zeros((128, 128), np.uint8)
        at = np.s_[40:88, 10 + 6 * t : 58 + 6 * t]
        image[at], mask[at] = texture(2, 48, 48), 255
        clip.append(Photo(str(t), image, mask))
    return clip


def test_same_seed_same_clips(material: Material) -> None:
    first, second = Clips(material, 5, 64), Clips(material, 5, 64)
    for _ in range(12):
        a, b = first.sample([0, 1, 2, 3]), second.sample([0, 1, 2, 3])
        for name in ("frames", "masks", "weights"):
            assert np.array_equal(getattr(a, name), getattr(b, name))


def test_there_is_something_to_follow(material: Material) -> None:
    clips = Clips(material, 1, 64)
    for _ in range(30):
        sample = clips.sample(TIMES)
        assert sample.frames.shape == (4, 64, 64, 3) and sample.masks.shape == (4, 64, 64)
        assert sample.masks[:2].mean((1, 2)).min() > 0.01 * 255


def test_a_subject_goes_only_after_it_was_shown(material: Material) -> None:
    def visible(away: float, shown: int) -> np.ndarray:
        clips = Clips(material, 4, 64, away)
        samples = [clips.pasted(TIMES, shown) for _ in range(30)]
        return np.stack([s.masks.mean((1, 2)) > 0 for s in samples if s.masks[0].any()])

    assert visible(0, 2).all()
    for shown in (1, 2):
        seen = visible(1, shown)
        assert seen[:, :shown].all() and not seen[:, shown:].all(1).any()
        assert seen[:, -1].any() and not seen[:, -1].all()


def test_flow_that_is_not_sure_weighs_nothing(material: Material) -> None:
    clips = Clips(material, 2, 64)
    weights = np.stack([clips.filmed([0, 1, 2, 3]).weights for _ in range(8)])
    assert (weights[:, 0] == 255).all() and (weights[:, 1:] == 0).any()


def test_an_untrained_tracker_carries_its_prompt(model: Tracker) -> None:
    still = [moving_square(1)[0]] * 4
    assert mean_j(track(model, still, 128), still) > 0.6


def test_the_loss_reaches_every_part_that_tracks(model: Tracker, material: Material) -> None:
    batch = load_batch(Clips(material, 3, 64), TIMES, 2, "cpu")
    clip_loss(model, batch, TIMES).backward()
    for name in ("image_encoder.trunk.patch_embed.proj.weight", "memory_encoder.out_proj.weight",
                 "memory_attention.layers.0.cross_attn_image.q_proj.weight", "obj_ptr_proj.layers.0.weight"):
        assert model.get_parameter(name).grad.abs().sum() > 0, name


def test_flow_follows_what_copying_loses() -> None:
    clip = moving_square(6)
    assert mean_j(flowed(clip), clip) > mean_j(copied(clip), clip) + 0.2


def test_exported_weights_are_those_that_were_trained(model: Tracker, tmp_path: Path) -> None:
    path = tmp_path / "tracker.safetensors"
    save_file(shipped_tensors(model.state_dict()), path)
    assert path.stat().st_size < 7e6 and all(v.dtype == torch.float16 for v in load_file(path).values())
    clip = moving_square(3)
    want, got = track(model, clip, 128), track(load_tracker(path), clip, 128)
    assert np.mean(np.stack(want) == np.stack(got)) > 0.99


def test_several_snapshots_are_averaged(model: Tracker, tmp_path: Path) -> None:
    paths = [tmp_path / "0.pt", tmp_path / "1.pt"]
    for path, factor in zip(paths, (1, 3)):
        torch.save({k: v * factor for k, v in model.state_dict().items()}, path)
    averaged = mean(paths)
    assert all(torch.allclose(averaged[k], 2 * v) for k, v in model.state_dict().items())


def test_the_parity_fixture_follows_from_the_weights(model: Tracker, tmp_path: Path) -> None:
    path = tmp_path / "tracker.safetensors"
    save_file(shipped_tensors(model.state_dict()), path)
    first, second = parity(path), parity(path)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert first["tracker_decoder/mask_logits"].std() > 0
