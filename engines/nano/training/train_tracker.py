"""Trains nano's tracker: one call is one phase, and goes on from where the run's folder stands.

    python train_tracker.py RUN --photos material.npz --scenery DIR --films FILE... \\
        --validation PHOTOS --side 192 --batch 4 --length 4 --minutes 20

A clip's first frame is prompted with its true mask and the second remembered with its own, some frames
later; the others are found from the net's own memory, and every one of those counts. `RUN/last.pt`
holds everything to go on from, `RUN/log.jsonl` a line per measurement, `RUN/SECONDS.pt` the averaged
weights at each. Workers (`--workers`) share one set of weights without waiting for each other, each on
one thread.
"""

import argparse
import copy
import json
import signal
import time
from pathlib import Path

import numpy as np
import torch
import torch.multiprocessing as processes
import torch.nn.functional as F
from clips import Clips, Material, load_material
from evaluate import load_photos, normalise
from start import initialise
from torch import Tensor
from tracker import TRACKED, Decoded, Encoded, Tracker
from train import average

# Below this part of the picture the object counts as absent.
SMALLEST = 0.002


def load_batch(clips: Clips, times: list[int], size: int, device: str) -> tuple[Tensor, Tensor, Tensor]:
    """Normalised frames (T, B, 3, S, S), masks and weights (T, B, 1, S, S)."""
    samples = [clips.sample(times) for _ in range(size)]
    frames = np.stack([s.frames for s in samples], 1).transpose(0, 1, 4, 2, 3).copy()
    masks = np.stack([s.masks for s in samples], 1)[:, :, None]
    weights = np.stack([s.weights for s in samples], 1)[:, :, None]
    frames, masks, weights = (torch.from_numpy(x).to(device) for x in (frames, masks, weights))
    return normalise(frames), masks.float() / 255, weights.float() / 255


def mask_loss(logits: Tensor, mask: Tensor, weight: Tensor) -> Tensor:
    """Cross entropy and soft IoU of (B, 1, 4h, 4w) at twice that size."""
    logits = F.interpolate(logits.float(), scale_factor=2.0, mode="bilinear", align_corners=False)
    scale = mask.shape[-1] // logits.shape[-1]
    mask, weight = F.avg_pool2d(mask, scale), F.avg_pool2d(weight, scale)
    entropy = F.binary_cross_entropy_with_logits(logits, mask, reduction="none")
    p = logits.sigmoid() * weight
    inside = (p * mask).sum((1, 2, 3))
    either = (p + mask * weight).sum((1, 2, 3)) - inside
    there = mask.mean((1, 2, 3)) > SMALLEST
    smooth = 0.002 * mask[0].numel()
    return 2 * (entropy * weight).mean() + ((1 - (inside + smooth) / (either + smooth)) * there).mean()


def heads_loss(y: Decoded, mask: Tensor) -> Tensor:
    """Is it there, and how well does the mask fit?"""
    there = (mask.mean((2, 3)) > SMALLEST).float()
    score = F.binary_cross_entropy_with_logits(y.score.float(), there)
    with torch.no_grad():
        scale = mask.shape[-1] // y.masks.shape[-1]
        truth, found = F.avg_pool2d(mask, scale) > 0.5, y.masks[:, TRACKED : TRACKED + 1] > 0
        iou = (truth & found).sum((2, 3)) / (truth | found).sum((2, 3)).clamp(min=1)
    fit = (y.ious[:, TRACKED : TRACKED + 1].float() - iou).abs().mean()
    return 0.1 * score + 0.05 * fit


def frames_of(encoded: Encoded, size: int) -> Encoded:
    """(T * B, ...) -> (T, B, ...)."""
    high_res = [x.unflatten(0, (-1, size)) for x in encoded.high_res]
    return Encoded(encoded.features.unflatten(0, (-1, size)), high_res)


def clip_loss(model: Tracker, batch: tuple[Tensor, Tensor, Tensor], times: list[int]) -> Tensor:
    """Of every frame from the third on. The second, however long after the first, is remembered
    with its true mask, as if tracked so far without a fault."""
    frames, masks, weights = batch
    encoded = frames_of(model.encode(frames.flatten(0, 1)), frames.shape[1])
    first, last = model.prompt(encoded[0], masks[0]), [model.prompt(encoded[1], masks[1])]
    loss = 0.0
    for t in range(2, len(frames)):
        y = model.step(encoded[t], first, times[t] - times[0], last)
        loss = loss + mask_loss(y.masks[:, TRACKED : TRACKED + 1], masks[t], weights[t])
        loss = loss + heads_loss(y, masks[t])
        last = [*last, model.remember_tracked(encoded[t], y)][-model.c.num_maskmem :]
    return loss / (len(frames) - 2)


@torch.no_grad()
def validate(model: Tracker, batches: list) -> float:
    """Mean J of tracked frames of clips in which the object is to be seen."""
    values = []
    for frames, masks, _ in batches:
        encoded = frames_of(model.encode(frames.flatten(0, 1)), frames.shape[1])
        first, last = model.prompt(encoded[0], masks[0]), []
        for t in range(1, len(frames)):
            y = model.step(encoded[t], first, t, last)
            last = [*last, model.remember_tracked(encoded[t], y)][-model.c.num_maskmem :]
            logits = y.masks[:, TRACKED : TRACKED + 1]
            found = F.interpolate(logits, size=masks.shape[-2:], mode="bilinear", align_corners=False) > 0
            found, truth = found & (y.score > 0)[..., None, None], masks[t] > 0.5
            iou = (found & truth).sum((1, 2, 3)) / (found | truth).sum((1, 2, 3)).clamp(min=1)
            values += [float(v) for v, m in zip(iou, masks[t]) if m.mean() > SMALLEST]
    return float(np.mean(values))


def optimiser(model: Tracker) -> torch.optim.AdamW:
    """Decay on matrices only."""
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim <= 1]
    groups = [dict(params=matrices, weight_decay=0.02), dict(params=vectors, weight_decay=0.0)]
    return torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.98), fused=True)


class Run:
    """What is kept between phases."""

    def __init__(self, folder: Path, device: str, seed: int):
        self.folder, self.device = folder, device
        folder.mkdir(parents=True, exist_ok=True)
        self.model = Tracker()
        initialise(self.model, seed)
        self.model.to(device).share_memory()
        self.ema = copy.deepcopy(self.model).requires_grad_(False)
        self.optimiser = optimiser(self.model)
        self.steps, self.clips, self.seconds = 0, 0, 0.0
        if (folder / "last.pt").exists():
            kept = torch.load(folder / "last.pt", map_location=device)
            for name in ("model", "ema", "optimiser"):
                getattr(self, name).load_state_dict(kept[name])
            self.steps, self.clips, self.seconds = kept["steps"], kept["clips"], kept["seconds"]

    def save(self) -> None:
        kept = {n: getattr(self, n).state_dict() for n in ("model", "ema", "optimiser")}
        kept |= {n: getattr(self, n) for n in ("steps", "clips", "seconds")}
        torch.save(kept, self.folder / "new.pt")
        (self.folder / "new.pt").rename(self.folder / "last.pt")

    def measure(self, batches: list, losses: list[float], **more) -> None:
        """Validates the average, logs, and keeps it."""
        line = dict(seconds=round(self.seconds), steps=self.steps, clips=self.clips,
                    loss=round(float(np.mean(losses)), 4),
                    validation_j=round(validate(self.ema, batches), 4), **more)
        with open(self.folder / "log.jsonl", "a") as log:
            log.write(json.dumps(line) + "\n")
        print(line, flush=True)
        torch.save(self.ema.state_dict(), self.folder / f"{round(self.seconds)}.pt")


def train(rank: int, run: Run, material: Material, validation: list, args: argparse.Namespace) -> None:
    """One worker; the first also averages, measures and keeps."""
    torch.set_num_threads(1)
    seed = args.seed + 7919 * run.steps + rank
    torch.manual_seed(seed)
    clips, rng = Clips(material, seed, args.side), np.random.default_rng(seed)
    stop = []
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.append(1))
    start = measured = time.monotonic()
    spent, losses, total = run.seconds, [], 60 * args.minutes
    sizes = dict(side=args.side, length=args.length)
    while (passed := time.monotonic() - start) < total and not stop:
        rate = args.lr + (args.last_lr - args.lr) * passed / total
        for group in run.optimiser.param_groups:
            group["lr"] = rate * min(1, (run.steps + 1) / 50)
        gap = int(rng.integers(1, args.gap + 1))
        times = [0, *range(gap, gap + args.length - 1)]
        batch = load_batch(clips, times, args.batch, run.device)
        with torch.autocast(torch.device(run.device).type, dtype=torch.bfloat16, enabled=args.bf16):
            loss = clip_loss(run.model, batch, times)
        run.optimiser.zero_grad()
        loss.backward()
        if torch.isfinite(torch.nn.utils.clip_grad_norm_(run.model.parameters(), 1.0)):
            run.optimiser.step()
        run.steps += args.workers
        run.clips += args.workers * args.batch
        if rank:
            continue
        losses.append(loss.item())
        if len(losses) % 20 == 0:
            print(run.steps, round(float(np.mean(losses[-20:])), 3), flush=True)
        average(run.ema, run.model, run.steps, args.average)
        run.seconds = spent + time.monotonic() - start
        if time.monotonic() - measured > args.every:
            run.measure(validation, losses, lr=rate, **sizes)
            run.save()
            losses, measured = [], time.monotonic()
    if rank == 0 and losses:
        run.measure(validation, losses, lr=args.last_lr, **sizes)
        run.save()


def validation_batches(photos: Path, side: int) -> list:
    """Eight clips of photographs that are never trained on, always the same."""
    found = load_photos(photos, "validation")
    material = Material([p.image for p in found], [[p.foreground] for p in found], [])
    return [load_batch(Clips(material, 0, side, away=0), list(range(14)), 8, "cpu")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--scenery", type=Path)
    parser.add_argument("--films", type=Path, nargs="*", default=[])
    parser.add_argument("--rendered", type=Path)
    parser.add_argument("--validation", type=Path, required=True)
    parser.add_argument("--side", type=int, default=192)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--length", type=int, default=4)
    parser.add_argument("--gap", type=int, default=14, help="most frames from the first to the second")
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--last-lr", type=float, default=1e-3)
    parser.add_argument("--average", type=float, default=0.99, help="decay of the average")
    parser.add_argument("--every", type=float, default=300, help="seconds between measurements")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    torch.set_num_threads(1)
    scenery = sorted(args.scenery.iterdir()) if args.scenery else []
    material = load_material(args.photos, scenery, args.films, args.rendered)
    run = Run(args.run, args.device, args.seed)
    validation = validation_batches(args.validation, args.side)
    validation = [tuple(x.to(args.device) for x in batch) for batch in validation]
    fork, task = processes.get_context("fork"), (run, material, validation, args)
    others = [fork.Process(target=train, args=(i, *task)) for i in range(1, args.workers)]
    for other in others:
        other.start()
    train(0, *task)
    for other in others:
        other.terminate()
        other.join()


if __name__ == "__main__":
    main()
