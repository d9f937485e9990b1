"""Writes the tracker's shipped weights (f16, official key names) and a fixture that ties the graphs to them.

    python export_tracker.py SNAPSHOT.pt... OUT_DIR

`tracker.safetensors` holds the mean of the snapshots' weights. `tracker_parity.safetensors` holds, under the names
of the program's signatures as `GRAPH/TENSOR`, inputs and outputs of the five graphs at `image_size` 64
(the weights do not depend on it) with the shipped weights in single precision; the prompt decoder's
twice, as `prompt_decoder.point` and `prompt_decoder.mask`. One prompted and three tracked frames are
remembered.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from evaluate import normalise
from evaluate_tracker import load_tracker
from export import shipped_tensors, test_card
from memory import temporal_encoding
from safetensors.torch import save_file
from torch import Tensor
from tracker import MASK_BIAS, MASK_SCALE, Decoded, Encoded, Tracker

SIDE = 64
# Points that fit, one more than a prompt may have; what is added where nothing counts.
POINTS, MASKED = 9, -1e4


def encoded(x: Encoded) -> dict[str, Tensor]:
    return {"features": x.features, "high_res_0": x.high_res[0], "high_res_1": x.high_res[1]}


def decoded(y: Decoded) -> dict[str, Tensor]:
    masks = {"mask_logits": y.masks, "ious": y.ious}
    return {**masks, "obj_ptrs": y.pointers, "object_score_logits": y.score}


def prompt_inputs(
    coordinates: Tensor, kinds: Tensor, mask: Tensor, has_mask: float
) -> dict[str, Tensor]:
    """Points (1, T, 2) of kinds (1, T), padded, and a mask (1, 1, S, S)."""
    used = kinds.shape[1]
    places, chosen = torch.zeros(1, POINTS, 2), torch.zeros(1, POINTS, 5)
    counts = torch.full((1, 1, 1, POINTS), MASKED)
    places[:, :used], counts[..., :used] = coordinates, 0
    chosen[0, torch.arange(used), kinds[0] + 1] = 1
    points = {"coordinates": places, "kinds": chosen, "point_mask": counts}
    return {**points, "mask": mask, "has_mask": torch.tensor([has_mask])}


def prompted(model: Tracker, frame: Encoded, mask: Tensor) -> dict[str, dict[str, Tensor]]:
    """The prompt decoder's two cases."""
    point = torch.tensor([[[0.55, 0.5], [0.0, 0.0]]]), torch.tensor([[1, -1]])
    nothing = torch.zeros(1, 2, 2), torch.full((1, 2), -1)
    cases = {
        "point": (prompt_inputs(*point, torch.zeros_like(mask), 0.0), model.decode_points(frame, *point)),
        "mask": (prompt_inputs(*nothing, mask, 1.0), model.decode_mask_prompt(frame, mask)),
    }
    out = {}
    for name, (inputs, y) in cases.items():
        logits = inputs["mask"] * MASK_SCALE + MASK_BIAS
        size = dict(size=SIDE // 4, mode="bilinear", align_corners=False, antialias=True)
        small = {"prompt_mask_logits": F.interpolate(logits, **size)}
        out[f"prompt_decoder.{name}"] = {**encoded(frame), **inputs, **decoded(y), **small}
    return out


def tracked(model: Tracker, frames: list[Encoded], mask: Tensor) -> dict[str, dict[str, Tensor]]:
    """Memory attention and decoder of the last frame, all the memory's slots being used."""
    c = model.c
    first, last = model.prompt(frames[0], mask), []
    for t in range(1, len(frames) - 1):
        y = model.step(frames[t], first, t, last)
        last.append(model.remember_tracked(frames[t], y))
    remembered, frame = [first, *last[::-1]], frames[-1]
    rows, distances = [c.num_maskmem - 1, 0, 1, 2], [4, 1, 2, 3]
    maps = [(row, m.features) for row, m in zip(rows, remembered, strict=True)]
    pointers = [(d, m.pointer) for d, m in zip(distances, remembered, strict=True)]
    conditioned = model.attend(frame, maps, pointers)
    times = [temporal_encoding(d / (c.max_obj_ptrs - 1), c.d_model) for d in distances]
    tokens = len(maps) * (frame.features.shape[1] + c.d_model // c.mem_dim)
    attention = {
        "features": frame.features,
        "memory": torch.cat([m.features for m in remembered]),
        "memory_times": torch.eye(c.num_maskmem)[rows],
        "obj_ptrs": torch.cat([m.pointer for m in remembered]),
        "obj_ptr_times": torch.stack(times),
        "key_mask": torch.zeros(1, 1, tokens),
        "conditioned_features": conditioned.features,
    }
    y = decoded(model.step(frame, first, len(frames) - 1, last))
    return {"memory_attention": attention, "tracker_decoder": {**encoded(conditioned), **y}}


@torch.no_grad()
def parity(weights: Path) -> dict[str, Tensor]:
    """The fixture's tensors for a file of shipped weights."""
    model, card = load_tracker(weights), test_card(SIDE + 8)
    windows = [card[i : i + SIDE, 2 * i : 2 * i + SIDE].copy() for i in range(5)]
    pictures = [torch.from_numpy(window)[None] for window in windows]
    frames = [model.encode(normalise(p.permute(0, 3, 1, 2))) for p in pictures]
    mask = torch.from_numpy((windows[0][..., 0] > 215).astype(np.float32))[None, None]
    logits, absent = torch.linspace(-9, 9, SIDE * SIDE).reshape(1, 1, SIDE, SIDE), torch.ones(1, 1)
    memory = model.remember(frames[4], logits, torch.zeros(1, model.c.d_model), absent)
    of = {
        "tracker_encoder": {"image": pictures[0], **encoded(frames[0])},
        **prompted(model, frames[0], mask),
        **tracked(model, frames, mask),
        "memory_encoder": {"features": frames[4].features, "mask_logits": logits,
                           "is_absent": absent[0], "maskmem_features": memory.features},
    }
    pairs = ((f"{case}/{name}", value) for case, values in of.items() for name, value in values.items())
    return {key: value.contiguous().clone() for key, value in pairs}


def mean(snapshots: list[Path]) -> dict[str, Tensor]:
    """Of their weights."""
    states = [load_tracker(path).state_dict() for path in snapshots]
    return {name: torch.stack([state[name] for state in states]).mean(0) for name in states[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("snapshots", type=Path, nargs="+")
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    weights = args.out / "tracker.safetensors"
    save_file(shipped_tensors(mean(args.snapshots)), weights)
    save_file(parity(weights), args.out / "tracker_parity.safetensors")
    print(f"{weights}: {weights.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
