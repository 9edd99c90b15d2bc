"""Points on pictures: which crops the model gets, and points in pixels of the source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from coloured_spots import (
    FACES,
    SIZE,
    UNIT,
    Brightest,
    Constant,
    noise,
    predictor,
    run_folder,
    spots,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from zoo.api import (
    IBUG68,
    DataError,
    PluginError,
    UsageError,
    WeightsError,
    ZooDeprecationWarning,
)
from zoo.config.recipes import resolve
from zoo.geometry import Region, frame_region
from zoo.prediction import Face, FacePlace, Finder, face_region, load
from zoo.prediction.torch_model import TorchPredictor
from zoo.runs.folder import RunFolder
from zoo.runs.trained import Header
from zoo.tensors import save_tensors

if TYPE_CHECKING:
    from conftest import Plant


def test_a_whole_picture_is_seen_as_the_frames_of_training_were() -> None:
    model = Constant()
    image = noise(60, 100)
    (face,) = predictor(model).predict(image, "none")
    region = frame_region(60, 100)
    np.testing.assert_allclose(face.points, region.to_source(UNIT), atol=1e-4)
    # by hand: the square of 100 px about (49.5, 29.5)
    np.testing.assert_allclose(face.points[0], [49.5 - 25, 29.5], atol=1e-4)
    assert face.box == (-0.5, -0.5, 99.5, 59.5)
    assert face.box_score == 1
    assert face.scores is None
    (crops,) = model.shown
    assert crops.shape == (1, 3, SIZE, SIZE)
    assert crops.min() == 0  # black above and below
    assert 0 < crops.max() <= 1


@pytest.mark.parametrize(("height", "width"), [(50, 80), (200, 140), (31, 31)])
def test_what_the_model_sees_lands_where_it_is(height: int, width: int) -> None:
    points = np.array([[0.35, 0.4], [0.6, 0.45], [0.5, 0.65]]) * [width, height]
    (face,) = predictor(Brightest()).predict(spots(height, width, points), "none")
    scale = max(height, width) / SIZE
    assert np.abs(face.points - points).max() < 0.2 * max(1.0, scale / 4)


DETECTOR = """
import numpy as np
from zoo.api import Detector

def build(*, boxes=((20, 30, 60, 70, 0.9), (100, 20, 130, 50, 0.5))):
    return lambda image: np.array(boxes, np.float32).reshape(-1, 5)

planted = Detector(build=build, labelled=(0.8, 0.05, 0.1))
"""


@pytest.fixture
def detector(plant: Plant) -> str:
    """The id of a detector that finds faces at (20, 30, 60, 70) and (100, 20, 130, 50)."""
    plant("Planted-Detector", {"zoo.detectors": {"planted": "planted"}}, DETECTOR)
    return "planted"


def test_each_found_face_is_seen_in_a_region_of_its_own(detector: str) -> None:
    model = Constant(score=True)
    faces = predictor(model).predict(noise(100, 160), detector)
    assert [face.box for face in faces] == [(20, 30, 60, 70), (100, 20, 130, 50)]
    np.testing.assert_allclose([face.box_score for face in faces], [0.9, 0.5])
    for face, crop in zip(faces, model.shown[0], strict=True):
        region = face_region(np.array(face.box, np.float32), (0.8, 0.05, 0.1), FACES)
        np.testing.assert_allclose(face.points, region.to_source(UNIT), atol=1e-3)
        assert face.scores is not None
        np.testing.assert_allclose(face.scores, float(crop.mean()), atol=1e-6)


def test_spots_in_a_found_face_land_where_they_are(detector: str) -> None:
    points = np.array([[35.3, 45.2], [48.7, 47.0], [41.0, 61.4]])
    faces = predictor(Brightest()).predict(spots(100, 160, points), detector)
    assert np.abs(faces[0].points - points).max() < 0.3


def test_options_reach_the_detector_and_no_box_is_no_face(detector: str) -> None:
    assert predictor(Constant()).predict(noise(50, 50), Finder.of(detector, boxes=())) == []
    with pytest.raises(UsageError, match=r"detector [\w-]+/planted: .*'colour'; .*detector\.boxes"):
        Finder.of(detector, colour=1)
    with pytest.raises(PluginError, match="harr"):
        predictor(Constant()).predict(noise(50, 50), "harr")


def test_options_of_the_detector_in_predict_itself_work_for_one_more_release(detector: str) -> None:
    with pytest.warns(ZooDeprecationWarning, match="give zoo.prediction.Finder.of"):
        assert predictor(Constant()).predict(noise(50, 50), detector, boxes=()) == []
    with pytest.raises(UsageError, match="a Finder is given its own options"):
        predictor(Constant()).predict(noise(50, 50), Finder.of(detector), boxes=())


def test_many_faces_are_marked_in_several_batches(detector: str) -> None:
    boxes = [(10 * k, 10, 10 * k + 8, 18, 1.0) for k in range(150)]
    model = Constant()
    faces = predictor(model).predict(noise(30, 1600), Finder.of(detector, boxes=boxes))
    assert len(faces) == 150
    assert max(map(len, model.shown)) <= 64
    steps = np.diff([face.points[0, 0] for face in faces])
    np.testing.assert_allclose(steps, 10, atol=1e-3)


def test_a_model_of_boxes_sees_a_whole_picture_as_one_face() -> None:
    """Trained on faces that fill half the region: the picture's longer side becomes that half."""
    (face,) = predictor(Constant(), region="box").predict(noise(40, 80), "none")
    region = Region(39.5, 19.5 - 0.1 * 160, 160)
    np.testing.assert_allclose(face.points, region.to_source(UNIT), atol=1e-3)


def test_a_face_region_by_hand() -> None:
    """A box of 40 x 30: points fill .9 of 40 px, a tenth lower; in training .6 of the region."""
    box = np.array([10, 20, 50, 50, 0.7], np.float32)
    faces = FacePlace(side=0.6, cx=0.5, cy=0.55)
    region = face_region(box, (0.9, 0.0, 0.1), faces)
    assert region.side == pytest.approx(60)  # 36 px of points are .6 of it
    # the face's centre, (30, 35 + 4), lies at (.5, .55) of the region
    np.testing.assert_allclose(region.to_unit(np.array([30, 39])), [0.5, 0.55])


@settings(deadline=None)
@given(st.integers(0, 10**6))
def test_a_perfect_detector_finds_the_region_of_training(seed: int) -> None:
    """The labelled box of a training face gives back the region that was used in training."""
    random = np.random.default_rng(seed)
    region = Region(*random.uniform(-50, 50, 2), random.uniform(10, 300))
    unit = random.uniform(0.1, 0.9, (1, 68, 2))
    faces = FacePlace.of(unit, np.ones((1, 68), bool))
    points = region.to_source(unit[0])
    low, high = points.min(0), points.max(0)
    side = (high - low).max()
    centre = (low + high) / 2
    box = np.array([*(centre - side / 2), *(centre + side / 2), 1], np.float64)
    found = face_region(box.astype(np.float32), (1.0, 0.0, 0.0), faces)
    np.testing.assert_allclose(
        (found.cx, found.cy, found.side), (region.cx, region.cy, region.side), rtol=1e-3, atol=1e-2
    )


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((10, 10), np.uint8),
        np.zeros((10, 10, 4), np.uint8),
        np.zeros((10, 10, 3), np.float32),
    ],
)
def test_what_is_no_picture_is_refused(image: Any) -> None:
    with pytest.raises(DataError, match=r"uint8 \(H, W, 3\) RGB, this is an array of shape"):
        predictor(Constant()).predict(image, "none")


def test_drawing_marks_the_points_on_a_copy() -> None:
    image = np.full((200, 200, 3), 90, np.uint8)
    before = image.copy()
    points = np.array([[60, 80], [140.5, 80.5], [100, 150]], np.float32)
    face = Face(box=(30, 40, 170, 180), box_score=1, points=points, scores=None)
    drawn = predictor(Constant()).draw(image, [face])
    np.testing.assert_array_equal(image, before)
    assert drawn.shape == image.shape
    changed = (drawn != image).any(-1)
    for x, y in points.round().astype(int):
        assert changed[y, x]
    assert changed[40, 100]  # the box
    y, x = np.nonzero(changed[45:175, 35:165])
    near = np.hypot(x[:, None] + 35 - points[:, 0], y[:, None] + 45 - points[:, 1]).min(1)
    assert near.max() < 5  # inside the box nothing but the points, and their rims


def test_contours_are_drawn_and_points_outside_do_no_harm() -> None:
    made = predictor(Constant())
    made.scheme = IBUG68
    points = np.random.default_rng(0).uniform(-300, 400, (68, 2)).astype(np.float32)
    points[:17] = np.stack([np.linspace(10, 90, 17), np.full(17, 50)], 1)
    face = Face((-50, -50, 300, 300), 1.0, points, None)
    drawn = made.draw(np.zeros((100, 100, 3), np.uint8), [face])
    assert (drawn[50, 12:88] > 0).any(-1).all()  # the jaw, a line along its points
    assert not made.draw(drawn[:0], []).size


def test_a_run_is_loaded_with_all_that_a_prediction_needs(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run")
    loaded = load(folder.path, "cpu")
    assert loaded.scheme == IBUG68
    assert loaded.input_size == SIZE
    assert loaded.faces == FACES
    assert isinstance(loaded, TorchPredictor)
    assert not loaded.model.training
    (face,) = loaded.predict(noise(40, 50), "none")
    assert face.points.shape == (68, 2)
    again = load(str(folder.path), "cpu").predict(noise(40, 50), "none")
    np.testing.assert_array_equal(again[0].points, face.points)


def test_the_file_of_weights_names_no_folder_of_the_machine(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run")
    with safe_open(folder.best, "pt") as stream:
        assert "/secret" not in json.dumps(stream.metadata())


def test_a_folder_that_is_no_run_and_a_run_without_weights_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere: no run here.*`zoo models`"):
        load(tmp_path / "nowhere")
    folder = run_folder(tmp_path / "run")
    with pytest.raises(UsageError, match=r"runn: no run here.*did you mean .*run\?"):
        load(tmp_path / "runn")
    with pytest.raises(UsageError, match=r"face86: no run here.*did you mean face68\?"):
        load("face86")
    folder.best.unlink()
    with pytest.raises(WeightsError, match=r"run: has no best.safetensors.*zoo train --resume"):
        load(folder.path)


HEADER = json.loads(json.dumps(Header(resolve("x"), IBUG68, FACES, UNIT).to_dict()))


@pytest.mark.parametrize(
    "changes",
    [
        {"scheme": None},
        {"scheme": []},
        {"scheme": HEADER["scheme"] | {"pupils": []}},
        {"scheme": HEADER["scheme"] | {"regions": [1]}},
        {"scheme": HEADER["scheme"] | {"flip": [5] * 68}},
        {"scheme": HEADER["scheme"] | {"contours": [[1]]}},
        {"faces": {"side": 1}},
        {"mean_shape": "x"},
        {"config": {}},
        {"config": "x"},
        {"config": HEADER["config"] | {"unknown": 1}},
        {"config": HEADER["config"] | {"options": 3}},
    ],
    ids=lambda change: "-".join(change),
)
def test_a_header_that_was_tampered_with_is_refused(tmp_path: Path, changes: Any) -> None:
    folder = run_folder(tmp_path / "run", **changes)
    with pytest.raises(WeightsError, match=r"best.safetensors: its header is not a run's: "):
        load(folder.path)


def test_weights_that_do_not_fit_the_header_are_refused(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run")
    (tmp_path / "other").mkdir()
    other = RunFolder(tmp_path / "other")
    other.write_config(folder.read_config())
    header = Header(folder.read_config(), IBUG68, FACES, UNIT).to_dict()
    save_tensors(other.best, {"backbone.conv1.weight": torch.ones(1)}, header)
    with pytest.raises(WeightsError, match=r"does not fit timm:test_resnet: \S") as caught:
        load(other.path)
    assert "\n" not in str(caught.value)
