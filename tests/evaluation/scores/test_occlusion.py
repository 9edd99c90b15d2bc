"""Hidden points: their errors apart from visible points, and how well a model detects them."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.api import LandmarkScheme
from zoo.evaluation.scores.metrics import summarise
from zoo.evaluation.scores.occlusion import hidden_points_told

SCHEME = LandmarkScheme("four", ("l", "r", "n", "m"), flip=(1, 0, 2, 3), eye_corners=(0, 1))
TARGET = np.array([[[0, 0], [10, 0], [5, 5], [5, 10]]] * 2, np.float64)
REGIONS = np.array([[5.0, 5.0, 20.0]] * 2)
LABELLED = np.ones((2, 4), bool)
HIDDEN = np.array([[0, 0, 1, 1], [0, 0, 0, 1]], np.float64)
POINTS = TARGET + np.array([[[0, 0], [1, 0], [0, 2], [0, 4]], [[0, 0], [0, 0], [0, 3], [6, 0]]])


def test_errors_of_seen_and_hidden_points_are_separate_and_the_headline_has_both() -> None:
    results = summarise(POINTS, TARGET, LABELLED, REGIONS, SCHEME, [None] * 2, occluded=HIDDEN)
    # Eye distance 10. Face 1: seen (0, 1), hidden (2, 4); face 2: seen (0, 0, 3), hidden (6).
    assert results["nme_seen"] == pytest.approx((0.05 + 0.1) / 2)
    assert results["nme_hidden"] == pytest.approx((0.3 + 0.6) / 2)
    assert results["nme_ioc"] == pytest.approx((0.175 + 0.225) / 2)
    assert "hidden_ap" not in results


def test_points_without_a_label_and_faces_without_occlusion_labels_do_not_count() -> None:
    labelled, hidden = LABELLED.copy(), HIDDEN.copy()
    labelled[0, 3] = False  # one hidden point of face 1 has no label
    hidden[1] = np.nan
    visibility = np.array([[0.9, 0.2, 0.4, 0.0], [0.0] * 4])
    results = summarise(
        POINTS, TARGET, labelled, REGIONS, SCHEME, [None] * 2, None, hidden, visibility
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
    scores = hidden_points_told(visibility, hidden)
    assert scores["hidden_ap"] == pytest.approx((1 + 1 + 3 / 4 + 4 / 6 + 5 / 7) / 5)
    # Recall reaches .8 at the fourth hit: P = 4/6, R = .8
    assert scores["hidden_f1"] == pytest.approx(2 * (4 / 6) * 0.8 / (4 / 6 + 0.8))


def test_points_of_equal_visibility_rank_together_whatever_their_order() -> None:
    for hidden in ([1, 0, 0, 1], [0, 1, 1, 0], [0, 0, 1, 1]):
        scores = hidden_points_told(np.full(4, 0.5), np.array(hidden, bool))
        assert scores == {"hidden_ap": 0.5, "hidden_f1": pytest.approx(2 / 3)}


def test_without_hidden_points_there_are_no_scores() -> None:
    scores = hidden_points_told(np.array([0.1, 0.9]), np.zeros(2, bool))
    assert scores == {"hidden_ap": None, "hidden_f1": None}
