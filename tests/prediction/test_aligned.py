"""Crops for recognition networks: where the five points lie, and which pixels the crop has."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from zoo.api import IBUG68, DataError, UsageError, generic_scheme
from zoo.prediction import Face, Faces
from zoo.prediction.aligned import SIDE, TEMPLATE, align, five_of, similarity
from zoo.prediction.pose import SHAPE

ANGLE = st.floats(-np.pi, np.pi)


def moved(points: NDArray[np.float64], angle: float, scale: float, shift: Any) -> Any:
    cos, sin = np.cos(angle), np.sin(angle)
    return points @ np.array([[cos, sin], [-sin, cos]]) * scale + shift


def apply(matrix: NDArray[np.float64], points: NDArray[np.floating]) -> NDArray[np.float64]:
    return points @ matrix[:, :2].T + matrix[:, 2]


@settings(deadline=None, max_examples=30)
@given(ANGLE, st.floats(0.05, 30), st.floats(-900, 900), st.integers(1, 500))
def test_a_template_that_was_turned_scaled_and_moved_comes_back(
    angle: float, scale: float, shift: float, size: int
) -> None:
    five = moved(TEMPLATE, angle, scale, (shift, -shift))
    matrix = align(np.zeros((2, 3, 3), np.uint8), five, size).matrix
    expected = (TEMPLATE + 0.5) * size / SIDE - 0.5
    np.testing.assert_allclose(apply(matrix, five), expected, atol=1e-6 * size)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6))
def test_no_other_turn_scale_and_shift_brings_points_nearer(seed: int) -> None:
    random = np.random.default_rng(seed)
    five = TEMPLATE + random.normal(0, 10, TEMPLATE.shape)
    matrix = similarity(five, TEMPLATE)
    a, b = matrix[:, 0]
    np.testing.assert_allclose(matrix[:, 1], (-b, a))  # no shear, no mirror
    error = ((apply(matrix, five) - TEMPLATE) ** 2).sum()
    for change in (1e-3, -1e-3):
        for worse in (
            matrix + np.array([[0, 0, change], [0, 0, 0]]),
            matrix + np.array([[0, 0, 0], [0, 0, change]]),
            np.column_stack([matrix[:, :2] * (1 + change), matrix[:, 2]]),
            matrix + np.array([[0, -change, 0], [change, 0, 0]]),
        ):
            assert ((apply(worse, five) - TEMPLATE) ** 2).sum() > error


@settings(deadline=None, max_examples=30)
@given(ANGLE, st.floats(0.4, 6))
def test_pixels_land_where_the_matrix_says(angle: float, scale: float) -> None:
    """A smooth picture whose colour says where a pixel was: the crop has the right colours."""
    height, width = 300, 400
    y, x = np.mgrid[:height, :width].astype(np.float64)
    image = np.stack([x / 2, y / 2, 0 * x], -1).round().astype(np.uint8)
    five = moved(TEMPLATE - TEMPLATE.mean(0), angle, scale, (200, 150))
    crop, matrix = align(image, five, 64)
    back = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))
    rows, columns = np.mgrid[:64, :64].reshape(2, -1)
    source = apply(back[:2], np.stack([columns, rows], -1))
    edge = 4 + 8 * scale
    inside = ((source > edge) & (source < np.array([width, height]) - edge)).all(-1)
    np.testing.assert_allclose(crop[rows, columns][inside][:, :2], source[inside] / 2, atol=1.1)


def test_a_large_face_is_shrunk_without_aliasing_and_outside_is_black() -> None:
    checkerboard = (np.indices((1200, 1200)).sum(0) % 2 * 255).astype(np.uint8)
    image = np.repeat(checkerboard[..., None], 3, axis=2)
    crop, _ = align(image, TEMPLATE * 10 + 40, 112)
    assert np.abs(crop[5:-5, 5:-5].astype(int) - 128).max() < 12
    far, _ = align(image, TEMPLATE - 5000, 112)
    assert not far.any()
    huge, _ = align(image[:20, :20], TEMPLATE * 1e5, 112)
    assert not huge.any()


def face(image: NDArray[np.uint8], points: NDArray[np.floating]) -> Face:
    [made] = Faces([Face((0, 0, 9, 9), 1.0, points.astype(np.float32))], image, IBUG68)
    return made


@settings(deadline=None, max_examples=30)
@given(ANGLE, st.floats(0.3, 8))
def test_a_face_stands_upright_however_it_was(angle: float, scale: float) -> None:
    image = np.zeros((50, 60, 3), np.uint8)
    crop, matrix = face(image, moved(SHAPE[:, :2], angle, scale, (30, 20))).aligned(size=56)
    assert crop.shape == (56, 56, 3)
    five = five_of(apply(matrix, moved(SHAPE[:, :2], angle, scale, (30, 20))))
    assert np.abs(five - ((TEMPLATE + 0.5) / 2 - 0.5)).max() < 4


def test_what_cannot_be_aligned_is_said() -> None:
    image = np.zeros((50, 60, 3), np.uint8)
    with pytest.raises(DataError, match="all lie at one place"):
        face(image, np.ones((68, 2))).aligned()
    for size in (0, 2.5, "112", None):
        with pytest.raises(UsageError, match="a whole number of pixels"):
            face(image, SHAPE[:, :2]).aligned(size)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="has no picture"):
        Face((0, 0, 9, 9), 1.0, SHAPE[:, :2].astype(np.float32), scheme=IBUG68).aligned()
    three = Face((0, 0, 9, 9), 1.0, np.eye(3, 2, dtype=np.float32), scheme=generic_scheme(3))
    with pytest.raises(UsageError, match="scheme points3 has no points that mark the eyes"):
        three.aligned()
