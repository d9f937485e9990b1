"""What is exported is what was trained, in the shape that the graph expects."""

import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from evaluate import load_model  # noqa: E402
from export import parity, shipped_tensors  # noqa: E402
from model import NANO, MgdSam2, initialise  # noqa: E402


def seeded_model() -> MgdSam2:
    torch.manual_seed(0)
    model = MgdSam2(NANO)
    initialise(model)
    return model.eval()


def test_shipped_weights_are_small_half_precision_and_complete(tmp_path: Path) -> None:
    model = seeded_model()
    path = tmp_path / "weights.safetensors"
    save_file(shipped_tensors(model.state_dict()), path)
    assert path.stat().st_size < 12e6
    kept = load_file(path)
    assert all(v.dtype == torch.float16 for v in kept.values())
    assert kept["image_encoder.trunk.mpadapter.lightweight_mlp1_0.1.dwconv_glb.weight"].shape == (3, 1, 2, 3, 3)
    again = load_model(path)
    image = torch.randn(1, 3, 128, 128)
    with torch.no_grad():
        want, got = model(image)[0], again(image)[0]
    assert (got - want).norm() / want.norm() < 1e-2


def test_the_parity_fixture_follows_from_the_weights(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file(shipped_tensors(seeded_model().state_dict()), path)
    first, second = parity(path), parity(path)
    assert first["prompted/image"].shape == (1, 128, 128, 3)
    assert first["prompted/image"].dtype == torch.uint8
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert not torch.equal(first["prompted/logits"], first["promptless/logits"])


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    tensors = shipped_tensors(seeded_model().state_dict())
    del tensors["sam_mask_decoder.new_fusion1.pre.weight"]
    save_file(tensors, path)
    try:
        load_model(path)
    except ValueError as error:
        assert "new_fusion1.pre.weight" in str(error)
    else:
        raise AssertionError("incomplete weights were accepted")
