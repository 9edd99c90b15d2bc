"""Faces as a user gets them: printed, in a notebook, as numbers; and how sure a model is."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from coloured_spots import UNIT, Brightest, Constant, noise, predictor, spots
from rich.console import Console
from rich.pretty import pretty_repr
from torch import Tensor, nn

from zoo.api import IBUG68, DataError, UsageError, generic_scheme
from zoo.datasets.ibug_pts import read_pts
from zoo.images import read_image
from zoo.prediction import Face, Faces, Finder
from zoo.prediction.picture import Picture

POINTS = np.array([[20, 30], [60.5, 30], [40, 60]], np.float32)
FACE = Face((10, 10, 70.26, 70), 23.0, POINTS, None, 0.8333)
SYMMETRIC = replace(generic_scheme(3), flip=(1, 0, 2))


def faces(*found: Face, height: int = 80, width: int = 100) -> Faces:
    return Faces(found, np.full((height, width, 3), 90, np.uint8), generic_scheme(3))


def test_a_face_is_printed_without_its_points() -> None:
    expected = "box=(10, 10, 70.3, 70), box_score=23.0, points=3 points, score=0.833"
    assert repr(FACE) == f"Face({expected})"
    assert "3 points" in pretty_repr(FACE)


def test_faces_are_a_list_that_prints_a_line_a_face() -> None:
    two = faces(FACE, FACE)
    assert isinstance(two, list)
    assert len(two) == 2
    assert repr(two).splitlines()[0] == "<2 faces of points3 in 100 x 80 pixels>"
    assert len(repr(two).splitlines()) == 3
    assert repr(faces()) == "<0 faces of points3 in 100 x 80 pixels>"
    assert two.points.shape == (2, 3, 2)
    assert faces().points.shape == (0, 3, 2)
    assert type(two[:1]) is list


def test_rich_shows_faces_as_a_table() -> None:
    out = io.StringIO()
    Console(file=out, width=100).print(faces(FACE, replace(FACE, score=float("nan"))))
    rows = [line for line in out.getvalue().splitlines() if "70.3" in line]
    assert "0.83" in rows[0]
    assert "nan" not in rows[1]


@pytest.mark.parametrize(("height", "width"), [(80, 100), (3000, 1500)])
def test_a_notebook_shows_the_picture_with_the_faces(height: int, width: int) -> None:
    shown = faces(FACE, height=height, width=width)
    data = shown._repr_png_()
    assert data is not None
    picture = cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), 1), cv2.COLOR_BGR2RGB)
    scale = min(1, 1024 / max(height, width))
    assert picture.shape == (round(height * scale), round(width * scale), 3)
    if scale == 1:
        np.testing.assert_array_equal(picture, shown.drawn())
    assert (picture != 90).any()
    assert (shown.image == 90).all()  # it is drawn on a copy


def test_an_empty_picture_shows_nothing() -> None:
    assert faces(height=0)._repr_png_() is None


def test_a_part_is_named_in_either_order_and_an_unknown_one_with_all_names() -> None:
    points = np.arange(136, dtype=np.float32).reshape(68, 2)
    face = Face((0, 0, 9, 9), 1.0, points, scheme=IBUG68)
    for name in ("left_eye", "eye_left", "left eye", "Left-Eye"):
        np.testing.assert_array_equal(face.part(name), points[36:42])
    with pytest.raises(UsageError, match=r"no part of scheme ibug68 'left_ey': .*jaw, brow_left,"):
        face.part("left_ey")
    with pytest.raises(UsageError, match=r"no part of scheme points3 'jaw': there are none"):
        faces(FACE)[0].part("jaw")
    with pytest.raises(UsageError, match=r"a face without a scheme"):
        FACE.part("jaw")


def test_tables_json_and_files_say_the_same(tmp_path: Path) -> None:
    two = Faces(
        [replace(FACE, confidence=0.75), replace(FACE, points=POINTS + 1, box_score=float("nan"))],
        Picture(80, 100, "in/photo.jpg", np.full((80, 100, 3), 90, np.uint8)),
        generic_scheme(3),
    )
    frame = two.to_frame()
    assert list(frame["image_name"]) == ["in/photo.jpg"] * 2
    assert list(frame["face"]) == [0, 1]
    np.testing.assert_allclose(frame.filter(like="part_").to_numpy().reshape(2, 3, 2), two.points)
    for source, expected in ((two, frame), (faces(), faces().to_frame())):
        [file] = source.save(tmp_path / "new" / "points.csv")
        read = pd.read_csv(file, keep_default_na=True)
        pd.testing.assert_frame_equal(read, expected, check_dtype=False, atol=1e-3)
    assert json.loads(two.to_json()) == json.loads(two.to_json(indent=2))
    table = json.loads(two.to_json())
    assert table["image"] == "in/photo.jpg"
    assert [each["confidence"] for each in table["faces"]] == [0.75, None]
    assert [each["score"] for each in table["faces"]] == [0.8333, 0.8333]
    for suffix in ("json", "jsonl"):
        [file] = two.save(str(tmp_path / f"points.{suffix}"))
        assert file.read_text() == two.to_json() + "\n"
    files = two.save(tmp_path / "a.pts")
    assert [file.name for file in files] == ["a.pts", "a-face2.pts"]
    np.testing.assert_allclose(read_pts(files[1]), POINTS + 2, atol=1e-3)


@pytest.mark.parametrize("suffix", [".png", ".JPG", ".webp", ".tiff"])
def test_a_picture_s_suffix_saves_the_drawn_picture(tmp_path: Path, suffix: str) -> None:
    one = faces(FACE)
    [file] = one.save(tmp_path / f"marked{suffix}")
    assert np.abs(read_image(file).astype(int) - one.drawn()).mean() < 3


def test_what_cannot_be_saved_is_said_and_nothing_is_lost(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"points\.txt: the suffix .*\.csv, .*\.pts, \.png"):
        faces(FACE).save(tmp_path / "points.txt")
    with pytest.raises(UsageError, match=r"points: the suffix says"):
        faces(FACE).save(tmp_path / "points")
    with pytest.raises(UsageError, match=r"a \.pts file holds one face, and this picture has none"):
        faces().save(tmp_path / "a.pts")
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"points\.csv: .*; name a file in a folder"):
        faces(FACE).save(tmp_path / "file" / "points.csv")
    photo = tmp_path / "photo.png"
    photo.write_bytes(faces()._repr_png_() or b"")
    before = photo.read_bytes()
    with pytest.raises(UsageError, match=r"photo\.png: is the picture itself"):
        predictor(Constant())(photo, "none").save(photo)
    assert photo.read_bytes() == before


def test_a_predictor_says_what_it_is() -> None:
    made = predictor(Constant())
    made.name = "mine"
    assert repr(made) == "<TorchPredictor mine: 3 points of points3, 32 px>"
    made.refine = 1
    assert "2 passes" in repr(made)
    assert "refine=1" in pretty_repr(made)


def test_pictures_of_a_batch_are_what_they_are_alone() -> None:
    """The pictures have other sizes; the crops of all go through the model together."""
    model = Constant(score=True)
    made = predictor(model)
    images = [noise(60, 100), noise(50, 40), noise(90, 90)]
    together = made.predict_batch(images, "none")
    assert [len(shown) for shown in model.shown] == [3]
    for image, found in zip(images, together, strict=True):
        assert found.image is image
        (face,), (alone,) = found, made.predict(image, "none")
        np.testing.assert_array_equal(face.points, alone.points)
        assert face.score == pytest.approx(alone.score)
    nothing = made.predict_batch(images, Finder.of("haar"))
    assert [list(found) for found in nothing] == [[], [], []]
    assert made.predict_batch([]) == []
    with pytest.raises(DataError, match="a picture is uint8"):
        made.predict_batch([noise(5, 5), noise(5, 5).astype(np.float32)], "none")


def test_the_score_is_the_mean_of_the_points_where_the_head_scores() -> None:
    (face,) = predictor(Constant(score=True)).predict(noise(40, 40), "none")
    assert face.scores is not None
    assert face.score == pytest.approx(float(face.scores.mean()))


class Askew(nn.Module):
    """Predicts the same points in every crop, mirrored or not, ``off`` from the middle."""

    def __init__(self, off: float) -> None:
        super().__init__()
        self.off = off

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        shape = images.new_tensor([[0.25, 0.5], [0.75, 0.5], [0.5, 0.9]])
        points = shape + images.new_tensor([self.off, 0.0])
        return {"points": points.expand(len(images), -1, -1)}


@pytest.mark.parametrize(
    ("off", "score"),
    [(0.0, 1.0), (0.01, np.exp(-0.2 / np.sqrt(0.2))), (0.2, np.exp(-4 / np.sqrt(0.2)))],
)
def test_the_score_is_agreement_with_the_mirror_elsewhere(off: float, score: float) -> None:
    """By hand: points shifted by .01 come back from the mirror .02 away. A tenth of the face's size
    divides the score by e; the face is .5 x .4, so its size is the root of .2."""
    made = predictor(Askew(off))
    made.scheme = SYMMETRIC
    (face,) = made.predict(noise(40, 40), "none")
    assert face.score == pytest.approx(score, abs=1e-5)


class Counting(Brightest):
    calls = 0

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        self.calls += 1
        return super().forward(images)


@pytest.mark.parametrize(
    ("scheme", "check", "calls", "sure"),
    [
        (SYMMETRIC, True, 2, True),
        (SYMMETRIC, False, 1, False),
        (generic_scheme(3), True, 1, False),
    ],
)
def test_the_mirror_is_asked_only_where_it_can_answer(
    scheme: Any, check: bool, calls: int, sure: bool
) -> None:
    model = Counting()
    made = predictor(model)
    made.scheme, made.mirror_check = scheme, check
    # the mirrored picture has the second spot where the first was: the scheme exchanges them
    (face,) = made.predict(spots(64, 64, UNIT * 64), "none")
    assert model.calls == calls
    assert np.isfinite(face.score) == sure


def test_faces_that_are_followed_do_not_ask_the_mirror() -> None:
    model = Counting()
    made = predictor(model)
    made.scheme = SYMMETRIC
    image = spots(64, 64, UNIT * 64)
    (face,) = made.faces_in(image, [made.region_about(UNIT * 64)])
    made.points_in(image, [made.region_about(UNIT * 64)])
    assert np.isnan(face.score)
    assert model.calls == 2
