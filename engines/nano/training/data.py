"""Endless training samples: labelled photographs, real cut-outs in other scenes, synthetic figures.

Being pasted must not give the foreground away. So a good half of the samples are untouched
photographs; scenes with pasted objects also hold pasted patches that are background; and the same
degradation runs over every finished picture.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from torch.utils.data import IterableDataset

cv2.setNumThreads(1)
# The share of each kind of sample.
REAL, CUT_OUT = 0.55, 0.30


@dataclass
class Sample:
    """A picture (S, S, 3) uint8, its alpha and each pixel's weight (S, S) uint8."""

    image: np.ndarray
    alpha: np.ndarray
    weight: np.ndarray


@dataclass
class Layer:
    """A premultiplied object: colour (H, W, 3) and alpha (H, W), float32, colour in 0..=255."""

    colour: np.ndarray
    alpha: np.ndarray


class Generator:
    """Draws samples from material gathered by `material.py`; same seed, same samples."""

    def __init__(self, material: Path, seed: int):
        pack = np.load(material, allow_pickle=True)["pack"][0]
        self.rng = np.random.default_rng(seed)
        self.photos = [p for p in pack["photos"] if p["salient"]]
        self.scenery = pack["backgrounds"] + [p["image"] for p in pack["photos"]]
        self.things = [None] * len(pack["backgrounds"]) + [union(p["masks"]) for p in pack["photos"]]
        self.instances = [(p["image"], m) for p in pack["photos"] for m in p["masks"] if large(m)]
        self.sprites = pack["sprites"]

    # --- chance ---

    def uniform(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def happens(self, probability: float) -> bool:
        return self.rng.random() < probability

    def below(self, n: int) -> int:
        return int(self.rng.integers(n))

    def noise(self, side: int, cells: int) -> np.ndarray:
        """(side, side) smooth noise in about 0..=1."""
        grid = self.rng.random((cells, cells), dtype=np.float32)
        return cv2.resize(grid, (side, side), interpolation=cv2.INTER_CUBIC)

    # --- samples ---

    def sample(self, side: int) -> Sample:
        kind = self.rng.random()
        while True:
            if kind < REAL:
                image, alpha, weight = self.real_scene(side)
            else:
                image, alpha = self.composed_scene(side, real=kind < REAL + CUT_OUT)
                weight = np.full((side, side), 255, np.uint8)
            if 0.02 < alpha.mean() < 0.85:
                break
        if self.happens(0.5):
            image, alpha, weight = (np.flip(x, 1) for x in (image, alpha, weight))
        image = self.degrade(np.ascontiguousarray(image, np.float32))
        alpha = (np.clip(alpha, 0, 1) * 255 + 0.5).astype(np.uint8)
        return Sample(image, alpha, np.ascontiguousarray(weight))

    def real_scene(self, side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A warped crop of a labelled photograph; its hand-drawn edges count less."""
        photo = self.photos[self.below(len(self.photos))]
        h, w = photo["image"].shape[:2]
        mask = union([photo["masks"][i] for i in photo["salient"]])
        for _ in range(8):
            matrix = self.crop_matrix(h, w, side)
            alpha = warp(mask, matrix, side).astype(np.float32) / 255
            kept = alpha.sum() / abs(np.linalg.det(matrix[:, :2])) / (mask.sum() / 255)
            if kept > 0.6:
                break
        image = warp(photo["image"], matrix, side, cv2.BORDER_REFLECT_101).astype(np.float32)
        inside = warp(np.full((h, w), 255, np.uint8), matrix, side) > 250
        band = cv2.dilate(alpha, np.ones((5, 5))) - cv2.erode(alpha, np.ones((5, 5))) > 0.5
        weight = np.where(inside, np.where(band, 80, 255), 0).astype(np.uint8)
        return image, alpha, weight

    def crop_matrix(self, h: int, w: int, side: int) -> np.ndarray:
        """An affine map from a photograph to a square: crop, squash, a little rotation."""
        zoom = self.uniform(0.5, 1.0) if self.happens(0.7) else 1.0
        ch, cw = h * zoom * self.uniform(0.8, 1), w * zoom * self.uniform(0.8, 1)
        top, left = self.uniform(0, h - ch), self.uniform(0, w - cw)
        angle = self.rng.normal(0, 0.1) if self.happens(0.5) else 0.0
        c, s = math.cos(angle), math.sin(angle)
        turn = np.array([[c, -s], [s, c]]) @ np.diag([side / cw, side / ch])
        shift = np.array([side / 2, side / 2]) - turn @ np.array([left + cw / 2, top + ch / 2])
        return np.hstack([turn, shift[:, None]])

    def composed_scene(self, side: int, real: bool) -> tuple[np.ndarray, np.ndarray]:
        """Objects over a scene that also holds pasted patches which are not objects."""
        image = self.scene(side)
        for _ in range(self.below(5) if self.happens(0.6) else 0):
            extent = side * self.uniform(0.08, 0.5)
            patch = self.patch(int(extent))
            self.place(image, patch, self.uniform(0, side), self.uniform(0, side))
        if self.happens(0.5):
            image[:] = cv2.GaussianBlur(image, (0, 0), self.uniform(0.3, side / 70))
        alpha = np.zeros((side, side), np.float32)
        extent = side * min(2 ** self.rng.normal(-0.6, 0.45), 1.2)
        x, y = self.rng.normal(side / 2, side * 0.13), self.rng.normal(side * 0.54, side * 0.12)
        for _ in range(1 if self.happens(0.75) else 2):
            layer = self.cut_out(extent) if real else self.figure(extent)
            if self.happens(0.5):
                self.harmonise(layer, image)
            if self.happens(0.5):
                self.shadow(image, layer, x, y)
            covered = self.place(image, layer, x, y)
            alpha = alpha * (1 - covered) + covered
            x, extent = x + self.rng.normal(0, 0.5) * extent, extent * self.uniform(0.6, 1)
        if self.happens(0.3):
            image *= (1 + self.uniform(-0.6, 0.6) * (self.noise(side, 3) - 0.5))[..., None]
        return image, alpha

    # --- scenes ---

    def scenery_crop(self, side: int, smallest: float) -> np.ndarray:
        """A crop of a background, or of a photograph where no labelled thing is."""
        i = self.below(len(self.scenery))
        picture, things = self.scenery[i], self.things[i]
        h, w = picture.shape[:2]
        for attempt in range(8):
            extent = min(h, w) * self.uniform(smallest, 1) * (1 - 0.08 * attempt)
            top, left = int(self.uniform(0, h - extent)), int(self.uniform(0, w - extent))
            window = np.s_[top : top + int(extent), left : left + int(extent)]
            if things is None or things[window].mean() < 12:
                break
        crop = picture[window]
        if self.happens(0.5):
            crop = crop[:, ::-1]
        smaller = crop.shape[0] > side
        how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
        return cv2.resize(np.ascontiguousarray(crop), (side, side), interpolation=how)

    def pattern(self, side: int) -> np.ndarray:
        """A procedural texture: noise, stripes, checks or a gradient between two colours."""
        kind = self.below(4)
        y, x = np.mgrid[:side, :side].astype(np.float32) / side
        angle, rate = self.uniform(0, 6.3), 2 ** self.uniform(0.5, 5)
        along = (x - 0.5) * math.cos(angle) + (y - 0.5) * math.sin(angle)
        if kind == 0:
            t = sum(self.noise(side, 2 ** k + 2) * 0.6 ** k for k in range(1 + self.below(6)))
            t = (t - t.min()) / (np.ptp(t) + 1e-5)
        elif kind == 1:
            t = np.sin(along * rate * 6.3 + self.noise(side, 5) * self.uniform(0, 6)) / 2 + 0.5
        elif kind == 2:
            t = (np.floor(x * rate) + np.floor(y * rate)) % 2
        else:
            t = np.clip(along + 0.5, 0, 1)
        first, second = self.colour(), self.colour()
        return first + (second - first) * t[..., None].astype(np.float32)

    def colour(self) -> np.ndarray:
        grey = self.uniform(10, 245) + self.rng.normal(0, 20, 3)
        chosen = self.rng.uniform(0, 255, 3) if self.happens(0.4) else grey
        return np.clip(chosen, 0, 255).astype(np.float32)

    def scene(self, side: int) -> np.ndarray:
        """(side, side, 3) float32."""
        if self.happens(0.7):
            image = self.scenery_crop(side, 0.35).astype(np.float32)
        else:
            image = self.pattern(side)
            if self.happens(0.6):  # A ground below a wall.
                y = np.mgrid[:side, :side][0] / side
                edge = y - self.uniform(0.35, 0.8) + (self.noise(side, 5) - 0.5) * 0.1
                t = np.clip(edge / self.uniform(0.005, 0.1) + 0.5, 0, 1)[..., None]
                image = image * (1 - t) + self.texture(side) * t
        return self.recolour(image)

    def texture(self, side: int) -> np.ndarray:
        if self.happens(0.6):
            return self.recolour(self.scenery_crop(side, 0.12).astype(np.float32))
        return self.pattern(side)

    def recolour(self, image: np.ndarray) -> np.ndarray:
        """Another exposure and white balance."""
        image = image * (1 + self.rng.normal(0, 0.1, 3)) * self.uniform(0.7, 1.3)
        mean = image.mean()
        return np.clip((image - mean) * self.uniform(0.7, 1.25) + mean, 0, 255).astype(np.float32)

    # --- things to put into a scene ---

    def patch(self, extent: int) -> Layer:
        """A piece of texture in a random shape: pasted, and not an object."""
        side = max(extent, 12)
        alpha = self.shape(side)
        if self.happens(0.3):
            alpha = cv2.GaussianBlur(alpha, (0, 0), self.uniform(0.5, side / 12))
        return Layer(self.texture(side) * alpha[..., None], alpha)

    def shape(self, side: int) -> np.ndarray:
        """(side, side) coverage of a rectangle, a polygon or a wavy blob."""
        turn = np.linspace(0, 2 * np.pi, 96, endpoint=False)
        kind = self.below(3)
        if kind == 0:
            power = 2 ** self.uniform(1.5, 4)
            radius = (np.abs(np.cos(turn)) ** power + np.abs(np.sin(turn)) ** power) ** (-1 / power)
        elif kind == 1:
            knots = self.rng.uniform(0.4, 1, 3 + self.below(7))
            radius = np.interp(turn / (2 * np.pi) * len(knots), range(len(knots) + 1), [*knots, knots[0]])
        else:
            radius = np.ones_like(turn)
            for k in range(1, 3 + self.below(6)):
                radius += self.rng.normal(0, 0.28 / k) * np.cos(k * turn + self.uniform(0, 6.3))
            radius = np.clip(radius, 0.2, None)
        points = np.stack([np.cos(turn), np.sin(turn) * self.uniform(0.4, 1)], 1) * radius[:, None]
        angle = self.uniform(0, 6.3)
        c, s = math.cos(angle), math.sin(angle)
        points = points @ np.array([[c, s], [-s, c]])
        points = (points / np.abs(points).max() * 0.48 + 0.5) * side
        mask = np.zeros((side, side), np.uint8)
        cv2.fillPoly(mask, [np.round(points * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        return mask.astype(np.float32) / 255

    def cut_out(self, extent: float) -> Layer:
        """A labelled object, its outline drawn in a little so that no background comes along."""
        image, mask = self.instances[self.below(len(self.instances))]
        return self.fit(image.astype(np.float32), cv2.erode(mask, np.ones((3, 3))), extent)

    def figure(self, extent: float) -> Layer:
        """A sprite or a shape, often with another texture, sometimes with hair."""
        if self.happens(0.65):
            sprite = self.sprites[self.below(len(self.sprites))]
            colour, mask = sprite[..., :3].astype(np.float32), sprite[..., 3]
            if self.happens(0.5):
                h, w = mask.shape
                mix = self.uniform(0.3, 0.9)
                colour = colour * (1 - mix) + cv2.resize(self.texture(96), (w, h)) * mix
        else:
            mask = (self.shape(160) * 255).astype(np.uint8)
            colour = self.texture(160)
        if self.happens(0.35):
            colour, mask = self.hair(colour, mask)
        return self.fit(self.shade(colour), mask, extent)

    def shade(self, colour: np.ndarray) -> np.ndarray:
        """Light from one side."""
        h, w = colour.shape[:2]
        y, x = np.mgrid[:h, :w].astype(np.float32)
        angle = self.uniform(0, 6.3)
        light = (x / w - 0.5) * math.cos(angle) + (y / h - 0.5) * math.sin(angle)
        return np.clip(colour * (1 + self.uniform(0, 1) * light)[..., None], 0, 255)

    def hair(self, colour: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Strands that leave the outline, in the colours beside them."""
        pad = max(mask.shape) // 6
        mask = cv2.copyMakeBorder(mask, pad, pad, pad, pad, cv2.BORDER_CONSTANT)
        colour = cv2.copyMakeBorder(colour, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
        outlines, _ = cv2.findContours((mask > 127).astype(np.uint8), cv2.RETR_EXTERNAL,
                                       cv2.CHAIN_APPROX_NONE)
        if not outlines:
            return colour, mask
        outline = max(outlines, key=len)[:, 0].astype(np.float64)
        start, span = self.below(len(outline)), max(int(len(outline) * self.uniform(0.2, 1)), 1)
        lean, length = self.rng.normal(0, 0.5, 2), pad * self.uniform(0.3, 1)
        for _ in range(30 + self.below(150)):
            point = outline[(start + self.below(span)) % len(outline)]
            way = point - outline.mean(0)
            way = way / (np.hypot(*way) + 1e-5) + lean + self.rng.normal(0, 0.3, 2)
            ends = [point - 2 * way, point, point + way * length * 0.5]
            ends.append(ends[-1] + (way + self.rng.normal(0, 0.4, 2)) * length * self.uniform(0.2, 0.5))
            cv2.polylines(mask, [np.round(np.array(ends) * 16).astype(np.int32)], False,
                          int(self.uniform(90, 255)), 1, cv2.LINE_AA, 4)
        weights = cv2.GaussianBlur(cv2.erode(mask, np.ones((3, 3))).astype(np.float32), (0, 0), pad / 4)
        spread = cv2.GaussianBlur(colour * (mask[..., None] > 250), (0, 0), pad / 4)
        spread /= np.maximum(weights / 255, 0.05)[..., None]
        solid = (mask > 250)[..., None]
        return np.where(solid, colour, np.clip(spread, 0, 255)).astype(np.float32), mask

    def fit(self, colour: np.ndarray, mask: np.ndarray, extent: float) -> Layer:
        """Turned, flipped and scaled so that the object's longer side is `extent`."""
        ys, xs = np.where(mask > 32)
        if len(ys) < 16:
            return Layer(np.zeros((4, 4, 3), np.float32), np.zeros((4, 4), np.float32))
        window = np.s_[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
        alpha = mask[window].astype(np.float32) / 255
        stack = np.dstack([colour[window] * alpha[..., None], alpha]).astype(np.float32)
        if self.happens(0.5):
            stack = np.ascontiguousarray(stack[:, ::-1])
        h, w = alpha.shape
        scale = extent / max(h, w)
        angle = self.rng.normal(0, 0.15)
        stretch = 2 ** self.rng.normal(0, 0.15)
        c, s = math.cos(angle) * scale, math.sin(angle) * scale
        matrix = np.array([[c * stretch, -s], [s * stretch, c]])
        reach = np.abs(matrix) @ np.array([w, h]) + 4
        shift = reach / 2 - matrix @ np.array([w / 2, h / 2])
        if scale < 0.7:
            stack = cv2.GaussianBlur(stack, (0, 0), 0.4 / scale)
        size = (int(math.ceil(reach[0])), int(math.ceil(reach[1])))
        stack = cv2.warpAffine(stack, np.hstack([matrix, shift[:, None]]), size)
        if self.happens(0.4):
            stack = cv2.GaussianBlur(stack, (0, 0), self.uniform(0.4, 1.4))
        return Layer(stack[..., :3], np.clip(stack[..., 3], 0, 1))

    def harmonise(self, layer: Layer, image: np.ndarray) -> None:
        """Moves an object's colour towards its scene's."""
        total = layer.alpha.sum() + 1e-3
        own = layer.colour.sum((0, 1)) / total
        shift = (image.mean((0, 1)) - own) * self.uniform(0.2, 0.8)
        keep = self.uniform(0.6, 1)
        a = layer.alpha[..., None]
        layer.colour = np.clip(layer.colour * keep + (own * (1 - keep) + shift) * a, 0, 255 * a)

    def shadow(self, image: np.ndarray, layer: Layer, x: float, y: float) -> None:
        """A soft dark copy, squeezed to the ground or cast on a wall."""
        h, w = layer.alpha.shape
        cast = np.zeros((image.shape[0], image.shape[1], 3), np.float32)
        squeeze = self.uniform(0.15, 0.4) if self.happens(0.6) else 1.0
        flat = cv2.resize(layer.alpha, (w, max(int(h * squeeze), 2)))
        drop = h * (1 - squeeze) / 2 + self.uniform(0, 0.05) * h
        dark = Layer(np.dstack([flat] * 3), flat)
        self.place(cast, dark, x + self.uniform(-0.2, 0.2) * w, y + drop)
        cast = cv2.GaussianBlur(cast[..., :1], (0, 0), max(1, h * self.uniform(0.01, 0.08)))
        image *= 1 - self.uniform(0.2, 0.7) * cast.reshape(*image.shape[:2], 1)

    def place(self, image: np.ndarray, layer: Layer, x: float, y: float) -> np.ndarray:
        """Composes a layer centred at (x, y) in place; returns its coverage of the picture."""
        side = image.shape[0]
        h, w = layer.alpha.shape
        covered = np.zeros((side, side), np.float32)
        top, left = int(y - h / 2), int(x - w / 2)
        y0, x0, y1, x1 = max(top, 0), max(left, 0), min(top + h, side), min(left + w, side)
        if y1 <= y0 or x1 <= x0:
            return covered
        source = np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
        target = np.s_[y0:y1, x0:x1]
        alpha = layer.alpha[source]
        image[target] = image[target] * (1 - alpha[..., None]) + layer.colour[source]
        covered[target] = alpha
        return covered

    # --- the finished picture ---

    def degrade(self, image: np.ndarray) -> np.ndarray:
        """Exposure, blur by resampling, noise and compression over the whole frame."""
        side = image.shape[0]
        image = image * (1 + self.rng.normal(0, 0.07, 3)) * self.uniform(0.65, 1.35)
        mean = image.mean()
        image = (image - mean) * self.uniform(0.65, 1.25) + mean + self.uniform(-15, 15)
        if self.happens(0.15):
            grey, mix = image.mean(2, keepdims=True), self.uniform(0.3, 1)
            image = image * (1 - mix) + grey * mix
        image = np.clip(image, 0, 255).astype(np.uint8)
        if self.happens(0.5):
            smaller = int(side * self.uniform(0.45, 0.95))
            image = cv2.resize(image, (smaller, smaller), interpolation=cv2.INTER_AREA)
            image = cv2.resize(image, (side, side), interpolation=cv2.INTER_LINEAR)
        if self.happens(0.35):
            grain = self.rng.normal(0, self.uniform(1, 9), image.shape)
            image = np.clip(image + grain, 0, 255).astype(np.uint8)
        if self.happens(0.4):
            quality = int(self.uniform(30, 95))
            image = cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 1)
        return image


def union(masks: list[np.ndarray]) -> np.ndarray | None:
    """The largest coverage of each pixel; None without masks."""
    return np.maximum.reduce(masks) if masks else None


def large(mask: np.ndarray) -> bool:
    """Enough pixels to be cut out."""
    return mask.mean() / 255 > 0.012


def warp(image: np.ndarray, matrix: np.ndarray, side: int, border: int = cv2.BORDER_CONSTANT) -> np.ndarray:
    """An affine map into a square, smoothed first where it shrinks."""
    scale = math.sqrt(abs(np.linalg.det(matrix[:, :2])))
    if scale < 0.8:
        image = cv2.GaussianBlur(image, (0, 0), 0.35 / scale)
    return cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=border)


class Batches(IterableDataset):
    """Endless batches of uint8 arrays: images (B, 3, S, S), alphas and weights (B, 1, S, S)."""

    def __init__(self, material: Path, seed: int, batch: int, side: int):
        self.material, self.seed, self.batch, self.side = material, seed, batch, side

    def __iter__(self):
        generator = Generator(self.material, self.seed)
        while True:
            samples = [generator.sample(self.side) for _ in range(self.batch)]
            images = np.stack([s.image for s in samples]).transpose(0, 3, 1, 2)
            yield (
                np.ascontiguousarray(images),
                np.stack([s.alpha for s in samples])[:, None],
                np.stack([s.weight for s in samples])[:, None],
            )
