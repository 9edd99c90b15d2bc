"""`zoo predict --crops`: an upright crop of each face, named like its row."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from zoo.api import IBUG68, UsageError
from zoo.geometry import FacePlace
from zoo.media.inputs import find_all
from zoo.media.job import PredictJob
from zoo.media.pictures import read_picture
from zoo.media.predict import run
from zoo.prediction import Predictor, load_default
from zoo.prediction.pose import SHAPE
from zoo.reporter import Reporter

if TYPE_CHECKING:
    from conftest import Kit

UNIT = (0.5 + 0.5 * (SHAPE[:, :2] - (0, 44)) / 140).astype(np.float32)
"""A face that looks into the camera, in the middle of its crop."""


class Still(Predictor):
    """Predicts that face in every crop."""

    name = "still"
    scheme = IBUG68
    input_size = 16
    region = "box"
    faces = FacePlace(0.5, 0.5, 0.5)
    mirror_check = False

    def run(self, crops: NDArray[np.uint8]) -> tuple[NDArray[np.float32], None]:
        return np.repeat(UNIT[None], len(crops), 0), None


def predict(kit: Kit, out: Path, *inputs: Path, model: Predictor | None = None, **keys: Any) -> Any:
    finder = kit.finds((100, 90), (200, 90)).finder()
    sources, errors, _ = find_all(map(str, inputs))
    assert errors == []
    return run(PredictJob(model or Still(), finder, out, crops=True, **keys), sources, Reporter())


def crops(out: Path) -> list[str]:
    files = (path.relative_to(out).as_posix() for path in out.rglob("*.png"))
    return sorted(name for name in files if "crop" in name)


def test_each_row_has_a_crop_of_its_name_and_what_was_there_stays(kit: Kit, tmp_path: Path) -> None:
    photo = kit.save(tmp_path / "photo.png", kit.picture((100, 90), (200, 90)))
    out = tmp_path / "out"
    predict(kit, out, photo)
    assert crops(out) == ["photo-crop-0.png", "photo-crop-1.png"]
    with (out / "points.csv").open(newline="") as stream:
        assert [row["face"] for row in csv.DictReader(stream)] == ["0", "1"]
    found = Still()(photo, kit.finds((100, 90), (200, 90)).finder())
    for name, face in zip(crops(out), found, strict=True):
        np.testing.assert_array_equal(read_picture(out / name), face.aligned().image)
        assert read_picture(out / name).shape == (112, 112, 3)
    (out / "photo-crop-0.png").unlink()
    (out / "photo-crop-1.png").write_text("corrected by hand")
    predict(kit, out, photo, draw=False)
    names = ["photo-2-crop-0.png", "photo-2-crop-1.png", "photo-crop-1.png"]
    assert crops(out) == names
    assert (out / "photo-crop-1.png").read_text() == "corrected by hand"
    predict(kit, out, photo, draw=False, overwrite=True)
    assert crops(out) == ["photo-2-crop-0.png", "photo-2-crop-1.png", "photo-crop-0.png", names[2]]
    assert read_picture(out / "photo-crop-1.png").shape == (112, 112, 3)


@pytest.mark.parametrize("tracked", [True, False])
def test_crops_of_a_video_are_named_by_frame_and_face(
    kit: Kit, tmp_path: Path, tracked: bool
) -> None:
    clip = kit.video(tmp_path / "clip.mkv", [kit.picture((100, 90), (200, 90))] * 3)
    out = tmp_path / "out"
    predict(kit, out, clip, draw=False, **({} if tracked else {"tracking": None}))
    with (out / "points.csv").open(newline="") as stream:
        rows = [(int(row["frame"]), int(row["face"])) for row in csv.DictReader(stream)]
    assert len(rows) == 6
    assert crops(out) == [f"clip-crops/{frame:06d}-{face}.png" for frame, face in sorted(rows)]


def test_a_model_of_other_points_makes_no_crops_and_says_so(kit: Kit, tmp_path: Path) -> None:
    photo = kit.save(tmp_path / "photo.png", kit.picture((100, 90)))
    with pytest.raises(UsageError, match="scheme points3 has no points that mark the eyes"):
        predict(kit, tmp_path / "out", photo, model=kit.spots())


def test_the_bundled_model_s_points_can_be_aligned() -> None:
    [face] = load_default()(np.full((90, 90, 3), 99, np.uint8), "none", min_confidence=0)
    assert face.aligned(64).image.shape == (64, 64, 3)
