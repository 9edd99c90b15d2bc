"""Overlays scale with the face: they hide no small face, and are visible on a large one."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from zoo.api import IBUG68, generic_scheme
from zoo.prediction import Face
from zoo.prediction.drawing import draw_face, draw_faces
from zoo.prediction.pose import SHAPE

FLAT = SHAPE[:, :2] / np.ptp(SHAPE[:, :2], axis=0).max()
GREY = 120


def face(extent: float, x: float, y: float) -> Face:
    points = (FLAT * extent + (x, y)).astype(np.float32)
    low, high = points.min(0).tolist(), points.max(0).tolist()
    return Face((low[0], low[1], high[0], high[1]), 1.0, points)


def changed(extent: float) -> NDArray[np.float64]:
    """The change of each pixel of a drawn face, as a share of that from grey to white."""
    side = round(extent * 1.5)
    plain = np.full((side, side, 3), GREY, np.uint8)
    drawn = draw_faces(plain, [face(extent, side / 2, side / 3)], IBUG68)
    return np.asarray(cv2.absdiff(drawn, plain).max(-1) / (255 - GREY))


@pytest.mark.parametrize("extent", [24, 40, 80, 150, 600, 2000])
def test_lines_cover_a_like_share_of_faces_of_all_sizes(extent: int) -> None:
    cover = changed(extent)
    share = np.minimum(cover, 1).sum() / extent**2
    assert 0.02 < share < 0.25
    assert cover.max() > 0.3  # and can be seen


def test_a_small_face_is_seen_under_its_points() -> None:
    assert np.median(changed(40)[18:42, 12:48]) < 0.5


def test_lines_of_a_large_face_are_wide() -> None:
    cover = changed(2000)
    column = cover[:, round(2000 * 1.5 / 2) + 3] > 0.2  # down the middle of the face
    runs = np.diff(np.flatnonzero(np.diff(column.astype(int))))[::2]
    assert runs.min() >= 10


@settings(deadline=None, max_examples=30)
@given(st.floats(0, 300), st.floats(-200, 300), st.floats(-200, 300))
def test_nothing_but_the_face_changes_wherever_it_is(extent: float, x: float, y: float) -> None:
    image = np.random.default_rng(0).integers(0, 256, (90, 110, 3), np.uint8)
    before = image.copy()
    drawn = draw_faces(image, [face(extent, x, y)], IBUG68)
    np.testing.assert_array_equal(image, before)
    rows, columns = np.nonzero((drawn != image).any(-1))
    reach = 4 + extent / 60
    points = face(extent, x, y).points
    for at, low, high in (
        (columns, points[:, 0].min(), points[:, 0].max()),
        (rows, points[:, 1].min(), points[:, 1].max()),
    ):
        assert ((at >= low - reach) & (at <= high + reach)).all()


@pytest.mark.parametrize("far", [1e6, 1e30, 3e38])
def test_a_box_from_far_away_is_drawn_as_far_as_can_be(far: float) -> None:
    """As from a damaged file of boxes; OpenCV counts pixels in 32 bits."""
    points = np.array([[10.0, 10.0], [far, 20.0], [20.0, -far]], np.float32)
    face = Face((-far, -far, far, far), 1.0, points)
    image = np.zeros((40, 40, 3), np.uint8)
    draw_face(image, face, generic_scheme(3))
    assert image.any()


def test_the_dots_of_few_points_are_seen_and_told_apart() -> None:
    """Five points on a picture of 200 pixels: each covers a place of its own colour."""
    points = np.array([[60, 80], [140, 80], [100, 110], [70, 140], [130, 140]], np.float32)
    image = np.full((200, 200, 3), GREY, np.uint8)
    draw_face(image, Face((20, 20, 180, 180), 1.0, points), generic_scheme(5))
    colours = {tuple(image[y, x].tolist()) for x, y in points.astype(int)}
    assert len(colours) == 5
    for x, y in points.astype(int):
        assert (image[y - 2 : y + 3, x - 2 : x + 3] != GREY).any(-1).all()
