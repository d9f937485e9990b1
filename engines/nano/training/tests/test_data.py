"""Samples are exact and repeatable; the measures measure what they say."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from clips import BAND_WEIGHT, Clips, Material, Sample, by_kind, drawn  # noqa: E402
from data import Batches, Generator, Sources  # noqa: E402
from evaluate import best_ellipse, ellipse, iou, part_of  # noqa: E402
from material import coco_photos, cut_outs, pet_photos, salient, write_pack  # noqa: E402
from prompted import Prompter, shown  # noqa: E402
from rendered import RenderedClips, has_cut  # noqa: E402


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def square(h: int, w: int) -> np.ndarray:
    mask = np.zeros((h, w), np.uint8)
    mask[h // 4 : 3 * h // 4, w // 4 : 3 * w // 4] = 255
    return mask


@pytest.fixture
def generator_at(tmp_path: Path):
    """A maker of generators over two made-up photographs and three clips in two sizes."""
    photo = dict(image=noise(120, 160, 3), masks=[square(120, 160)], salient=[0])
    photos = [photo | dict(kind=kind) for kind in ("pets", "things")]
    np.savez(tmp_path / "material.npz", photos=np.array(photos, dtype=object))
    for name, h, w, count in (("64x48x3_0", 48, 64, 2), ("80x60x2_0", 60, 80, 1)):
        frame = np.concatenate([noise(h, w, 3).ravel(), square(h, w).ravel()])
        np.tile(frame, count * int(name[6])).tofile(tmp_path / f"{name}.raw")
    return lambda seed: Generator(tmp_path / "material.npz", tmp_path, seed)


def test_same_seed_same_samples(generator_at) -> None:
    first, second = generator_at(7), generator_at(7)
    for _ in range(8):
        a, b = first.sample(96), second.sample(96)
        assert np.array_equal(a.image, b.image) and np.array_equal(a.alpha, b.alpha)


def test_samples_have_a_foreground_and_a_background(generator_at) -> None:
    generator = generator_at(1)
    for _ in range(40):
        sample = generator.sample(96)
        assert sample.image.shape == (96, 96, 3) and sample.alpha.shape == (96, 96)
        assert 0.02 < sample.alpha.mean() / 255 < 0.86


def test_hand_drawn_edges_count_less_than_rendered_ones(generator_at) -> None:
    generator = generator_at(1)
    seen = {BAND_WEIGHT in generator.sample(96).weight for _ in range(40)}
    assert seen == {True, False}


def test_rendered_frames_come_back_from_every_file(generator_at, tmp_path: Path) -> None:
    clips = RenderedClips(tmp_path)
    assert [clips.length(i) for i in range(len(clips))] == [3, 3, 2]
    assert [clips.frame(i, 1)[0].shape for i in range(3)] == [(48, 64, 3), (48, 64, 3), (60, 80, 3)]
    assert np.array_equal(clips.frame(2, 1)[1], square(60, 80))


def test_a_rendered_clip_stays_in_step_with_its_alpha(generator_at, tmp_path: Path) -> None:
    clips = Clips(Material([], [], [], RenderedClips(tmp_path)), 3, 96)
    sample = clips.rendered([0, 5, 9])
    assert sample.frames.shape == (3, 96, 96, 3)
    assert np.array_equal(sample.masks[0], sample.masks[2]) and 0 < sample.masks.mean() < 255


def test_only_a_cut_is_a_cut() -> None:
    dark, bright = (np.full((40, 60, 3), v, np.uint8) for v in (40, 120))
    assert has_cut([dark, dark, bright]) and not has_cut([dark, dark + 5, dark])


def test_the_tracker_is_asked_for_the_second_frame(generator_at, tmp_path: Path) -> None:
    prompter = Prompter(Path(__file__).parents[2] / "tracker.safetensors", 0)
    frame, mask = np.zeros((64, 64, 3), np.uint8), square(64, 64)
    frame[mask > 0] = 220
    pair = Sample(np.stack([frame, frame]), np.stack([mask, mask]), np.full((2, 64, 64), 255, np.uint8))
    found = prompter.prompts([pair, pair], faulty=False)
    assert found.shape == (2, 1, 16, 16) and np.array_equal(found[0], found[1])
    assert set(shown(mask, 16).ravel()) == {-10.0, 10.0}
    assert ((found[0, 0] > 0) == (shown(mask, 16) > 0)).mean() > 0.8


def test_faults_are_of_some_masks_and_leave_the_given_ones() -> None:
    prompter = Prompter(Path(__file__).parents[2] / "tracker.safetensors", 0)
    mask = square(64, 64)
    faulty = [prompter.with_faults(mask) for _ in range(40)]
    kept = sum(np.array_equal(f, square(64, 64)) for f in faulty)
    assert 4 < kept < 30 and np.array_equal(mask, square(64, 64))


def test_small_things_far_from_the_largest_are_not_foreground() -> None:
    masks = [np.zeros((100, 100), np.uint8) for _ in range(3)]
    masks[0][20:80, 20:60] = 255
    masks[1][30:50, 60:80] = 255
    masks[2][0:6, 90:99] = 255
    assert salient(masks) == [0, 1]


def test_kinds_are_drawn_equally_often() -> None:
    groups, rng = by_kind(list(range(10)), ["a"] * 9 + ["b"]), np.random.default_rng(0)
    assert groups == [list(range(9)), [9]]
    assert 80 < sum(drawn(rng, drawn(rng, groups)) == 9 for _ in range(200)) < 120


def test_a_pets_edge_runs_through_the_middle_of_its_trimaps(tmp_path: Path) -> None:
    for folder in ("images", "trimaps"):
        (tmp_path / folder).mkdir()
    Image.fromarray(noise(60, 80, 3)).save(tmp_path / "images" / "Bengal_1.jpg")
    trimap = np.full((60, 80), 2, np.uint8)
    trimap[:, 20:60], trimap[:, 26:54] = 3, 1
    Image.fromarray(trimap).save(tmp_path / "trimaps" / "Bengal_1.png")
    [photo] = pet_photos(tmp_path, {"Bengal_1"})
    assert not pet_photos(tmp_path, {"Bengal_2"})
    assert (photo["id"], photo["kind"], photo["salient"]) == ("Bengal_1", "pets", [0])
    assert photo["image"].shape == (60, 80, 3)
    assert np.flatnonzero(photo["masks"][0][30]).tolist() == list(range(23, 57))


def test_small_people_are_not_the_foreground_where_only_people_are_labelled(tmp_path: Path) -> None:
    Image.fromarray(noise(100, 100, 3)).save(tmp_path / "1.jpg")
    image = dict(id=1, license=5, file_name="1.jpg", flickr_url="here", width=100, height=100)
    person = dict(image_id=1, iscrowd=0, category_id=1, segmentation=[[0, 0, 20, 0, 20, 20, 0, 20]])
    thing = person | dict(category_id=3, segmentation=[[90, 90, 95, 90, 95, 95]])
    for labels, kind, found in (([person], "people", []), ([person, thing], "things", [0])):
        table = dict(images=[image], annotations=labels)
        (tmp_path / "instances_val.json").write_text(json.dumps(table))
        [photo] = coco_photos(tmp_path, None, set())
        assert (photo["kind"], photo["salient"], photo["licence"]) == (kind, found, 5)


def test_pictures_of_open_images_go_by_their_id_there(tmp_path: Path) -> None:
    Image.fromarray(noise(100, 100, 3)).save(tmp_path / "deer.jpg")
    image = dict(id=1, openimages_id="00ff", license=4, file_name="deer.jpg", width=100, height=100)
    deer = dict(image_id=1, iscrowd=0, category_id=2, segmentation=[[0, 0, 20, 0, 20, 20, 0, 20]])
    (tmp_path / "instances.json").write_text(json.dumps(dict(images=[image], annotations=[deer])))
    [photo] = coco_photos(tmp_path, {"00ff"}, {"1"})
    assert (photo["id"], photo["kind"], photo["salient"]) == ("00ff", "animals", [0])
    assert not coco_photos(tmp_path, {"1"}, set()) and not coco_photos(tmp_path, None, {"00ff"})


def test_a_batch_may_be_without_prompts(generator_at, tmp_path: Path) -> None:
    (tmp_path / "scenery").mkdir()
    tracker = Path(__file__).parents[2] / "tracker.safetensors"
    generator_at(0)
    sources = Sources(tmp_path / "material.npz", tmp_path / "scenery", tmp_path, tracker)
    image, alpha, _, prompts, has_prompt = next(iter(Batches(sources, 0, 3, 64, 1.0)))
    assert image.shape == (3, 3, 64, 64) and alpha.shape == (3, 1, 64, 64)
    assert prompts.shape == (3, 1, 16, 16) and not has_prompt.any()


def test_cut_outs_are_packed_behind_their_sizes(tmp_path: Path) -> None:
    objects = cut_outs([dict(image=noise(120, 160, 3), masks=[square(120, 160)])])
    write_pack(tmp_path / "pack.bin", objects)
    written = (tmp_path / "pack.bin").read_bytes()
    h, w = objects[0].shape[:2]
    assert (h, w) == (58, 78)
    assert np.frombuffer(written[:12], "<u4").tolist() == [w, h, 4]
    assert len(written) == 12 + h * w * 4


def test_the_ellipse_is_found_again() -> None:
    class Photo:
        foreground = (ellipse(96, 0.6, 0.8, 0.5) * 255).astype(np.uint8)

    value, (width, height, y) = best_ellipse([Photo])
    assert value > 0.99 and abs(width - 0.6) < 1e-6 and abs(height - 0.8) < 1e-6 and y == 0.5


def test_iou_of_nothing_and_of_everything() -> None:
    assert iou(np.zeros((8, 8), np.float32), np.full((8, 8), 255, np.uint8)) == 0
    assert iou(np.ones((8, 8), np.float32), np.full((8, 8), 255, np.uint8)) == 1


def test_a_photograph_has_one_part() -> None:
    assert part_of("000000000009") in {"validation", "test"}
    assert part_of("000000000009") == part_of("000000000009")
