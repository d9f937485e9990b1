"""What is counted and drawn of the program's mattes."""

import sys
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from evaluate_program import absences, sheet  # noqa: E402


def clip(folder: Path, truths: list[int], mattes: list[int]) -> Path:
    """A clip of flat frames, matted."""
    here = folder / "clip"
    for name, values in (("truth", truths), ("memory", mattes), ("im", truths)):
        (here / name).mkdir(parents=True)
        for i, value in enumerate(values):
            cv2.imwrite(str(here / name / f"{i:05}.png"), np.full((9, 16), value, np.uint8))
    return here


def test_only_frames_without_the_object_count_as_absences(tmp_path):
    here = clip(tmp_path, truths=[255, 0, 0], mattes=[0, 0, 255])
    assert absences([here], tmp_path) == "memory: empty in 1 of 2 frames without the object"


def test_the_sheet_shows_the_worst_frame(tmp_path):
    here = clip(tmp_path, truths=[200, 200, 200], mattes=[190, 20, 180])
    sheet([here], tmp_path, tmp_path / "sheet.png")
    row = cv2.imread(str(tmp_path / "sheet.png"), 0)
    assert row[5, 300] == 200 and row[5, 500] == 20
