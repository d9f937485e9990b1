"""Gathers the training material: labelled photographs, and what frames are rendered from.

Labelled photographs come from folders in COCO's format, with COCO's own pictures or Open Images', and
from Oxford-IIIT Pet; only those under a licence that allows commercial use and changes are kept. The
validation photographs are never looked at here.

    python material.py material.npz --coco DIR... --pets DIR --ids photos.csv \\
        --pack materials.bin --backgrounds DIR... --emoji FONT

`photos.csv` names the photographs that the shipped weights were trained on, with their licences and
addresses; without `--ids` every photograph of a free licence is taken. `--pack` writes photographs,
backgrounds, cut-out objects and sprites for the renderer, `training/frames.rs`.
"""

import argparse
import csv
import io
import json
import struct
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

# COCO's licence ids: CC BY, CC BY-SA, no known copyright restrictions, work of the US government.
FREE_LICENCES = {4, 5, 7, 8}
PERSON = 1
# Furniture and appliances: labelled things that are scenery rather than foreground.
SCENERY = {62, 63, 65, 67, 70, 78, 79, 80, 81, 82}
PHOTO_SIDE = 448
BACKGROUND_SIDE = 768
# The part of its picture that an object covers at least to be cut out.
CUT_OUT_SIZE = 0.012
# One sprite in so many: objects of photographs shall not drown among them.
SPRITE_STEP = 5
# The part of a picture that its largest thing covers at least to be the foreground; more where only
# people are labelled, for else it is something that is not.
LARGEST, LARGEST_PERSON = 0.02, 0.08


def load_rgb(path: Path, side: int) -> np.ndarray:
    """(H, W, 3) uint8, its long side at most `side`."""
    image = Image.open(path).convert("RGB")
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    return np.asarray(image)


def polygons_mask(polygons: list[np.ndarray], h: int, w: int) -> np.ndarray:
    """Coverage (uint8) of polygons given in relative coordinates, antialiased."""
    mask = np.zeros((2 * h, 2 * w), np.uint8)
    for polygon in polygons:
        points = np.round(polygon * (2 * w, 2 * h) * 16).astype(np.int32)
        cv2.fillPoly(mask, [points], 255, cv2.LINE_AA, 4)
    return cv2.resize(mask, (w, h), interpolation=cv2.INTER_AREA)


def salient(masks: list[np.ndarray], largest: float = LARGEST) -> list[int]:
    """Which instances are the foreground: the largest, its peers, and what touches them."""
    areas = [m.mean() / 255 for m in masks]
    if not areas or max(areas) < largest:
        return []
    chosen = [i for i, a in enumerate(areas) if a >= max(areas) / 3]
    together = np.maximum.reduce([masks[i] for i in chosen])
    near = cv2.dilate(together, np.ones((7, 7), np.uint8)) > 127
    for i, area in enumerate(areas):
        inside = (masks[i] > 127) & near
        if i not in chosen and area > max(areas) / 20 and inside.sum() * 255 > masks[i].sum() * 0.1:
            chosen.append(i)
    return chosen


def name_of(entry: dict) -> str:
    """The picture's id where it was published."""
    return entry.get("openimages_id", str(entry["id"]))


def coco_photos(folder: Path, wanted: set[str] | None, seen: set[str]) -> list[dict]:
    """Labelled photographs of one COCO-format folder, without those already `seen`."""
    found = []
    for annotations in sorted(folder.rglob("instances*.json")):
        table = json.loads(annotations.read_text())
        only_people = {a["category_id"] for a in table["annotations"]} == {PERSON}
        files = {p.name: p for p in folder.rglob("*.jpg")}
        for entry in table["images"]:
            name = name_of(entry)
            if entry["license"] not in FREE_LICENCES or name in seen:
                continue
            if entry["file_name"] not in files or wanted and name not in wanted:
                continue
            seen.add(name)
            size = np.array([entry["width"], entry["height"]], np.float64)
            image = load_rgb(files[entry["file_name"]], PHOTO_SIDE)
            masks = []
            for a in table["annotations"]:
                # Crowds are run-length encoded and not single objects.
                if a["image_id"] != entry["id"] or a["iscrowd"] or a["category_id"] in SCENERY:
                    continue
                polygons = [np.array(p).reshape(-1, 2) / size for p in a["segmentation"]]
                masks.append(polygons_mask(polygons, *image.shape[:2]))
            largest = LARGEST_PERSON if only_people else LARGEST
            kind = "people" if only_people else "animals" if "openimages_id" in entry else "things"
            found.append(dict(id=name, url=entry.get("flickr_url"), licence=entry["license"],
                              image=image, masks=masks, salient=salient(masks, largest), kind=kind))
    return found


def pet_photos(folder: Path, wanted: set[str] | None) -> list[dict]:
    """Oxford-IIIT Pet: pictures with trimaps of 1, the pet, 2, the rest, and 3, between them."""
    found = []
    for path in sorted((folder / "trimaps").glob("*.png")):
        if wanted and path.stem not in wanted:
            continue
        image = load_rgb(folder / "images" / f"{path.stem}.jpg", PHOTO_SIDE)
        trimap = np.asarray(Image.open(path))
        to_pet, to_rest = (cv2.distanceTransform((trimap != kind).astype(np.uint8), cv2.DIST_L2, 5)
                           for kind in (1, 2))
        mask = (to_pet < to_rest).astype(np.uint8) * 255
        mask = cv2.resize(mask, image.shape[1::-1], interpolation=cv2.INTER_AREA)
        found.append(dict(id=path.stem, image=image, masks=[mask], salient=salient([mask]), kind="pets"))
    return found


def listed_ids(path: Path) -> set[str]:
    """The first column of a table with a heading."""
    with open(path, newline="") as table:
        return {row["id"] for row in csv.DictReader(table)}


def emoji_sprites(font: Path) -> list[np.ndarray]:
    """(H, W, 4) uint8 sprites of a colour bitmap font."""
    from fontTools.ttLib import TTFont

    table = TTFont(font)
    names = set(table.getBestCmap().values())
    sprites = []
    for strike in table["CBDT"].strikeData:
        for name, glyph in sorted(strike.items()):
            if name not in names or not hasattr(glyph, "imageData"):
                continue
            rgba = np.asarray(Image.open(io.BytesIO(glyph.imageData)).convert("RGBA"))
            ys, xs = np.where(rgba[..., 3] > 16)
            if len(ys) < 400 or rgba[..., 3].mean() < 64:
                continue
            sprites.append(rgba[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1])
    return sprites


def backgrounds(folder: Path) -> list[np.ndarray]:
    """Every picture below a folder."""
    kinds = {".jpg", ".png", ".webp"}
    return [load_rgb(p, BACKGROUND_SIDE) for p in sorted(folder.rglob("*")) if p.suffix in kinds]


def cut_outs(photos: list[dict]) -> list[np.ndarray]:
    """(H, W, 4) objects, their outlines drawn in a little so that no background comes along."""
    found = []
    for photo in photos:
        for mask in photo["masks"]:
            inner = cv2.erode(mask, np.ones((3, 3)))
            ys, xs = np.where(inner > 16)
            if mask.mean() / 255 > CUT_OUT_SIZE and len(ys) >= 100:
                window = np.s_[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
                found.append(np.dstack([photo["image"], inner])[window])
    return found


def write_pack(path: Path, pictures: list[np.ndarray]) -> None:
    """Each picture behind its width, height and channels, little-endian u32."""
    with open(path, "wb") as out:
        for picture in pictures:
            h, w, channels = picture.shape
            out.write(struct.pack("<III", w, h, channels) + np.ascontiguousarray(picture).tobytes())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--coco", type=Path, nargs="+", default=[])
    parser.add_argument("--pets", type=Path)
    parser.add_argument("--ids", type=Path)
    parser.add_argument("--pack", type=Path)
    parser.add_argument("--backgrounds", type=Path, nargs="+", default=[])
    parser.add_argument("--emoji", type=Path)
    args = parser.parse_args()
    wanted = listed_ids(args.ids) if args.ids else None
    seen: set[str] = set()
    photos = [p for folder in args.coco for p in coco_photos(folder, wanted, seen)]
    photos += pet_photos(args.pets, wanted) if args.pets else []
    np.savez_compressed(args.out, photos=np.array(photos, dtype=object))
    print(f"{len(photos)} photographs, {sum(bool(p['salient']) for p in photos)} with a foreground")
    if args.pack:
        scenes = [b for folder in args.backgrounds for b in backgrounds(folder)]
        sprites = emoji_sprites(args.emoji)[::SPRITE_STEP] if args.emoji else []
        objects = cut_outs(photos)
        write_pack(args.pack, scenes + [p["image"] for p in photos] + objects + sprites)
        print(f"{len(scenes)} backgrounds, {len(objects)} cut-out objects, {len(sprites)} sprites")


if __name__ == "__main__":
    main()
