"""Measures nano on real photographs it was not trained on, beside a tuned fixed ellipse.

    python evaluate.py WEIGHTS --photos PHOTOS [--part validation|test] [--sheet OUT.png]
    python evaluate.py WEIGHTS --clips CLIP... [--sheet OUT.png]

PHOTOS holds images and YOLO polygon labels of COCO pictures. A picture counts when its foreground
(the largest labelled thing, its peers and what touches them; furniture is scenery) covers 5 to 70
per cent. A hash of the file's name puts it into `validation`, which chooses checkpoints, or `test`,
which chooses nothing. CLIP holds `im/` and `gt/`, as DAVIS has them and `mgdsam2 synth` writes them;
every frame is matted by itself.
"""

import argparse
import zlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from material import load_rgb, polygons_mask, salient
from model import NANO, MgdSam2
from safetensors.torch import load_file

MEAN = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
STD = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
# As in `material.SCENERY`, in the numbering of these labels.
SCENERY = {56, 57, 59, 60, 61, 68, 69, 70, 71, 72}


@dataclass
class Photo:
    """A picture (H, W, 3) and its foreground (H, W), uint8."""

    name: str
    image: np.ndarray
    foreground: np.ndarray


def normalise(image: torch.Tensor) -> torch.Tensor:
    """uint8 (B, 3, H, W) with ImageNet's mean and deviation."""
    return (image.float() / 255 - MEAN.to(image.device)) / STD.to(image.device)


def part_of(name: str) -> str:
    return "validation" if zlib.crc32(name.encode()) % 2 == 0 else "test"


def load_photos(folder: Path, part: str) -> list[Photo]:
    found = []
    for path in sorted(folder.rglob("*.jpg")):
        labels = Path(str(path).replace("images", "labels")).with_suffix(".txt")
        if part_of(path.stem) != part or not labels.exists():
            continue
        image = load_rgb(path, 640)
        masks = []
        for line in labels.read_text().splitlines():
            kind, *points = line.split()
            if int(kind) not in SCENERY:
                polygon = np.array(points, np.float64).reshape(-1, 2)
                masks.append(polygons_mask([polygon], *image.shape[:2]))
        chosen = salient(masks)
        if chosen:
            foreground = np.maximum.reduce([masks[i] for i in chosen])
            if 0.05 < foreground.mean() / 255 < 0.7:
                found.append(Photo(path.stem, image, foreground))
    return found


def load_clip(folder: Path) -> list[Photo]:
    """A clip's frames and truths, in order."""
    images = sorted(p for p in (folder / "im").iterdir())
    truths = sorted(p for p in (folder / "gt").iterdir())
    return [
        Photo(f"{folder.name}/{i.stem}", load_rgb(i, 1280), load_rgb(t, 1280)[..., 0])
        for i, t in zip(images, truths, strict=True)
    ]


@torch.no_grad()
def matte(model: MgdSam2, image: np.ndarray, side: int, device: str = "cpu") -> np.ndarray:
    """(H, W, 3) uint8 -> alpha (side, side) of the picture squashed to a square."""
    small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    x = torch.from_numpy(small.transpose(2, 0, 1).copy())[None].to(device)
    logits, _ = model(normalise(x))
    return logits[0, 0].float().sigmoid().cpu().numpy()


def iou(alpha: np.ndarray, foreground: np.ndarray) -> float:
    """Of the two thresholded at one half, at alpha's size."""
    truth = cv2.resize(foreground, alpha.shape[::-1], interpolation=cv2.INTER_AREA) > 127
    found = alpha > 0.5
    return float((found & truth).sum() / max((found | truth).sum(), 1))


def mean_absolute_difference(alpha: np.ndarray, truth: np.ndarray) -> float:
    """Of alpha at its own size."""
    truth = cv2.resize(truth, alpha.shape[::-1], interpolation=cv2.INTER_AREA)
    return float(np.abs(alpha - truth / 255).mean())


def mean_iou(model: MgdSam2, photos: list[Photo], side: int, device: str = "cpu") -> float:
    model.eval()
    return float(np.mean([iou(matte(model, p.image, side, device), p.foreground) for p in photos]))


def ellipse(side: int, width: float, height: float, y: float) -> np.ndarray:
    """One in an ellipse on the picture's vertical axis; sizes relative to the picture."""
    v, u = (np.mgrid[:side, :side] + 0.5) / side
    return ((((u - 0.5) / width) ** 2 + ((v - y) / height) ** 2) < 0.25).astype(np.float32)


def best_ellipse(photos: list[Photo], side: int = 96) -> tuple[float, tuple[float, float, float]]:
    """The ellipse with the best mean IoU on these very photographs: a strong baseline."""
    sizes = np.arange(0.3, 1.41, 0.1)
    grid = [(w, h, y) for w in sizes for h in sizes for y in (0.45, 0.5, 0.55, 0.6)]

    def score(parameters: tuple[float, float, float]) -> float:
        fixed = ellipse(side, *parameters)
        return float(np.mean([iou(fixed, p.foreground) for p in photos]))

    best = max(grid, key=score)
    return score(best), best


def sheet(model: MgdSam2, photos: list[Photo], path: Path) -> None:
    """Picture, matte and truth of each, with its IoU."""
    tiles = []
    for p in photos:
        alpha = matte(model, p.image, 2 * NANO.inp_size)
        value = iou(alpha, p.foreground)
        grey = [(alpha * 255).astype(np.uint8), p.foreground]
        parts = [p.image[..., ::-1], *(cv2.cvtColor(g, cv2.COLOR_GRAY2BGR) for g in grey)]
        tile = np.hstack([cv2.resize(x, (160, 120), interpolation=cv2.INTER_AREA) for x in parts])
        cv2.putText(tile, f"{value:.2f}", (164, 114), 0, 0.45, (0, 220, 255), 1, cv2.LINE_AA)
        tiles.append(tile)
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % 3)
    rows = [np.hstack(tiles[i : i + 3]) for i in range(0, len(tiles), 3)]
    cv2.imwrite(str(path), np.vstack(rows))


def load_model(path: Path) -> MgdSam2:
    """From a checkpoint of the trainer or from the shipped weights."""
    model = MgdSam2(NANO)
    if path.suffix == ".pt":
        model.load_state_dict(torch.load(path, map_location="cpu")["ema"])
    else:
        kept = {k: v.float() for k, v in load_file(path).items()}
        missing, unexpected = model.load_state_dict(kept, strict=False)
        wrong = [k for k in missing if not k.endswith("num_batches_tracked")] + list(unexpected)
        if wrong:
            raise ValueError(f"{path}: not nano's weights: {wrong}")
    return model.eval()


def report(model: MgdSam2, name: str, photos: list[Photo]) -> None:
    """One line: the net's figures and the best that any fixed ellipse could have."""
    mattes = [matte(model, p.image, 2 * NANO.inp_size) for p in photos]
    value = np.mean([iou(a, p.foreground) for a, p in zip(mattes, photos)])
    mad = np.mean([mean_absolute_difference(a, p.foreground) for a, p in zip(mattes, photos)])
    baseline, (width, height, y) = best_ellipse(photos)
    print(f"{name}: {len(photos)} pictures, mean IoU {value:.3f}, MAD {mad:.3f}; best fixed ellipse "
          f"{baseline:.3f} (width {width:.1f}, height {height:.1f}, centre at {y:.2f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--part", choices=["validation", "test"], default="test")
    parser.add_argument("--clips", type=Path, nargs="+", default=[])
    parser.add_argument("--sheet", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(2)
    model = load_model(args.weights)
    sets = {clip.name: load_clip(clip) for clip in args.clips}
    if args.photos:
        sets[args.part] = load_photos(args.photos, args.part)
    for name, photos in sets.items():
        report(model, name, photos)
    if args.sheet:
        sheet(model, [p for photos in sets.values() for p in photos], args.sheet)


if __name__ == "__main__":
    main()
