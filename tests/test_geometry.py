"""Regions, crops and mirrors: a pattern lies where the coordinates say, at any size."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from zoo.api import IBUG68, generic_scheme
from zoo.geometry import (
    FacePlace,
    Region,
    box_region,
    crop,
    face_region,
    frame_region,
    label_scale,
    mirror_points,
    nearest_quarter,
    refine_region,
    roll,
    square_about,
    to_landmark_units,
    turned,
)
from zoo.images import MAX_SIDE

Array = NDArray[np.float64]
places = st.floats(-500, 500)
angles = st.floats(-7, 7)
regions = st.builds(Region, places, places, st.floats(1, 2000), angles)


def blob(height: int, width: int, x: float, y: float, sigma: float) -> NDArray[np.uint8]:
    """A bright spot on black, its centre anywhere between the pixels."""
    ys, xs = np.mgrid[:height, :width]
    spot = 250 * np.exp(-((xs - x) ** 2 + (ys - y) ** 2) / (2 * sigma**2))
    return np.repeat(spot.round().astype(np.uint8)[..., None], 3, axis=2)


def centroid(image: NDArray[Any]) -> Array:
    """The centre of brightness, in unit coordinates of a square image."""
    weights = image[..., 0].astype(np.float64)
    ys, xs = np.mgrid[: image.shape[0], : image.shape[1]]
    centre = np.array([(weights * xs).sum(), (weights * ys).sum()]) / weights.sum()
    return np.asarray((centre + 0.5) / image.shape[0])


@given(regions, st.lists(st.tuples(places, places), min_size=1, max_size=5))
def test_source_to_unit_and_back_is_where_it_was(
    region: Region, points: list[tuple[float, float]]
) -> None:
    source = np.array(points)
    back = region.to_source(region.to_unit(source))
    np.testing.assert_allclose(back, source, atol=1e-6)


@given(regions, regions, st.tuples(places, places))
def test_a_window_within_a_region_is_a_region_of_the_source(
    outer: Region, window: Region, place: tuple[float, float]
) -> None:
    unit = np.array(place) / 500
    there = outer.inner(window).to_source(unit)
    size = outer.side * (1 + window.side + abs(window.cx) + abs(window.cy))
    np.testing.assert_allclose(there, outer.to_source(window.to_source(unit)), atol=1e-9 * size)


faces = st.lists(st.tuples(places, places), min_size=4, max_size=9).map(np.array)
"""Points of a face, at least 1e-3 px wide."""


@given(faces.filter(lambda face: np.ptp(face) > 1e-3), angles, st.floats(0.1, 10), places)
def test_a_picture_that_is_turned_turns_the_roll_and_the_next_crop(
    face: Array, angle: float, scale: float, shift: float
) -> None:
    """Also when the face is moved and scaled at the same time."""
    upright = face - face.mean(0)
    assume(np.abs(upright).max() > 0.01)  # points at one place have no angle
    moved = turned(face * scale, angle) + shift
    assert math.remainder(roll(moved, upright) - angle, math.tau) == pytest.approx(0, abs=1e-4)
    before, after = refine_region(face, upright), refine_region(moved, upright)
    np.testing.assert_allclose(after.to_unit(moved), before.to_unit(face), atol=1e-3)
    assert math.remainder(after.angle - before.angle - angle, math.tau) == pytest.approx(
        0, abs=1e-4
    )


def test_a_roll_by_hand() -> None:
    """Clockwise in the picture: the eye that was at the left is above."""
    upright = np.array([[-1.0, 0], [1, 0], [0, 2]])
    assert roll(np.array([[0.0, -1], [0, 1], [-2, 0]]), upright) == pytest.approx(math.pi / 2)
    assert roll(upright * 3 + 7, upright) == 0
    assert roll(np.zeros((3, 2)), upright) == 0, "points at one place have none"
    assert nearest_quarter(math.radians(46)) == pytest.approx(math.pi / 2)
    assert nearest_quarter(math.radians(-44)) == 0


@pytest.mark.parametrize("angle", [0.3, math.pi / 2, -2.5])
@pytest.mark.parametrize("side", [30, 150])
def test_a_turned_crop_shows_what_its_coordinates_say(angle: float, side: float) -> None:
    """Also a crop that shrinks its source, which is blurred first, and one that leaves it."""
    region = Region(70, 40, side, angle)
    spot = region.to_source(np.array([0.6, 0.35]))
    shown = crop(blob(90, 120, *spot, sigma=side / 25), region, 48)
    np.testing.assert_allclose(centroid(shown), [0.6, 0.35], atol=0.01)


def test_a_quarter_turn_moves_whole_pixels() -> None:
    image = np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8)
    region = frame_region(20, 20, math.pi / 2)
    # a face that is turned clockwise is upright when the picture is turned back
    np.testing.assert_array_equal(crop(image, region, 20), np.rot90(image))


def test_the_region_of_a_turned_box_holds_the_face_at_its_place_in_training() -> None:
    """The face lies on its side; the detector's box reaches above its points."""
    faces, labelled = FacePlace(0.5, 0.5, 0.6), (0.8, 0.0, 0.1)
    box = np.array([20.0, 40, 60, 80])
    upright = face_region(box, labelled, faces)
    np.testing.assert_allclose(upright.to_unit(np.array([40.0, 64])), [0.5, 0.6])
    turned_face = face_region(box, labelled, faces, math.pi / 2)  # its chin is at the left
    np.testing.assert_allclose(turned_face.to_unit(np.array([36.0, 60])), [0.5, 0.6])
    assert turned_face.side == upright.side


def test_unit_coordinates_run_from_edge_to_edge() -> None:
    """A 4 x 4 image covers [-0.5, 3.5]; the centre of its top left pixel is at an eighth."""
    region = frame_region(4, 4)
    np.testing.assert_allclose(region.to_unit(np.array([[-0.5, 3.5]])), [[0, 1]])
    np.testing.assert_allclose(region.to_unit(np.array([[0.0, 1.5]])), [[0.125, 0.5]])


def test_a_frame_region_pads_the_shorter_side_evenly() -> None:
    region = frame_region(100, 60)
    assert (region.cx, region.cy, region.side) == (29.5, 49.5, 100)
    np.testing.assert_allclose(region.to_unit(np.array([[-0.5, -0.5]])), [[0.2, 0.0]])
    np.testing.assert_allclose(region.to_unit(np.array([[59.5, 99.5]])), [[0.8, 1.0]])


def test_a_box_region_is_a_square_about_the_box() -> None:
    assert box_region((10, 20, 30, 60)) == Region(20, 40, 40)
    assert box_region((10, 20, 30, 60), margin=1.5) == Region(20, 40, 60)


@pytest.mark.parametrize("size", [15, 32, 65, 96, 160])
@pytest.mark.parametrize(("height", "width"), [(64, 64), (61, 97), (120, 43)], ids=lambda n: str(n))
def test_a_pattern_lies_in_the_crop_where_its_coordinates_say(
    height: int, width: int, size: int
) -> None:
    """Half a pixel off, the commonest mistake of resampling, would fail at every size."""
    for x, y in [(21.3, 30.8), (width / 2, height / 2), (25.0, 18.5)]:
        region = frame_region(height, width)
        out = crop(blob(height, width, x, y, 3.0), region, size)
        expected = region.to_unit(np.array([x, y]))
        off = (centroid(out) - expected) * size
        assert np.abs(off).max() < 0.05


@given(
    st.floats(38, 42),
    st.floats(28, 32),
    st.floats(30, 90),
    st.integers(20, 90),
    st.floats(36, 44),
    st.floats(26, 34),
)
def test_any_region_puts_the_pattern_where_its_coordinates_say(
    x: float, y: float, side: float, size: int, cx: float, cy: float
) -> None:
    region = Region(cx, cy, side)
    out = crop(blob(60, 80, x, y, 2.0), region, size)
    off = (centroid(out) - region.to_unit(np.array([x, y]))) * region.side
    assert np.abs(off).max() < 0.1


def test_a_region_of_the_same_size_on_whole_pixels_is_cut_out_unchanged() -> None:
    image = np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8)
    np.testing.assert_array_equal(crop(image, Region(34.5, 24.5, 20), 20), image[15:35, 25:45])


def test_what_lies_outside_the_image_is_black() -> None:
    image = np.full((40, 20, 3), 200, np.uint8)
    out = crop(image, frame_region(40, 20), 40)
    assert (out[:, :10] == 0).all()
    assert (out[:, 10:30] == 200).all()
    assert (out[:, 30:] == 0).all()
    assert not crop(image, Region(200, 200, 30), 16).any()
    # regions about the points of a model that has diverged
    for astray in (Region(0, 0, 1e30), Region(1e30, -1e30, 1e9), Region(1e30, 10, 5)):
        assert not crop(image, astray, 16).any()


@pytest.mark.parametrize("size", [16, 23, 40, 61])
def test_a_fine_checkerboard_shrinks_to_grey_and_not_to_moire(size: int) -> None:
    image = np.where(np.indices((128, 128)).sum(0) % 2, 255, 0).astype(np.uint8)
    out = crop(np.repeat(image[..., None], 3, axis=2), frame_region(128, 128), size)
    inner = out[2:-2, 2:-2].astype(int)
    assert abs(inner.mean() - 127.5) < 2
    # what is left of the 255 grey levels between neighbours
    assert np.ptp(inner) < 12


def test_a_crop_does_not_depend_on_how_much_of_the_image_is_blurred() -> None:
    """Pixels far from a region do not matter: the crop equals that of the blurred whole image bit
    by bit, at its edges, beyond them, and far outside."""
    random = np.random.default_rng(0)
    for _ in range(60):
        height, width = random.integers(30, 400, 2)
        image = random.integers(0, 256, (height, width, 3), np.uint8)
        cx, cy = random.uniform(-0.3, 1.3, 2) * (width, height)
        region, size = Region(cx, cy, random.uniform(40, 600)), int(random.choice([16, 32, 64]))
        factor = region.side / size
        if factor <= 1:
            continue
        sigma = 0.5 * np.sqrt(factor**2 - 1)
        blurred = cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
        shift = (0.5 / size - 0.5) * region.side
        matrix = np.array([[factor, 0, cx + shift], [0, factor, cy + shift]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        expected = cv2.warpAffine(blurred, matrix, (size, size), flags=flags)
        np.testing.assert_array_equal(crop(image, region, size), expected)


def test_a_crop_keeps_the_channels_apart() -> None:
    image = np.zeros((20, 20, 3), np.uint8)
    image[...] = (10, 120, 250)
    assert (crop(image, Region(9.5, 9.5, 10), 30) == (10, 120, 250)).all()


@pytest.mark.parametrize("shape", [(2, MAX_SIDE, 3), (MAX_SIDE, 2, 3)])
def test_the_longest_image_that_is_read_can_be_cropped(shape: tuple[int, ...]) -> None:
    region = frame_region(*shape[:2])
    assert crop(np.zeros(shape, np.uint8), region, 1024).shape == (1024, 1024, 3)


def test_landmark_units_are_the_seeds() -> None:
    units = to_landmark_units(np.array([0.0, 100 / 224, 1.0]))
    np.testing.assert_allclose(units, [-2.0, 0.0, 2.48])


def test_label_scale_by_hand() -> None:
    points = np.array([[[0, 0], [4, 9], [100, 100]], [[1, 1], [2, 2], [3, 3]]], np.float64)
    visible = np.array([[True, True, False], [False, False, False]])
    np.testing.assert_array_equal(label_scale(points, visible), [6.0, 0.0])


def face(seed: int) -> tuple[Array, NDArray[np.bool_]]:
    random = np.random.default_rng(seed)
    return random.uniform(0, 99, (68, 2)), random.random(68) < 0.8


def test_a_mirrored_point_keeps_its_offset_from_the_true_place() -> None:
    """By hand: labels sit 0.01 sqrt(w h) right of the truth, here 0.8 px for a box of 80 x 80."""
    points = np.tile([50.0, 50.0], (68, 1))
    points[36], points[45] = (10.8, 10.0), (90.8, 90.0)  # true places: x = 10 and 90
    moved, _ = mirror_points(points, np.ones(68, bool), IBUG68, 100, (0.01, 0.0))
    np.testing.assert_allclose(moved[45], [89 + 0.8, 10])
    np.testing.assert_allclose(moved[36], [9 + 0.8, 90])


@given(st.integers(0, 50), st.floats(-0.05, 0.05))
def test_mirrored_twice_is_where_it_was(seed: int, dx: float) -> None:
    points, visible = face(seed)
    once = mirror_points(points, visible, IBUG68, 100, (dx, 0.0))
    twice, shown = mirror_points(*once, IBUG68, 100, (dx, 0.0))
    np.testing.assert_allclose(twice, points, atol=1e-9)
    np.testing.assert_array_equal(shown, visible)


def test_a_mirrored_face_lies_on_the_mirrored_image() -> None:
    """The eye's corner of the person's other side: image and labels agree about left."""
    image = blob(80, 80, 20.0, 30.0, 2.0)
    points = np.full((68, 2), 40.0)
    points[36] = (20.0, 30.0)
    visible = np.ones(68, bool)
    visible[36] = False
    moved, shown = mirror_points(points, visible, IBUG68, 80)
    np.testing.assert_allclose(centroid(image[:, ::-1]) * 80 - 0.5, moved[45], atol=0.01)
    assert not shown[45]
    assert shown[36]


def test_a_scheme_without_symmetry_is_not_mirrored() -> None:
    with pytest.raises(ValueError, match="points2 has no known symmetry"):
        mirror_points(np.zeros((2, 2)), np.ones(2, bool), generic_scheme(2), 10)


def test_a_square_about_points_by_hand() -> None:
    """From 10 to 30 in x and from 0 to 8 in y: the middle is (20, 4), the side 20."""
    points = np.array([[10.0, 0.0], [30.0, 8.0], [14.0, 3.0]])
    assert square_about(points) == (10, -6, 30, 14)
    assert square_about(points[:1]) == pytest.approx((10, 0, 10, 0), abs=1e-6)
