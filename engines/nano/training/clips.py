"""Endless training clips of real textures in motion: what moves how is known, so the truth is exact.

Four kinds. `pasted`: objects cut out of photographs, or any piece of one, move before another
picture among others like them. `stirred`: a photograph whose labelled object moves against the rest,
nothing pasted. `filmed`: unlabelled real video; any region, followed by optical flow where forward
and backward flow agree. `rendered`: the project's own generator. One degradation runs over whole frames.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from motion import Motion, blob, remap, warp
from rendered import RenderedClips, has_cut

cv2.setNumThreads(1)
# Width of the band around hand-drawn edges, relative to the picture, and its weight of 255.
BAND, BAND_WEIGHT = 0.02, 80
# The share of rendered clips, where there are any.
RENDERED = 0.45
# The share of pasted clips whose subject is away for some frames.
AWAY = 0.25


@dataclass
class Sample:
    """Frames (T, S, S, 3) RGB, masks and weights (T, S, S), uint8."""

    frames: np.ndarray
    masks: np.ndarray
    weights: np.ndarray


@dataclass
class Material:
    """Pictures (H, W, 3), each with its objects' masks (H, W), films (N, H, W, 3), uint8; clips.
    Kinds of pictures, where they are told, are drawn equally often."""

    pictures: list[np.ndarray]
    masks: list[list[np.ndarray]]
    films: list[np.ndarray]
    rendered: RenderedClips | None = None
    kinds: list[str] | None = None


def by_kind(items: list, kinds: list[str]) -> list[list]:
    """Those of each kind."""
    return [[x for x, of in zip(items, kinds) if of == kind] for kind in sorted(set(kinds))]


def drawn(rng: np.random.Generator, items: list):
    """One of them."""
    return items[int(rng.integers(len(items)))]


def load_material(
    photos: Path, scenery: list[Path], films: list[Path], rendered: Path | None
) -> Material:
    """`material.py`'s photographs, scenery, video files and a folder of rendered clips."""
    pictures, masks, kinds = [], [], []
    for photo in np.load(photos, allow_pickle=True)["photos"]:
        pictures.append(photo["image"])
        masks.append([m for m in photo["masks"] if 0.01 < m.mean() / 255 < 0.6])
        kinds.append(photo["kind"])
    for path in scenery:
        picture = cv2.imread(str(path))[..., ::-1]
        scale = 640 / max(picture.shape[:2])
        pictures.append(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
        masks.append([])
        kinds.append("scenery")
    clips = RenderedClips(rendered) if rendered else None
    return Material(pictures, masks, [load_film(path) for path in films], clips, kinds)


def load_film(path: Path, side: int = 256) -> np.ndarray:
    """Every frame, squashed to a square."""
    film, frames = cv2.VideoCapture(str(path)), []
    while (read := film.read())[0]:
        frames.append(cv2.resize(read[1], (side, side), interpolation=cv2.INTER_AREA)[..., ::-1])
    return np.stack(frames)


class Clips:
    """Draws clips; same seed, same clips. In a part `away` of the pasted ones the subject goes."""

    def __init__(self, material: Material, seed: int, side: int, away: float = AWAY):
        self.material, self.rng = material, np.random.default_rng(seed)
        self.side, self.away = side, away
        labelled = [i for i, masks in enumerate(material.masks) if masks]
        kinds = material.kinds or [""] * len(material.masks)
        self.labelled = by_kind(labelled, [kinds[i] for i in labelled])

    def happens(self, probability: float) -> bool:
        return self.rng.random() < probability

    def uniform(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def sample(self, times: list[int], shown: int = 2) -> Sample:
        """The frames at these times; draws until the first `shown` of them have what is followed."""
        while True:
            chance = self.rng.random()
            if self.material.rendered and self.happens(RENDERED):
                sample = self.rendered(times)
            elif chance < 0.12 and self.material.films and times[1] <= 3:
                sample = self.filmed(times)
            else:
                sample = self.pasted(times, shown) if chance < 0.55 else self.stirred(times)
            if 0.015 < sample.masks[:shown].mean((1, 2)).min() / 255 and sample.masks[0].mean() < 150:
                return Sample(self.degrade(sample.frames), sample.masks, sample.weights)

    def exactly(self, frames: list, masks: list) -> Sample:
        masks = np.stack(masks)
        return Sample(np.stack(frames), masks, np.full_like(masks, 255))

    def window(self, h: int, w: int, zoom: float) -> np.ndarray:
        """(2, 3): the square to a part of a picture, mirrored at random."""
        width, height = w * zoom * self.uniform(0.75, 1), h * zoom * self.uniform(0.75, 1)
        x, y = self.uniform(0, w - width), self.uniform(0, h - height)
        mirror = self.happens(0.5)
        return np.array([
            [(-1 if mirror else 1) * width / self.side, 0, x + (width if mirror else 0)],
            [0, height / self.side, y],
        ])

    def motion(self, strength: float) -> Motion:
        """One in three only sways."""
        motion = Motion(self.rng, self.side, strength, self.rng.choice([0, 0.004, 0.01, 0.02]))
        motion.centre = self.rng.uniform(0.3, 0.7, 2) * self.side
        return motion

    def picture(self) -> np.ndarray:
        return self.material.pictures[int(self.rng.integers(len(self.material.pictures)))]

    def cut_out(self) -> tuple[np.ndarray, np.ndarray]:
        """A picture and the mask of something in it."""
        if self.happens(0.6):
            i = drawn(self.rng, drawn(self.rng, self.labelled))
            masks = self.material.masks[i]
            mask = masks[int(self.rng.integers(len(masks)))]
            return self.material.pictures[i], cv2.erode(mask, np.ones((3, 3)))
        picture = self.picture()
        h, w = picture.shape[:2]
        return picture, cv2.resize(blob(self.rng, 128), (w, h))

    def placed(self, mask: np.ndarray) -> np.ndarray:
        """(2, 3): the square to the picture, so that the object is somewhere and of some size."""
        ys, xs = np.where(mask > 127)
        if not len(ys):
            return np.eye(2, 3)
        h, w = np.ptp(ys) + 1, np.ptp(xs) + 1
        size = math.exp(self.uniform(math.log(0.12), math.log(0.7))) * self.side
        scale = max(h, w) / size
        aspect = math.exp(self.uniform(-0.35, 0.35))
        sx, sy = scale * aspect * (-1 if self.happens(0.5) else 1), scale / aspect
        to = self.rng.uniform(0.2, 0.8, 2) * self.side
        return np.array([[sx, 0, xs.mean() - sx * to[0]], [0, sy, ys.mean() - sy * to[1]]])

    def speed(self) -> float:
        return math.exp(self.uniform(math.log(0.15), math.log(1.2)))

    def absence(self, shown: int, length: int) -> range:
        """Some frames after the first `shown`, to the last or not; mostly none."""
        if shown >= length or not self.away or not self.happens(self.away):
            return range(0)
        first, last = np.sort(self.rng.integers(shown, length, 2))
        return range(first, length if self.happens(0.5) else last + 1)

    def pasted(self, times: list[int], shown: int = 2) -> Sample:
        backdrop, speed = self.picture(), self.speed()
        place = self.window(*backdrop.shape[:2], self.uniform(0.5, 0.95))
        camera = self.motion(speed * self.uniform(0, 1))
        layers = []
        count = 1 + int(self.rng.choice([0, 0, 1, 2]))
        for _ in range(count):
            twin = layers and self.happens(0.15)
            source = layers[-1][:2] if twin else self.cut_out()
            layers.append((*source, self.placed(source[1]), self.motion(speed)))
        subject = int(self.rng.integers(count))
        hard, away = self.happens(0.5), self.absence(shown, len(times))
        frames, masks = [], []
        for index, t in enumerate(times):
            frame = remap(backdrop, camera.map(t, place), cv2.BORDER_REFLECT_101).astype(np.float32)
            alpha = np.zeros((self.side, self.side, 1), np.float32)
            for i, (picture, mask, put, motion) in enumerate(layers):
                if i == subject and index in away:
                    continue
                at = motion.map(t, put)
                cover = remap(mask, at, cv2.BORDER_CONSTANT)[..., None].astype(np.float32) / 255
                if hard:
                    cover = np.clip(cover * 2 - 0.5, 0, 1)
                colour = remap(picture, at, cv2.BORDER_REFLECT_101)
                frame = frame * (1 - cover) + colour * cover
                alpha = cover if i == subject else alpha * (1 - cover)
            frames.append(frame)
            masks.append((alpha[..., 0] * 255).astype(np.uint8))
        return self.exactly(frames, masks)

    def stirred(self, times: list[int]) -> Sample:
        """The object's own motion fades out around it."""
        i = drawn(self.rng, drawn(self.rng, self.labelled))
        picture, masks = self.material.pictures[i], self.material.masks[i]
        mask = masks[int(self.rng.integers(len(masks)))]
        place = self.window(*mask.shape, self.uniform(0.6, 1.0))
        speed = self.speed()
        camera, motion = self.motion(speed), self.motion(0.5 * speed)
        still = camera.map(0, place)
        first = remap(mask, still, cv2.BORDER_CONSTANT)
        grown = cv2.dilate(first, np.ones((7, 7)))
        near = cv2.GaussianBlur(grown, (0, 0), self.side * 0.04).astype(np.float32)[..., None] / 255
        near = np.minimum(near * 1.5, 1)
        ys, xs = np.where(first > 127)
        if len(ys):
            motion.centre = np.array([xs.mean(), ys.mean()])
        frames, found = [], []
        for t in times:
            own = motion.map(t, np.eye(2, 3)) - motion.grid
            at = camera.map(t, place) + (near * own) @ place[:, :2].T.astype(np.float32)
            frames.append(remap(picture, at, cv2.BORDER_REFLECT_101))
            found.append(remap(mask, at, cv2.BORDER_CONSTANT))
        sample = self.exactly(frames, found)
        sample.weights[:] = [hand_drawn(m) for m in found]
        return sample

    def rendered(self, times: list[int]) -> Sample:
        """Frames of the generator's; far apart where the clip is short."""
        clips = self.material.rendered
        while True:
            clip = int(self.rng.integers(len(clips)))
            length = clips.length(clip)
            step = min(1, (length - 1) / times[-1])
            start = int(self.rng.integers(length - int(step * times[-1])))
            found = [clips.frame(clip, start + int(step * t)) for t in times]
            if not has_cut([colour for colour, _ in found]):
                break
        place = self.window(*found[0][1].shape, self.uniform(0.7, 1.0))
        frames = [warp(colour, place, self.side, cv2.BORDER_REFLECT_101) for colour, _ in found]
        return self.exactly(frames, [warp(alpha, place, self.side) for _, alpha in found])

    def filmed(self, times: list[int]) -> Sample:
        """Flow between neighbours carries the mask; what it is not sure of weighs nothing."""
        film = self.material.films[int(self.rng.integers(len(self.material.films)))]
        step = int(self.rng.integers(1, 4))
        start = int(self.rng.integers(len(film) - step * times[-1]))
        if self.happens(0.5):
            film, start = film[::-1], len(film) - 1 - start - step * times[-1]
        frames = [film[start + step * t] for t in times]
        frames = [cv2.resize(f, (self.side, self.side), interpolation=cv2.INTER_AREA) for f in frames]
        grey = [cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in frames]
        flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        grid = np.stack(np.meshgrid(np.arange(self.side), np.arange(self.side)), -1).astype(np.float32)
        masks, weights = [blob(self.rng, self.side)], [np.full((self.side, self.side), 255, np.uint8)]
        for before, after in zip(grey, grey[1:]):
            back, forth = flow.calc(after, before, None), flow.calc(before, after, None)
            at = grid + back
            loop = back + cv2.remap(forth, at, None, cv2.INTER_LINEAR)
            sure = (np.hypot(*loop.transpose(2, 0, 1)) < 1) * np.uint8(255)
            masks.append(remap(masks[-1], at, cv2.BORDER_CONSTANT))
            weights.append(np.minimum(sure, remap(weights[-1], at, cv2.BORDER_CONSTANT)))
        return Sample(np.stack(frames), np.stack(masks), np.stack(weights))

    def degrade(self, frames: np.ndarray) -> np.ndarray:
        """Light, blur, noise and compression; most of it the same for the whole clip."""
        gain = (1 + self.rng.normal(0, 0.1, 3)) * self.uniform(0.7, 1.25)
        contrast, grey = self.uniform(0.75, 1.25), self.uniform(0.3, 1) if self.happens(0.06) else 0
        flicker = self.uniform(0, 0.04) if self.happens(0.3) else 0
        noise = self.uniform(1, 6) if self.happens(0.2) else 0
        blur = self.uniform(0.4, 1.0) if self.happens(0.2) else 0
        quality = int(self.uniform(35, 95)) if self.happens(0.3) else 0
        out = []
        for frame in frames:
            x = frame.astype(np.float32) * (gain * (1 + self.rng.normal(0, flicker))).astype(np.float32)
            mean = x.mean()
            x = (x - mean) * contrast + mean
            if grey:
                x = x * (1 - grey) + x.mean(2, keepdims=True) * grey
            if blur:
                x = cv2.GaussianBlur(x, (0, 0), blur)
            if noise:
                x += self.rng.standard_normal(x.shape, dtype=np.float32) * noise
            x = np.clip(x, 0, 255).astype(np.uint8)
            if quality:
                coded = cv2.imencode(".jpg", x, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
                x = cv2.imdecode(coded, cv2.IMREAD_COLOR)
            out.append(x)
        return np.stack(out)


def hand_drawn(mask: np.ndarray) -> np.ndarray:
    """Weights (S, S): nobody draws an outline exactly."""
    kernel = np.ones((max(int(BAND * mask.shape[0]), 3),) * 2)
    band = cv2.dilate(mask, kernel) - cv2.erode(mask, kernel) > 127
    return np.where(band, BAND_WEIGHT, 255).astype(np.uint8)
