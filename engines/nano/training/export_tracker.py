"""Writes the tracker's shipped weights (f16, official key names) and a fixture that ties the graphs to them.

    python export_tracker.py SNAPSHOT.pt OUT_DIR

`tracker.safetensors` holds the averaged weights. `tracker_parity.safetensors` holds, under the names
of the program's signatures as `GRAPH/TENSOR`, inputs of each of the five graphs at `image_size` 64 (the
weights do not depend on it), one prompted and three tracked frames being remembered, and what the
training model makes of them with the shipped weights in single precision.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from evaluate import normalise
from evaluate_tracker import load_tracker
from export import shipped_tensors, test_card
from safetensors.torch import save_file
from torch import Tensor
from tracker import Decoded, Encoded, temporal_encoding

SIDE = 64
# Points that fit, one more than a prompt may have; what is added where nothing counts.
POINTS, MASKED = 9, -1e4


def encoded(x: Encoded) -> dict[str, Tensor]:
    return {"features": x.features, "high_res_0": x.high_res[0], "high_res_1": x.high_res[1]}


def decoded(y: Decoded) -> dict[str, Tensor]:
    return {"mask_logits": y.masks, "ious": y.ious, "obj_ptrs": y.pointers, "object_score_logits": y.score}


def prompt_inputs(coordinates: Tensor, kinds: Tensor, mask: Tensor, has_mask: float) -> dict[str, Tensor]:
    """Points (1, T, 2) of kinds (1, T), padded, and a mask (1, 1, S, S)."""
    used = kinds.shape[1]
    places, chosen, counts = torch.zeros(1, POINTS, 2), torch.zeros(1, POINTS, 5), torch.full((1, 1, 1, POINTS), MASKED)
    places[:, :used], counts[..., :used] = coordinates, 0
    chosen[0, torch.arange(used), kinds[0] + 1] = 1
    return {"coordinates": places, "kinds": chosen, "point_mask": counts, "mask": mask, "has_mask": torch.tensor([has_mask])}


@torch.no_grad()
def parity(weights: Path) -> dict[str, Tensor]:
    """The fixture's tensors for a file of shipped weights."""
    model, c = load_tracker(weights), load_tracker(weights).c
    card = test_card(SIDE + 8)
    pictures = [torch.from_numpy(card[i : i + SIDE, 2 * i : 2 * i + SIDE].copy())[None] for i in range(5)]
    frames = [model.encode(normalise(p.permute(0, 3, 1, 2))) for p in pictures]
    mask = torch.from_numpy((card[:SIDE, :SIDE, 0] > 215).astype(np.float32))[None, None]
    of: dict[str, dict[str, Tensor]] = {"tracker_encoder": {"image": pictures[0], **encoded(frames[0])}}

    point = torch.tensor([[[0.55, 0.5], [0.0, 0.0]]]), torch.tensor([[1, -1]])
    of["prompt_decoder/point"] = {**encoded(frames[0]), **prompt_inputs(*point, torch.zeros_like(mask), 0.0),
                                  **{f"out/{k}": v for k, v in decoded(model.decode_points(frames[0], *point)).items()}}
    nothing = torch.zeros(1, 2, 2), torch.full((1, 2), -1)
    of["prompt_decoder/mask"] = {**encoded(frames[0]), **prompt_inputs(*nothing, mask, 1.0),
                                 **{f"out/{k}": v for k, v in decoded(model.decode_mask_prompt(frames[0], mask)).items()}}

    first, last = model.prompt(frames[0], mask), []
    for t in (1, 2, 3):
        last.append(model.remember_tracked(frames[t], model.step(frames[t], first, t, last)))
    y = model.step(frames[4], first, 4, last)
    remembered = [first, *last[::-1]]
    rows = [c.num_maskmem - 1, 0, 1, 2]
    distances = [4, 1, 2, 3]
    tokens, pointer_tokens = frames[0].features.shape[1], c.d_model // c.mem_dim
    conditioned = model.attend(frames[4], [(r, m.features) for r, m in zip(rows, remembered)],
                               [(d, m.pointer) for d, m in zip(distances, remembered)])
    of["memory_attention"] = {
        "features": frames[4].features,
        "memory": torch.cat([m.features for m in remembered]),
        "memory_times": torch.eye(c.num_maskmem)[rows],
        "obj_ptrs": torch.cat([m.pointer for m in remembered]),
        "obj_ptr_times": torch.stack([temporal_encoding(d / (c.max_obj_ptrs - 1), c.d_model) for d in distances]),
        "key_mask": torch.zeros(1, 1, 4 * (tokens + pointer_tokens)),
        "conditioned_features": conditioned.features,
    }
    of["tracker_decoder"] = {**encoded(conditioned), **decoded(y)}
    logits = torch.linspace(-9, 9, SIDE * SIDE).reshape(1, 1, SIDE, SIDE)
    absent = torch.ones(1, 1)
    of["memory_encoder"] = {"features": frames[4].features, "mask_logits": logits, "is_absent": absent[0],
                            "maskmem_features": model.remember(frames[4], logits, y.pointers[:, 0], absent).features}
    return {f"{graph}/{name}": value.contiguous().clone() for graph, values in of.items() for name, value in values.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("snapshot", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    weights = args.out / "tracker.safetensors"
    save_file(shipped_tensors(load_tracker(args.snapshot).state_dict()), weights)
    save_file(parity(weights), args.out / "tracker_parity.safetensors")
    print(f"{weights}: {weights.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
