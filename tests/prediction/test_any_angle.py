"""Quarter turns for faces at any angle, and a least confidence that drops what is no face."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from coloured_spots import UNIT, predictor
from numpy.typing import NDArray
from torch import Tensor, nn

from zoo.api import Detector, UsageError
from zoo.evaluation.scores.calibration import Calibration
from zoo.geometry import face_region, frame_region
from zoo.prediction import Finder
from zoo.prediction.torch_model import TorchPredictor

SURE = Calibration(slope=20.0, intercept=-10.0)
"""A score of .9 is all but certain, one of .1 next to nothing."""


class KnowsUpright(nn.Module):
    """Predicts the same points for every crop. Their score is high only where the upper half is the
    brighter one. ``shown`` has the number of crops of each call."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[int] = []

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        self.shown.append(len(images))
        grey, half = images.mean(1), images.shape[-1] // 2
        known = grey[:, :half].mean((1, 2)) > grey[:, half:].mean((1, 2)) + 0.2
        points = torch.from_numpy(UNIT).float().expand(len(images), -1, -1)
        score = torch.where(known, 0.9, 0.1)[:, None].expand(-1, len(UNIT))
        return {"points": points, "score": score}


def calibrated() -> tuple[TorchPredictor, KnowsUpright]:
    network = KnowsUpright()
    result = predictor(network)
    result.calibration = SURE
    return result, network


def face(quarters: int) -> NDArray[np.uint8]:
    """Bright above and dark below, turned clockwise by so many quarters."""
    upright = np.zeros((60, 80, 3), np.uint8)
    upright[:30] = 200
    return np.ascontiguousarray(np.rot90(upright, -quarters))


@pytest.mark.parametrize("quarters", range(4))
def test_a_face_is_marked_whichever_way_up_it_is(quarters: int) -> None:
    model, network = calibrated()
    image = face(quarters)
    (found,) = model.predict(image, "none")
    assert found.score == pytest.approx(0.9)
    assert found.confidence == pytest.approx(1 / (1 + math.exp(-8)))
    region = frame_region(*image.shape[:2], quarters * math.pi / 2)
    np.testing.assert_allclose(found.points, region.to_source(UNIT), atol=1e-4)
    # an upright face needs no second pass; the other three quarters go in one batch
    assert network.shown == ([1] if quarters == 0 else [1, 3])


def test_a_followed_face_stays_turned() -> None:
    model, _ = calibrated()
    image = face(1)
    (found,) = model.predict(image, "none")
    (again,) = model.faces_in(image, [model.region_about(found.points)], again=False)
    assert again.score == pytest.approx(0.9)


def test_what_is_no_face_is_left_out_and_counted() -> None:
    model, _ = calibrated()
    grey = np.full((60, 80, 3), 90, np.uint8)
    found, left = model.predict_batch([face(0), grey], "none")
    assert (len(found), found.dropped) == (1, 0)
    assert (len(left), left.dropped) == (0, 1)
    (kept,) = model.predict(grey, "none", min_confidence=0)
    assert kept.confidence == pytest.approx(1 / (1 + math.exp(8)))


def test_a_model_that_nobody_calibrated_keeps_all_and_says_so() -> None:
    model, network = calibrated()
    model.calibration = None
    (found,) = model.predict(face(2), "none")
    assert found.confidence is None
    assert network.shown == [1], "without calibration no score counts as low"
    with pytest.raises(UsageError, match="is not calibrated"):
        model.predict(face(2), "none", min_confidence=0.5)


def brightest_rows(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Finds a face whose upper half is the brighter one, as the box of its bright pixels."""
    grey = image.mean(-1)
    half = len(grey) // 2
    if grey[:half].mean() <= grey[half:].mean() + 50:
        return np.empty((0, 5), np.float32)
    y, x = np.nonzero(grey > 100)
    box = (x.min() - 0.5, y.min() - 0.5, x.max() + 0.5, y.max() + 0.5, 1.0)
    return np.array([box], np.float32)


UPRIGHT_ONLY = Detector(build=lambda: brightest_rows)


@pytest.mark.parametrize("quarters", range(4))
def test_a_detector_of_upright_faces_is_asked_about_the_turned_picture(quarters: int) -> None:
    image = face(quarters)
    boxes, angle = Finder(UPRIGHT_ONLY, brightest_rows).search(image)
    assert angle % (2 * math.pi) == pytest.approx(quarters * math.pi / 2)
    y, x = np.nonzero(image.mean(-1) > 100)
    expected = (x.min() - 0.5, y.min() - 0.5, x.max() + 0.5, y.max() + 0.5, 1.0)
    np.testing.assert_allclose(boxes, [expected])
    model, _ = calibrated()
    (found,) = model.predict(image, Finder(UPRIGHT_ONLY, brightest_rows), min_confidence=0)
    region = face_region(boxes[0], (1, 0, 0), model.faces, angle)
    np.testing.assert_allclose(found.points, region.to_source(UNIT), atol=1e-4)


def test_a_detector_that_knows_all_angles_is_asked_once() -> None:
    shapes = []

    def detect(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        shapes.append(image.shape)
        return np.empty((0, 5), np.float32)

    Finder(replace(UPRIGHT_ONLY, any_angle=True), detect).search(face(1))
    assert shapes == [face(1).shape]
    Finder(UPRIGHT_ONLY, detect).search(face(1))
    assert len(shapes) == 5
