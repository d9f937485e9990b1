"""Measures the tracker from the first frame's true mask, beside copying that mask and optical flow.

    python evaluate_tracker.py WEIGHTS... --clips CLIP... [--side 256] [--sheet OUT.png]

CLIP holds `im/` and `gt/` as DAVIS has them and `mgdsam2 synth` writes them. J is the mean over all
frames after the first of the IoU at the clip's own size, thresholded at one half. `copy` is the first
mask throughout; `flow` warps it from frame to frame by OpenCV's dense DIS (preset medium, own size).
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from evaluate import Photo, load_clip, normalise
from safetensors.torch import load_file
from tracker import NO_OBJECT, TRACKED, Tracker


def load_tracker(path: Path) -> Tracker:
    """From a snapshot of the trainer or from the shipped weights."""
    model = Tracker()
    kept = torch.load(path, map_location="cpu") if path.suffix == ".pt" else load_file(path)
    model.load_state_dict({k: v.float() for k, v in kept.items()})
    return model.eval()


def squash(image: np.ndarray, side: int) -> torch.Tensor:
    """(H, W[, 3]) uint8 -> (1, C, side, side)."""
    small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    return torch.from_numpy(np.atleast_3d(small).transpose(2, 0, 1).copy())[None]


@torch.no_grad()
def track(model: Tracker, clip: list[Photo], side: int) -> list[np.ndarray]:
    """Masks (H, W), 0 or 255, of the frames after the first."""
    first, last, masks = None, [], []
    for t, frame in enumerate(clip):
        x = model.encode(normalise(squash(frame.image, side)))
        if first is None:
            first = model.prompt(x, squash(frame.foreground, side).float() / 255)
            continue
        y = model.step(x, first, t, last)
        last = [*last, model.remember_tracked(x, y)][-model.c.num_maskmem :]
        logits = y.masks[:, TRACKED : TRACKED + 1]
        logits = logits if y.score > 0 else torch.full_like(logits, NO_OBJECT)
        size = frame.foreground.shape
        logits = F.interpolate(logits, size=size, mode="bilinear", align_corners=False)
        masks.append(np.where(logits[0, 0].numpy() > 0, 255, 0).astype(np.uint8))
    return masks


def copied(clip: list[Photo]) -> list[np.ndarray]:
    """Mattes (H, W), uint8, of the frames after the first."""
    return [clip[0].foreground] * (len(clip) - 1)


def flowed(clip: list[Photo]) -> list[np.ndarray]:
    """As `copied`, carried from frame to frame."""
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    grey = [cv2.cvtColor(frame.image, cv2.COLOR_RGB2GRAY) for frame in clip]
    h, w = grey[0].shape
    grid = np.stack(np.meshgrid(np.arange(w), np.arange(h)), -1).astype(np.float32)
    mask, masks = clip[0].foreground.astype(np.float32), []
    for before, after in zip(grey, grey[1:]):
        mask = cv2.remap(mask, grid + flow.calc(after, before, None), None, cv2.INTER_LINEAR)
        masks.append(np.rint(mask).astype(np.uint8))
    return masks


def mean_j(mattes: list[np.ndarray], clip: list[Photo]) -> float:
    truths = [frame.foreground > 127 for frame in clip[1:]]
    pairs = zip((matte > 127 for matte in mattes), truths, strict=True)
    return float(np.mean([(m & t).sum() / max((m | t).sum(), 1) for m, t in pairs]))


def outlined(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A small picture with the mask's edge in red."""
    bits = (mask > 127).astype(np.uint8)
    edge = cv2.dilate(bits, np.ones((7, 7))) > cv2.erode(bits, np.ones((3, 3)))
    painted = np.where(edge[..., None], [255, 40, 40], image).astype(np.uint8)
    return cv2.resize(painted, (240, 135), interpolation=cv2.INTER_AREA)[..., ::-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path, nargs="+")
    parser.add_argument("--clips", type=Path, nargs="+", required=True)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    clips = [(path.name, load_clip(path)) for path in args.clips]
    base = {name: (mean_j(copied(clip), clip), mean_j(flowed(clip), clip)) for name, clip in clips}
    rows = []
    for weights in args.weights:
        model = load_tracker(weights)
        for name, clip in clips:
            masks = track(model, clip, args.side)
            copy, flow = base[name]
            print(f"{weights.name} {name}: {len(masks)} frames, J {mean_j(masks, clip):.3f}; "
                  f"copy {copy:.3f}, flow {flow:.3f}", flush=True)
            shown = np.linspace(0, len(masks) - 1, 6).astype(int)
            rows.append(np.hstack([outlined(clip[i + 1].image, masks[i]) for i in shown]))
    if args.sheet:
        cv2.imwrite(str(args.sheet), np.vstack(rows))


if __name__ == "__main__":
    main()
