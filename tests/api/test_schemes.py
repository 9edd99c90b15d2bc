"""The landmark schemes: regions that cover every point, mirrors that give the points back."""

from __future__ import annotations

import pytest

from zoo.api import IBUG68, WFLW98, LandmarkScheme, generic_scheme

BOTH = pytest.mark.parametrize("scheme", [IBUG68, WFLW98], ids=lambda s: s.name)


@BOTH
def test_the_mirror_of_the_mirror_is_the_face_itself(scheme: LandmarkScheme) -> None:
    assert scheme.flip is not None
    assert sorted(scheme.flip) == list(range(len(scheme)))
    assert [scheme.flip[i] for i in scheme.flip] == list(range(len(scheme)))


@BOTH
def test_the_mirror_swaps_eye_corners_and_pupils(scheme: LandmarkScheme) -> None:
    assert scheme.flip is not None
    assert scheme.eye_corners is not None
    assert scheme.pupils is not None
    left, right = scheme.eye_corners
    assert (scheme.flip[left], scheme.flip[right]) == (right, left)
    assert {scheme.flip[i] for i in scheme.pupils[0]} == set(scheme.pupils[1])


@BOTH
def test_the_mirror_takes_left_parts_to_right_parts(scheme: LandmarkScheme) -> None:
    assert scheme.flip is not None
    for name, part in scheme.regions.items():
        twin = name.replace("left", "RIGHT").replace("right", "left").replace("RIGHT", "right")
        assert {scheme.flip[i] for i in part} == set(scheme.regions[twin])


@pytest.mark.parametrize(
    ("scheme", "middle"),
    [
        (IBUG68, {8, 27, 28, 29, 30, 33, 51, 57, 62, 66}),
        (WFLW98, {16, 51, 52, 53, 54, 57, 79, 85, 90, 94}),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_what_stays_in_the_mirror_is_the_middle_of_the_face(
    scheme: LandmarkScheme, middle: set[int]
) -> None:
    assert scheme.flip is not None
    assert {i for i, j in enumerate(scheme.flip) if i == j} == middle


@BOTH
def test_regions_partition_the_points(scheme: LandmarkScheme) -> None:
    parts = [i for part in scheme.regions.values() for i in part]
    assert sorted(parts) == list(range(len(scheme)))
    assert len(set(scheme.names)) == len(scheme)


@BOTH
def test_contours_are_of_points_of_the_scheme_and_of_one_part_each(scheme: LandmarkScheme) -> None:
    for line, _ in scheme.contours:
        assert len(line) > 1
        assert any(set(line) <= set(part) for part in scheme.regions.values())


@BOTH
def test_a_contour_and_its_mirror_are_both_drawn(scheme: LandmarkScheme) -> None:
    assert scheme.flip is not None
    drawn = {frozenset(line) for line, _ in scheme.contours}
    assert {frozenset(scheme.flip[i] for i in line) for line in drawn} == drawn


@pytest.mark.parametrize(
    ("flip", "reason"),
    [
        ((0, 1), "no permutation of 3 points"),
        ((0, 1, 1), "no permutation of 3 points"),
        ((0, 1, 3), "no permutation of 3 points"),
        ((1, 2, 0), "flipping twice must give the points back"),
    ],
)
def test_a_wrong_mirror_is_refused(flip: tuple[int, ...], reason: str) -> None:
    with pytest.raises(ValueError, match=f"triangle: .*{reason}"):
        LandmarkScheme(name="triangle", names=("a", "b", "c"), flip=flip)


def test_a_generic_scheme_claims_nothing_but_its_count() -> None:
    scheme = generic_scheme(5)
    assert (len(scheme), scheme.name) == (5, "points5")
    assert scheme.flip is None
    assert scheme.eye_corners is None
    assert not scheme.regions
    assert not scheme.contours


def test_a_group_names_points_that_are_there() -> None:
    with pytest.raises(ValueError, match="no point 3 of 3"):
        LandmarkScheme(name="three", names=("a", "b", "c"), regions={"all": (0, 1, 2, 3)})
    with pytest.raises(ValueError, match="no point -1 of 3"):
        LandmarkScheme(name="three", names=("a", "b", "c"), eye_corners=(-1, 0))
