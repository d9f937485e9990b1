"""Trains nano: one call is one phase, and goes on from where the run's folder stands.

    python train.py RUN --material material.npz --scenery SCENERY --frames CLIPS \\
        --tracker tracker.safetensors --validation PHOTOS --held-out CLIPS --side 256 --minutes 60

It begins with the tracker's Hiera. A phase's learning rate goes linearly from `--lr` to `--last-lr`. `RUN/last.pt` holds everything to
go on from; `RUN/best.pt` the averaged weights that did best on the real validation pictures, with and
without a prompt, at the latest phase's `--side`; `RUN/log.jsonl` a line per measurement.
"""

import argparse
import copy
import json
import signal
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from clips import Clips, Material
from data import Batches, Sources
from evaluate import load_photos, mean_iou, normalise
from evaluate_tracker import load_tracker
from model import NANO, MgdSam2, initialise
from prompted import Prompter
from rendered import RenderedClips
from torch import Tensor
from torch.utils.data import DataLoader
from views import halve, split


def region_loss(logits: Tensor, alpha: Tensor, weight: Tensor) -> Tensor:
    """Cross entropy and soft IoU; the latter sees a picture as a whole."""
    logits = logits.float()
    entropy = F.binary_cross_entropy_with_logits(logits, alpha, reduction="none")
    p = logits.sigmoid() * weight
    inside = (p * alpha).sum((1, 2, 3))
    either = (p + alpha * weight).sum((1, 2, 3)) - inside
    smooth = 0.002 * alpha[0].numel()
    iou = (inside + smooth) / (either + smooth)
    return (entropy * weight).mean() + (1 - iou).mean()


def edge_loss(logits: Tensor, alpha: Tensor, weight: Tensor) -> Tensor:
    """L1 and Laplacian of alpha in a band around its edges."""
    p = logits.float().sigmoid()
    band = edge_band(alpha) * weight
    wrong = p - alpha
    around = F.pad(wrong, (1, 1, 1, 1))
    rows = around[..., 2:, 1:-1] + around[..., :-2, 1:-1]
    columns = around[..., 1:-1, 2:] + around[..., 1:-1, :-2]
    bend = 4 * wrong - rows - columns
    return ((wrong.abs() + bend.abs()) * band).sum() / band.sum().clamp(min=1)


def total_loss(logits: Tensor, masks: Tensor, alpha: Tensor, weight: Tensor) -> Tensor:
    """The published weights for the views' masks, and 0.3 on the edges."""
    scale = split(alpha).shape[-1] // masks.shape[-1]
    views = F.avg_pool2d(torch.cat((split(alpha), halve(alpha))), scale)
    seen = F.avg_pool2d(torch.cat((split(weight), halve(weight))), scale)
    main = region_loss(logits, alpha, weight) + 0.3 * edge_loss(logits, alpha, weight)
    return main + 0.3 * region_loss(masks, views, seen)


def optimiser(model: MgdSam2) -> torch.optim.AdamW:
    """Decay on matrices only."""
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim <= 1]
    groups = [dict(params=matrices, weight_decay=0.05), dict(params=vectors, weight_decay=0.0)]
    return torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.98), fused=True)


def average(ema: MgdSam2, model: MgdSam2, steps: int, limit: float) -> None:
    """The moving average; it forgets faster at the start."""
    decay = min(limit, (1 + steps) / (10 + steps))
    with torch.no_grad():
        for mean, value in zip(ema.state_dict().values(), model.state_dict().values()):
            if mean.dtype.is_floating_point:
                mean.lerp_(value, 1 - decay)
            else:
                mean.copy_(value)


class Run:
    """What is kept between phases."""

    def __init__(self, folder: Path, device: str, seed: int, side: int, tracker: Path):
        self.folder, self.device, self.side = folder, device, side
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(seed)
        self.model = MgdSam2(NANO)
        initialise(self.model)
        trunk = load_tracker(tracker).image_encoder.trunk.state_dict()
        self.model.image_encoder.trunk.load_state_dict(trunk, strict=False)
        self.model.to(device)
        self.ema = copy.deepcopy(self.model).eval().requires_grad_(False)
        self.optimiser = optimiser(self.model)
        self.steps = self.samples = 0
        self.seconds = self.best = 0.0
        if (folder / "last.pt").exists():
            self.load(torch.load(folder / "last.pt", map_location=device))

    def load(self, kept: dict) -> None:
        self.model.load_state_dict(kept["model"])
        self.ema.load_state_dict(kept["ema"])
        self.optimiser.load_state_dict(kept["optimiser"])
        for name in ("steps", "samples", "seconds"):
            setattr(self, name, kept[name])
        # Figures at another size do not compare.
        self.best = kept["best"] if kept["side"] == self.side else 0.0

    def save(self) -> None:
        kept = {n: getattr(self, n).state_dict() for n in ("model", "ema", "optimiser")}
        kept |= {n: getattr(self, n) for n in ("steps", "samples", "seconds", "best", "side")}
        torch.save(kept, self.folder / "new.pt")
        (self.folder / "new.pt").rename(self.folder / "last.pt")

    def measure(self, validation: "Validation", loss: float, lr: float) -> None:
        """Validates the average, logs, and keeps it if it is the best."""
        figures = validation.figures(self.ema, self.side)
        line = dict(seconds=round(self.seconds), samples=self.samples, side=self.side,
                    loss=round(loss, 4), lr=lr, **{k: round(v, 4) for k, v in figures.items()})
        with open(self.folder / "log.jsonl", "a") as log:
            log.write(json.dumps(line) + "\n")
        print(line, flush=True)
        kept = dict(ema=self.ema.state_dict(), **line)
        torch.save(kept, self.folder / f"{round(self.seconds)}.pt")
        real = figures["iou"] + figures["photos_j"]
        if real > self.best:
            self.best = real
            torch.save(kept, self.folder / "best.pt")


class Validation:
    """Real pictures and rendered clips that are never trained on."""

    def __init__(self, args: argparse.Namespace):
        self.photos = load_photos(args.validation, "validation")
        pictures, masks = [p.image for p in self.photos], [[p.foreground] for p in self.photos]
        photos = Clips(Material(pictures, masks, []), 0, args.side)
        held_out = Clips(Material([], [], [], RenderedClips(args.held_out)), 0, args.side)
        self.prompted = {}
        for name, draw in (("photos", photos.stirred), ("rendered", held_out.rendered)):
            pairs = [draw([0, 4]) for _ in range(48)]
            pairs = [p for p in pairs if p.masks.mean((1, 2)).min() > 4]
            prompts = torch.from_numpy(Prompter(args.tracker, 0).prompts(pairs))
            images = np.stack([p.frames[1] for p in pairs]).transpose(0, 3, 1, 2).copy()
            alpha = torch.from_numpy(np.stack([p.masks[1] for p in pairs])[:, None]).float() / 255
            self.prompted[name] = normalise(torch.from_numpy(images)), alpha, prompts

    @torch.no_grad()
    def figures(self, model: MgdSam2, side: int) -> dict[str, float]:
        """IoU without a prompt; with one J, and MAD in the band, of the matte and of the prompt."""
        found = {"iou": mean_iou(model, self.photos, side)}
        for name, (images, alpha, prompts) in self.prompted.items():
            parts = zip(images.split(8), prompts.split(8))
            logits = torch.cat([model(x, p, torch.ones(len(x)))[0] for x, p in parts])
            enlarged = F.interpolate(prompts, scale_factor=4.0, mode="bilinear", align_corners=False)
            for key, values in ((name, logits), (f"{name}_prompt", enlarged)):
                found[f"{key}_j"] = region(values, alpha)
                found[f"{key}_band"] = band_difference(values, alpha)
        return found


def region(logits: Tensor, alpha: Tensor) -> float:
    """Mean J."""
    found, truth = logits > 0, alpha > 0.5
    either = (found | truth).sum((1, 2, 3)).clamp(min=1)
    return float(((found & truth).sum((1, 2, 3)) / either).mean())


def edge_band(alpha: Tensor, size: int = 7) -> Tensor:
    """1 where alpha is soft or differs from what is next to it."""

    def highest(x: Tensor) -> Tensor:
        rows = F.max_pool2d(x, (1, size), 1, (0, size // 2))
        return F.max_pool2d(rows, (size, 1), 1, (size // 2, 0))

    return (highest(alpha) + highest(-alpha) > 0.05).float()


def band_difference(logits: Tensor, alpha: Tensor) -> float:
    """MAD where alpha is soft and next to it."""
    band = edge_band(alpha)
    return float(((logits.sigmoid() - alpha).abs() * band).sum() / band.sum())


def train(run: Run, args: argparse.Namespace) -> None:
    validation = Validation(args)
    sources = Sources(args.material, args.scenery, args.frames, args.tracker)
    batches = Batches(sources, args.seed + run.steps, args.batch, args.side, args.promptless)
    loader = iter(DataLoader(batches, batch_size=None, num_workers=args.workers, prefetch_factor=4))
    stop = []
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.append(1))
    start = measured = time.monotonic()
    spent, losses, total = run.seconds, [], 60 * args.minutes
    run.model.train()
    while (passed := time.monotonic() - start) < total and not stop:
        rate = args.lr + (args.last_lr - args.lr) * passed / total
        for group in run.optimiser.param_groups:
            group["lr"] = rate * min(1, (run.steps + 1) / 100)
        batch = [torch.as_tensor(x) for x in next(loader)]
        losses.append(step(run, batch, args.bf16, args.average))
        if len(losses) % 50 == 0:
            print(run.samples, round(float(np.mean(losses[-50:])), 3), flush=True)
        run.samples += args.batch
        run.seconds = spent + time.monotonic() - start
        if time.monotonic() - measured > args.every:
            run.measure(validation, sum(losses) / len(losses), lr=rate)
            run.save()
            losses, measured = [], time.monotonic()
    if losses:
        run.measure(validation, sum(losses) / len(losses), lr=args.last_lr)
    run.save()


def step(run: Run, batch: list[Tensor], bf16: bool, decay: float) -> float:
    """One update; returns the loss."""
    image, alpha, weight, prompt, has_prompt = (x.to(run.device) for x in batch)
    image = normalise(image).contiguous(memory_format=torch.channels_last)
    kind = torch.device(run.device).type
    with torch.autocast(kind, dtype=torch.bfloat16, enabled=bf16):
        logits, masks = run.model(image, prompt, has_prompt)
    loss = total_loss(logits, masks, alpha.float() / 255, weight.float() / 255)
    run.optimiser.zero_grad()
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(run.model.parameters(), 1.0)
    if torch.isfinite(norm):
        run.optimiser.step()
    run.steps += 1
    average(run.ema, run.model, run.steps, decay)
    return loss.item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--material", type=Path, required=True)
    parser.add_argument("--scenery", type=Path, required=True)
    parser.add_argument("--frames", type=Path, required=True)
    parser.add_argument("--tracker", type=Path, required=True)
    parser.add_argument("--validation", type=Path, required=True)
    parser.add_argument("--held-out", type=Path, required=True)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--promptless", type=float, default=0.5, help="share of the samples")
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--last-lr", type=float, default=1e-3)
    parser.add_argument("--average", type=float, default=0.997, help="decay of the average")
    parser.add_argument("--every", type=float, default=600, help="seconds between measurements")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    train(Run(args.run, args.device, args.seed, args.side, args.tracker), args)


if __name__ == "__main__":
    main()
