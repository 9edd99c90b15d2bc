"""Calibration of scores: the curve, how it holds on other people, and the boxes of the fit."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.evaluation.scores.calibration import Calibration
from zoo.export import calibrate as calibrating
from zoo.export.calibrate import Answers, fit_and_test
from zoo.geometry import iou


def answers(slope: float, middle: float, count: int = 4000, seed: int = 0) -> Answers:
    """Answers that are right with the probability that a logistic curve gives their scores."""
    random = np.random.default_rng(seed)
    scores = random.uniform(0, 1, count)
    right = random.random(count) < 1 / (1 + np.exp(-slope * (scores - middle)))
    return Answers(scores, right, np.arange(count) % 2 == 0, np.arange(count) // 2 % 2)


def test_a_curve_is_found_again_and_holds_on_other_people() -> None:
    found = fit_and_test(answers(20.0, 0.6))
    assert found.curve.slope == pytest.approx(20, rel=0.1)
    assert found.curve.intercept == pytest.approx(-12, rel=0.1)
    assert (found.curve.faces, found.curve.others) == (2000, 2000)
    assert found.curve.error is not None
    assert found.curve.error < 0.03
    for each in found.bins:
        assert each.low <= each.said <= each.high
        assert each.right == pytest.approx(each.said, abs=0.12)
    assert sum(each.count for each in found.bins) == 4000


def test_scores_that_separate_right_from_wrong_have_a_finite_curve() -> None:
    scores = np.array([0.1, 0.2, 0.3, 0.2, 0.8, 0.9, 0.85, 0.95])
    right = scores > 0.5
    found = fit_and_test(Answers(scores, right, right, np.array([0, 1] * 4)))
    low, high = (found.curve.confidence(score) for score in (0.2, 0.9))
    assert low is not None
    assert high is not None
    assert low < 0.4 < 0.6 < high
    assert (found.kept, found.dropped) == (1, None) or found.kept == 1


def test_a_confidence_is_a_probability_and_none_without_a_score() -> None:
    curve = Calibration(slope=20.0, intercept=-12.0)
    assert curve.confidence(0.6) == pytest.approx(0.5)
    assert curve.confidence(float("nan")) is None
    steep = Calibration(slope=1e6, intercept=-1e5)
    assert (steep.confidence(0.0), steep.confidence(1.0)) == (0, 1)


@pytest.mark.parametrize("shape", [(300, 400), (60, 50)])
def test_boxes_beside_a_face_hold_next_to_nothing_of_it(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    face = (5.0, 5.0, 45.0, 45.0)
    for _ in range(20):
        beside = calibrating._beside(face, shape, random)
        assert iou(beside, face) < (calibrating.BESIDE if shape == (300, 400) else 0.3)
        assert iou(calibrating._off(face, random), face) > 0.5
