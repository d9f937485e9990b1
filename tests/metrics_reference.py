#!/usr/bin/env python3
"""Compares the metrics with the tools that they follow.

    tests/metrics_reference.py --references DIR             many made pictures, then the Rust test
    tests/metrics_reference.py --references DIR --clips DIR real masks as well (*/gt/*.png)
    tests/metrics_reference.py --references DIR --commit    writes tests/data/metrics
    tests/metrics_reference.py --references DIR --speed     times both on 1080p pairs

Needs `pip install pysodmetrics opencv-python-headless scikit-image scipy`. DIR holds, or is given,
checkouts of davis2017-evaluation, RobustVideoMatting, DIS, CascadePSP and boundary-iou-api; what
cannot be had is named and left out. Nothing of these tools is kept in the project.
"""
import argparse
import contextlib
import importlib.util
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import timeit
import types
import warnings
from pathlib import Path

import cv2
import numpy as np
import py_sod_metrics as sod
from scipy.ndimage import gaussian_filter
from skimage.morphology import skeletonize

HERE = Path(__file__).resolve().parent
REPOSITORIES = {
    "davis2017-evaluation": "davisvideochallenge",
    "RobustVideoMatting": "PeterL1n",
    "DIS": "xuebinqin",
    "CascadePSP": "hkchengrex",
    "boundary-iou-api": "bowenc0221",
}


class References:
    """The tools, each imported from its checkout."""

    def __init__(self, folder):
        self.folder = folder
        for name in ("xlsxwriter", "matplotlib", "matplotlib.pyplot", "pycocotools", "pycocotools.mask", "tqdm"):
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
                continue
            sys.modules[name] = types.ModuleType(name)
            sys.modules[name].tqdm = None
        np.int = int  # RobustVideoMatting was written for an older numpy.
        self.davis = self.load("davis2017-evaluation", "davis2017/metrics.py")
        self.davis_utils = self.load("davis2017-evaluation", "davis2017/utils.py")
        self.rvm = self.load("RobustVideoMatting", "evaluation/evaluate_lr.py")
        self.dis = self.load("DIS", "IS-Net/hce_metric_main.py")
        self.cascade = self.load("CascadePSP", "util/compute_boundary_acc.py")
        self.boundary = self.load("boundary-iou-api", "boundary_iou/utils/boundary_utils.py")

    def load(self, repository, path):
        root = self.folder / repository
        if not root.exists():
            url = f"https://github.com/{REPOSITORIES[repository]}/{repository}"
            subprocess.run(["git", "clone", "--quiet", "--depth", "1", url, str(root)], check=False)
        if not (root / path).exists():
            print(f"left out: {repository} is not in {self.folder}")
            return None
        sys.path.insert(0, str(root))
        spec = importlib.util.spec_from_file_location(Path(path).stem + "_" + repository.replace("-", "_"), root / path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module


def saliency(pred, gt, normalize):
    measures = [sod.Fmeasure(), sod.Emeasure(), sod.Smeasure(), sod.MAE(),
                sod.WeightedFmeasure(beta=1.0), sod.WeightedFmeasure(beta=0.3)]
    if not normalize:
        pred, gt = pred / 255, gt > 128
    for measure in measures:
        measure.step(pred, gt, normalize=normalize)
    f, e, s, mae, wf, wf03 = (measure.get_results() for measure in measures)
    scores = {
        "mae": mae["mae"], "s_measure": s["sm"],
        "f_max": f["fm"]["curve"].max(), "f_mean": f["fm"]["curve"].mean(), "f_adaptive": f["fm"]["adp"],
        "e_max": e["em"]["curve"].max(), "e_mean": e["em"]["curve"].mean(), "e_adaptive": e["em"]["adp"],
        "weighted_f_beta2_1_0": wf["wfm"], "weighted_f_beta2_0_3": wf03["wfm"],
    }
    curves = {"precision": f["pr"]["p"], "recall": f["pr"]["r"], "f": f["fm"]["curve"], "e": e["em"]["curve"]}
    return scores, {name: curve[::-1].tolist() for name, curve in curves.items()}


def boundary_iou(references, pred, gt):
    pred, gt = (references.boundary.mask_to_boundary(m.astype(np.uint8)) > 0 for m in (pred, gt))
    return (pred & gt).sum() / (pred | gt).sum()


def matting(references, pred, gt, before):
    rvm = references.rvm
    as_alpha = [picture.astype(np.float32) / 255 for picture in (pred, gt, *before)]
    p, g = as_alpha[:2]
    return {
        "mad": rvm.MetricMAD()(p, g), "mse": rvm.MetricMSE()(p, g),
        "grad": rvm.MetricGRAD()(p, g), "conn": rvm.MetricCONN()(p, g),
        "dtssd": rvm.MetricDTSSD()(p, as_alpha[2], g, as_alpha[3]) if before else 0,
    }


def hce(references, pred, gt):
    names = ["false_positive_points", "false_positive_regions", "false_negative_points", "false_negative_regions"]
    try:
        counts = references.dis.relax_HCE(gt, pred, skeletonize(gt > 128))
    except IndexError:  # The authors' code fails on faults that fill the picture.
        return {}
    return dict(zip(names, map(int, counts))) | {"hce": int(sum(counts))}


def frame(references, pred, gt, before, with_curves):
    p, g = pred > 128, gt > 128
    scores, curves = saliency(pred, gt, True)
    scores["full_scale"], _ = saliency(pred, gt, False)
    if references.cascade:
        scores["mba"] = references.cascade.compute_boundary_acc(g, p, p)[0]
    if references.boundary:
        scores["boundary_iou"] = boundary_iou(references, p, g)
    if references.davis:
        scores["j"] = references.davis.db_eval_iou(g, p)
        scores["boundary_f"] = references.davis.db_eval_boundary(g, p)
    if references.rvm:
        scores["matting"] = matting(references, pred, gt, before)
    if references.dis:
        scores |= hce(references, pred, gt)
    return scores | (curves if with_curves else {})


def davis(references, frames, objects):
    count = int(frames[0][1].max()) if objects == "labels" else 1
    sums = {"j": [], "f": []}
    for label in range(1, count + 1):
        masks = [[(m == label) if objects == "labels" else (m > 128) for m in pair] for pair in frames]
        pred, gt = (np.stack(side) for side in zip(*masks))
        sums["j"].append(references.davis_utils.db_statistics(references.davis.db_eval_iou(gt, pred)))
        sums["f"].append(references.davis_utils.db_statistics(references.davis.db_eval_boundary(gt, pred)))
    means = {name: np.mean(values, axis=0) for name, values in sums.items()}
    return {name: dict(zip(("mean", "recall", "decay"), map(float, m))) for name, m in means.items()} | {
        "j_and_f": float((means["j"][0] + means["f"][0]) / 2)}


def saliency_overall(frames):
    f, e = sod.Fmeasure(), sod.Emeasure()
    for pred, gt in frames:
        f.step(pred, gt)
        e.step(pred, gt)
    f, e = f.get_results(), e.get_results()
    return {"f_max_of_mean_curve": f["fm"]["curve"].max(), "e_max_of_mean_curve": e["em"]["curve"].max(),
            "mean": {"f_mean": f["fm"]["curve"].mean(), "f_adaptive": f["fm"]["adp"]}}


def write_case(references, folder, name, frames, objects="binary", with_curves=True):
    case = {"name": name, "objects": objects, "frames": []}
    before = ()
    for i, (pred, gt) in enumerate(frames):
        files = {key: f"{name}_{i}_{key}.png" for key in ("pred", "gt")}
        for key, picture in (("pred", pred), ("gt", gt)):
            cv2.imwrite(str(folder / files[key]), picture)
        case["frames"].append(files | {"expected": frame(references, pred, gt, before, with_curves)})
        before = (pred, gt)
    case["expected"] = {"sod": saliency_overall(frames)}
    if references.davis:
        case["expected"]["davis"] = davis(references, frames, objects)
    return case


def plain(value):
    """JSON has no NaN: null stands for it."""
    if isinstance(value, dict):
        return {key: plain(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, (float, np.floating)):
        return None if np.isnan(value) else float(value)
    return value if isinstance(value, str) else int(value)


def blob(random, height, width, sigma):
    """A smooth random picture over the full range."""
    picture = gaussian_filter(random.standard_normal((height, width)), sigma)
    return (picture - picture.min()) / (picture.max() - picture.min())


def mask(random, height, width, sigma=None):
    picture = blob(random, height, width, sigma or max(1.0, min(height, width) / 12))
    return np.uint8(picture > np.quantile(picture, random.uniform(0.4, 0.95))) * 255


def spoil(random, gt):
    """A prediction: the truth moved, softened, with holes and specks."""
    pred = np.roll(gt, random.integers(-4, 5, 2), (0, 1)).astype(float)
    pred = gaussian_filter(pred, random.uniform(0.3, 3))
    specks = blob(random, *gt.shape, 2) > 0.8
    pred = np.where(specks, 255 - pred, pred) + random.normal(0, random.choice([0, 6]), gt.shape)
    return np.uint8(np.clip(pred, 0, 255))


def made_pairs(random):
    """Name and pair: the ordinary, and what breaks metrics."""
    size = lambda: (int(random.integers(9, 130)), int(random.integers(9, 130)))
    for i in range(25):
        gt = mask(random, *size())
        yield f"blob{i}", spoil(random, gt), gt
    for i in range(8):
        h, w = size()
        yield f"noise{i}", *np.uint8(random.integers(0, 256, (2, h, w)))
    for i in range(8):
        gt = mask(random, *size(), 0.8)
        yield f"fine{i}", mask(random, *gt.shape, 0.8), gt
    for i in range(4):
        gt = mask(random, *size())
        yield f"binary{i}", np.where(gt > spoil(random, gt), gt, mask(random, *gt.shape)), gt
    for i in range(4):
        soft = np.uint8(255 * np.clip(blob(random, *size(), 8) * 3 - 1, 0, 1))
        yield f"soft{i}", spoil(random, soft), soft
    h, w = 40, 57
    empty, full = np.zeros((h, w), np.uint8), np.full((h, w), 255, np.uint8)
    dot = empty.copy()
    dot[17, 30] = 255
    corner = empty.copy()
    corner[h - 1, w - 1] = 255
    some = mask(random, h, w)
    grey = np.full((h, w), 77, np.uint8)
    wide = mask(random, 70, 640)
    named = {"empty": empty, "full": full, "dot": dot, "corner": corner, "some": some}
    for gt_name, gt in named.items():
        for pred_name, pred in (named | {"grey": grey, "noisy": spoil(random, some)}).items():
            yield f"{pred_name}_for_{gt_name}", pred, gt
    yield "wide", spoil(random, wide), wide


def made_sequence(random, frames, objects):
    """A clip of blobs that drift, labelled from 1 on."""
    h, w = 60, 80
    bases = [mask(random, h, w) > 0 for _ in range(objects)]
    for t in range(frames):
        gt, pred = np.zeros((2, h, w), np.uint8)
        for label, base in enumerate(bases, 1):
            gt[np.roll(base, t, 1)] = label
            pred[np.roll(base, (t // 2, t + t // 3), (0, 1))] = label
        yield pred, gt


def real_cases(clips):
    """Masks of real clips, moved and softened as predictions."""
    random = np.random.default_rng(7)
    for folder in sorted(clips.glob("*/gt")):
        frames = [cv2.imread(str(p), cv2.IMREAD_GRAYSCALE) for p in sorted(folder.glob("*.png"))[::6]]
        if frames:
            yield folder.parent.name, [(spoil(random, gt), gt) for gt in frames]


def cases(references, folder, clips):
    random = np.random.default_rng(1)
    for name, pred, gt in made_pairs(random):
        yield write_case(references, folder, name, [(pred, gt)])
    for frames, objects in ((1, 1), (2, 2), (5, 3), (13, 2), (26, 1)):
        clip = list(made_sequence(random, frames, objects))
        yield write_case(references, folder, f"sequence{frames}", clip, "labels", False)
    soft = [(np.uint8(gaussian_filter(p * 255.0, 2)), np.uint8(gaussian_filter(g * 255.0, 1)))
            for p, g in made_sequence(random, 9, 1)]
    yield write_case(references, folder, "clip", soft, with_curves=False)
    for name, frames in real_cases(clips) if clips else ():
        yield write_case(references, folder, name, frames, with_curves=False)


def committed_cases(references, folder):
    random = np.random.default_rng(2)
    chosen = ("blob0", "noise0", "fine0", "soft0", "dot_for_some", "some_for_dot", "empty_for_full", "full_for_empty",
              "empty_for_empty", "full_for_full", "some_for_empty", "some_for_full", "corner_for_corner",
              "grey_for_some", "noisy_for_some")
    for name, pred, gt in made_pairs(random):
        if name in chosen:
            yield write_case(references, folder, name, [(pred, gt)], with_curves=name == "blob0")
    yield write_case(references, folder, "sequence", list(made_sequence(random, 6, 2)), "labels", False)


def speed_pairs(random):
    """1080p: soft shapes as a network draws them, and the worst case, noise."""
    gt = mask(random, 1080, 1920, 60)
    yield "shapes", spoil(random, gt), gt
    soft = np.uint8(np.clip(gaussian_filter(np.roll(gt, (3, 5), (0, 1)).astype(float), 2), 0, 255))
    yield "clean", soft, gt
    yield "noise", *np.uint8(random.integers(0, 256, (2, 1080, 1920)))


def speed(references):
    """Milliseconds of processor time: the references', ours, and the ratio, one pair after another."""
    cv2.setNumThreads(1)
    cost = lambda run: timeit.timeit(run, timer=time.process_time, number=4) / 4 * 1e3
    for name, pred, gt in speed_pairs(np.random.default_rng(3)):
        p, g = pred > 128, gt > 128
        theirs = {"sod_ms": cost(lambda: [m().step(pred, gt) for m in (
            sod.Fmeasure, sod.Emeasure, sod.Smeasure, sod.MAE, sod.WeightedFmeasure)])}
        if references.davis:
            theirs["j_and_f_ms"] = cost(lambda: (references.davis.db_eval_iou(g, p), references.davis.db_eval_boundary(g, p)))
        if references.dis and name != "noise":
            theirs["hce_ms"] = cost(lambda: references.dis.relax_HCE(gt, pred, skeletonize(g)))
        if references.rvm:
            theirs["matting_ms"] = cost(lambda: matting(references, pred, gt, ()))
        with tempfile.TemporaryDirectory() as folder:
            for key, picture in (("pred", pred), ("gt", gt)):
                cv2.imwrite(f"{folder}/{key}.png", picture)
            command = [*os.environ.get("METRICS_BENCH", "cargo bench --quiet --bench metrics --").split(), folder]
            ours = subprocess.run(command, cwd=HERE.parent, check=True, capture_output=True, text=True).stdout
        for line in ours.splitlines():
            key, value = line.split(" ")[:2]
            if key in theirs:
                ratio = theirs[key] / float(value)
                print(f"{name:8} {key:12} {theirs[key]:10.1f} {float(value):8.2f} {ratio:7.1f}x", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--references", type=Path, required=True)
    parser.add_argument("--clips", type=Path)
    parser.add_argument("--commit", action="store_true")
    parser.add_argument("--speed", action="store_true", help="set RAYON_NUM_THREADS=1 to compare single cores")
    parser.add_argument("--keep", type=Path, help="write the pictures here and do not run the test")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    references = References(arguments.references)
    if arguments.speed:
        return speed(references)
    with tempfile.TemporaryDirectory() as folder:
        folder = HERE / "data/metrics" if arguments.commit else arguments.keep or Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        made = committed_cases(references, folder) if arguments.commit else cases(references, folder, arguments.clips)
        with contextlib.redirect_stdout(io.StringIO()):
            made = plain(list(made))
        (folder / "cases.json").write_text(json.dumps(made, indent=1 if arguments.commit else None) + "\n")
        print(f"{len(made)} cases in {folder}")
        if not arguments.commit and not arguments.keep:
            command = ["cargo", "test", "--test", "metrics", "--", "--nocapture", "reference_script"]
            environment = os.environ | {"METRICS_CASES": str(folder)}
            sys.exit(subprocess.run(command, cwd=HERE.parent, env=environment, check=False).returncode)


if __name__ == "__main__":
    main()
