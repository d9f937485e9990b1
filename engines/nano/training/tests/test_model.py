"""The training model is the published model, and nano's shapes are what its card says."""

import json
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from model import NANO, Config, MgdSam2  # noqa: E402

GOLDENS = Path(__file__).resolve().parents[5] / "shared" / "goldens"
UNUSED = ("iou_prediction_head", "pred_obj_score_head", "shared_mlp", "output_hypernetworks_mlps.0")


def relative_l2(got: torch.Tensor, want: torch.Tensor) -> float:
    return ((got - want).norm() / want.norm()).item()


def golden_config(folder: Path) -> Config:
    sizes = json.loads((folder / "config.json").read_text())["config"]
    known = Config.__dataclass_fields__
    return Config(**{k: tuple(v) if isinstance(v, list) else v for k, v in sizes.items() if k in known})


@pytest.mark.parametrize("name", ["mgd_a", "mgd_b", "mgd_c"])
def test_published_configuration_matches_the_golden(name: str) -> None:
    folder = GOLDENS / name
    if not folder.exists():
        pytest.skip(f"no goldens at {folder}")
    io = load_file(folder / "io.safetensors")
    model = MgdSam2(golden_config(folder)).eval()
    missing, unexpected = model.load_state_dict(load_file(folder / "weights.safetensors"), strict=False)
    assert not missing
    assert all("lightweight_mlp" in k or any(u in k for u in UNUSED) for k in unexpected), unexpected
    with torch.no_grad():
        logits, masks = model(io["input.image"])
    assert relative_l2(masks, io["decoder.low_res_masks"]) < 1e-5
    assert relative_l2(logits, io["output.logits"]) < 1e-5


def test_a_mask_counts_where_there_is_one() -> None:
    torch.manual_seed(0)
    model = MgdSam2(NANO).eval()
    image, mask = torch.randn(1, 3, 128, 128).expand(2, -1, -1, -1), 4 * torch.randn(2, 1, 32, 32)
    with torch.no_grad():
        prompted, unprompted = model(image, mask, torch.tensor([1.0, 0.0]))[0]
        assert torch.allclose(unprompted, model(image[:1])[0][0], atol=1e-5)
    enlarged = torch.nn.functional.interpolate(mask.clamp(-6, 6), scale_factor=4.0, mode="bilinear")[0]
    assert torch.corrcoef(torch.stack([prompted.flatten(), enlarged.flatten()]))[0, 1] > 0.9
    assert (prompted - unprompted).abs().mean() > 1


def test_nano_gives_a_logit_per_pixel_and_a_gradient_to_every_weight() -> None:
    torch.manual_seed(0)
    model = MgdSam2(NANO)
    image, mask = torch.randn(2, 3, 256, 256), torch.randn(2, 1, 64, 64)
    logits, masks = model(image, mask, torch.tensor([1.0, 0.0]))
    assert logits.shape == (2, 1, 256, 256)
    assert masks.shape == (10, 1, 32, 32)
    (logits.mean() + masks.mean()).backward()
    assert [k for k, p in model.named_parameters() if p.grad is None] == []
