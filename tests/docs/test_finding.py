"""docs/examples/finding.py: faces lie at the given points, and found faces are counted."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "examples"))
import finding
from finding import BASE, Frame, Picture, Score

sys.path.pop(0)


def spots() -> Frame:
    """A frame with 68 points on an ellipse; each is a bright spot."""
    angle = np.linspace(0, 2 * np.pi, 68, endpoint=False)
    points = np.stack([80 + 40 * np.cos(angle), 90 + 50 * np.sin(angle)], axis=1).round()
    image = np.zeros((180, 160, 3), np.uint8)
    for x, y in points.astype(int):
        image[y - 1 : y + 2, x - 1 : x + 2] = 255
    return Frame(image, points)


def boxes_about(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([points.min(1), points.max(1)], axis=1)


@pytest.mark.parametrize("angle", [0, 30, 180])
def test_faces_lie_at_their_points(angle: float) -> None:
    scene = replace(BASE, size=90, angle=angle, count=6)
    picture = finding.compose(scene, [spots()], np.random.default_rng(0))
    assert picture.image.shape == (480, 640, 3)
    assert picture.points.shape == (6, 68, 2)
    if angle in (0, 180):
        np.testing.assert_allclose(np.ptp(picture.points, axis=1).max(1), 90)
    x, y = picture.points.round().astype(int).reshape(-1, 2).T
    assert (picture.image[y, x].min(1) > 100).mean() > 0.95
    dark = finding.compose(replace(scene, light=0.2), [spots()], np.random.default_rng(0))
    assert dark.image.max() <= 51


def test_a_box_finds_one_face_and_must_have_about_its_size() -> None:
    points = np.stack([spots().points, spots().points + 200])
    both = boxes_about(points)
    huge, elsewhere = [[-300, -300, 600, 600]], [[400, 400, 500, 500]]
    assert finding.matched(both[::-1], points) == ([1, 0], 0)
    assert finding.matched(np.concatenate([both[:1], huge, elsewhere]), points) == ([0, -1], 2)
    assert finding.matched(np.empty((0, 4)), points) == ([-1, -1], 0)


def test_recall_false_faces_and_error_are_counted() -> None:
    scene, frames = replace(BASE, count=4), [spots()]
    composed = [finding.compose(scene, frames, np.random.default_rng(7))]
    images: list[Any] = []

    def detect_half(image: Any) -> NDArray[np.float64]:
        images.append(image)
        return boxes_about(composed[0].points)[:2]

    score = finding.measure(scene, frames, detect_half, 1, seed=7)
    assert (score.faces, score.found, score.wrong, score.pictures) == (4, 2, 0, 1)
    # each detector gets the same pictures
    np.testing.assert_array_equal(images[0], composed[0].image)
    assert score.cell().startswith("50% (")
    without_faces = Score()
    without_faces.add(
        lambda image: np.array([[0, 0, 9, 9]]), Picture(composed[0].image, np.empty((0, 68, 2)))
    )
    assert without_faces.cell().startswith("100.0 (")


def test_pictures_without_a_face_are_drawn_differently() -> None:
    first, second = (finding.drawn(np.random.default_rng(seed)) for seed in (0, 1))
    assert first.shape != second.shape
    assert first.std() > 10
    np.testing.assert_array_equal(first, finding.drawn(np.random.default_rng(0)))


def test_every_scene_has_room_for_its_faces() -> None:
    scenes = (*finding.SIZES, *finding.ANGLES, *finding.OTHERS)
    assert len({scene.name for scene in scenes}) == len(scenes)
    for scene in scenes:
        assert scene.count * scene.size**2 < scene.width * scene.height
