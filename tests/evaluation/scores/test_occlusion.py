"""Hidden points: errors apart from seen ones, and how well a model tells the two, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.api import LandmarkScheme
from zoo.evaluation.scores.metrics import summarise
from zoo.evaluation.scores.occlusion import hidden_points_told

SCHEME = LandmarkScheme("four", ("l", "r", "n", "m"), flip=(1, 0, 2, 3), eye_corners=(0, 1))
TARGET = np.array([[[0, 0], [10, 0], [5, 5], [5, 10]]] * 2, np.float64)
REGIONS = np.array([[5.0, 5.0, 20.0]] * 2)
SHOWN = np.ones((2, 4), bool)
HIDDEN = np.array([[0, 0, 1, 1], [0, 0, 0, 1]], np.float64)
POINTS = TARGET + np.array([[[0, 0], [1, 0], [0, 2], [0, 4]], [[0, 0], [0, 0], [0, 3], [6, 0]]])


def test_errors_over_seen_and_hidden_points_are_apart_and_the_headline_has_both() -> None:
    results = summarise(POINTS, TARGET, SHOWN, REGIONS, SCHEME, [None] * 2, occluded=HIDDEN)
    # Eye distance 10. Face 1: seen (0, 1), hidden (2, 4); face 2: seen (0, 0, 3), hidden (6).
    assert results["nme_seen"] == pytest.approx((0.05 + 0.1) / 2)
    assert results["nme_hidden"] == pytest.approx((0.3 + 0.6) / 2)
    assert results["nme_ioc"] == pytest.approx((0.175 + 0.225) / 2)
    assert "hidden_ap" not in results


def test_points_without_a_label_and_faces_that_say_nothing_count_for_neither() -> None:
    shown, hidden = SHOWN.copy(), HIDDEN.copy()
    shown[0, 3] = False  # of face 1's hidden points, one has no label
    hidden[1] = np.nan
    visibility = np.array([[0.9, 0.2, 0.4, 0.0], [0.0] * 4])
    results = summarise(
        POINTS, TARGET, shown, REGIONS, SCHEME, [None] * 2, None, hidden, visibility
    )
    assert results["nme_seen"] == pytest.approx(0.05)
    assert results["nme_hidden"] == pytest.approx(0.2)
    # The ranks, least visible first: seen, hidden, seen. One hidden point, at rank 2.
    assert results["hidden_ap"] == pytest.approx(1 / 2)
    assert results["hidden_f1"] == pytest.approx(2 * 0.5 * 1 / 1.5)


def test_average_precision_and_f1_at_recall_80_by_hand() -> None:
    # Ranked: h h s h s h h; precision at the hits: 1, 1, 3/4, 4/6, 5/7
    visibility = np.array([0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    hidden = np.array([1, 1, 0, 1, 0, 1, 1], bool)
    told = hidden_points_told(visibility, hidden)
    assert told["hidden_ap"] == pytest.approx((1 + 1 + 3 / 4 + 4 / 6 + 5 / 7) / 5)
    # Recall reaches .8 at the fourth hit: P = 4/6, R = .8
    assert told["hidden_f1"] == pytest.approx(2 * (4 / 6) * 0.8 / (4 / 6 + 0.8))


def test_points_of_equal_visibility_rank_together_whatever_their_order() -> None:
    for hidden in ([1, 0, 0, 1], [0, 1, 1, 0], [0, 0, 1, 1]):
        told = hidden_points_told(np.full(4, 0.5), np.array(hidden, bool))
        assert told == {"hidden_ap": 0.5, "hidden_f1": pytest.approx(2 / 3)}


def test_without_hidden_points_there_is_nothing_to_tell() -> None:
    told = hidden_points_told(np.array([0.1, 0.9]), np.zeros(2, bool))
    assert told == {"hidden_ap": None, "hidden_f1": None}
