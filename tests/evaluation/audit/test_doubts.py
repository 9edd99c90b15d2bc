"""Implausible labels are recognised: faces without size and placeholder coordinates."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.evaluation.audit.doubts import doubts, sizeless, stand_ins, why_sizeless

N, K = 10, 5
RNG = np.random.default_rng(0)
POINTS = RNG.uniform(20, 90, (N, K, 2)).astype(np.float32)
VISIBLE = np.ones((N, K), bool)
IDS = [f"{row}.jpg" for row in range(N)]


def test_good_labels_are_not_doubted() -> None:
    assert doubts(IDS, POINTS, VISIBLE) == []
    assert doubts(IDS, POINTS, ~VISIBLE) == []
    assert doubts([], POINTS[:0], VISIBLE[:0]) == []
    assert doubts(IDS, POINTS[:, :1] * 0 + 5, VISIBLE[:, :1]) != []  # one point at one place
    assert not sizeless(POINTS[:, :1], VISIBLE[:, :1]).any()


@pytest.mark.parametrize("place", [0, -0.5, -1, 60])
def test_a_face_whose_points_coincide_is_not_trained_on(place: float) -> None:
    points = POINTS.copy()
    points[[2, 7]] = place
    assert np.flatnonzero(sizeless(points, VISIBLE)).tolist() == [2, 7]
    assert f"its 5 points lie at one place, ({place:g}, " in why_sizeless(points[2], VISIBLE[2])
    [message] = doubts(IDS, points, VISIBLE)
    assert message.startswith("2 of 10 faces are not trained on, the first: 2.jpg: no face with a")


@pytest.mark.parametrize("unit", ["0 to 1", "-1 to 1", "1-based"])
def test_fractions_of_the_picture_are_recognised(unit: str) -> None:
    points = POINTS / 100
    points = {"0 to 1": points, "-1 to 1": 2 * points - 1, "1-based": points - 1}[unit]
    assert sizeless(points, VISIBLE).all()
    assert "fractions of the picture instead of pixels" in why_sizeless(points[0], VISIBLE[0])


def test_only_visible_points_count() -> None:
    points, visible = POINTS.copy(), VISIBLE.copy()
    points[0, 2:], visible[0, 2:] = 0, False
    points[1], visible[1, 1:] = 0, False
    assert not sizeless(points, visible)[0]
    assert not sizeless(points, visible)[1]  # one visible point spans nothing anyway
    assert [each.faces for each in stand_ins(points, visible)] == [(1,)]


@pytest.mark.parametrize("place", [(0, 0), (-0.5, -0.5), (-1, -1), (-999, -999), (9999, 9999)])
def test_typical_placeholder_coordinates_are_found_in_a_single_face(
    place: tuple[float, float],
) -> None:
    points = POINTS.copy()
    points[4, 1:3] = place
    [found] = stand_ins(points, VISIBLE)
    assert (found.place, found.points, found.faces) == (place, (1, 2), (4,))
    assert "points 1, 2 lie at" in str(found)
    assert "dataset.missing" in doubts(IDS, points, VISIBLE)[0]


def test_other_coordinates_are_found_in_more_than_half_of_the_faces() -> None:
    points = POINTS.copy()
    points[:6, 3] = (50, 60)
    [found] = stand_ins(points, VISIBLE)
    assert str(found) == "point 3 lies at (50, 60) in 6 of 10 faces"
    points[5, 3] = (51, 60)
    assert stand_ins(points, VISIBLE) == []
    assert stand_ins(points[:3], VISIBLE[:3]) == []  # too few faces to decide
