"""Which way a face looks: known poses of a shape, of drawn people, and what must not change it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from zoo.api import IBUG68, WFLW98, generic_scheme
from zoo.api.schemes import WFLW98_OF_IBUG68
from zoo.datasets.drawn.model import landmarks
from zoo.datasets.drawn.model import pose as camera_of
from zoo.datasets.drawn.scene import frame_scene
from zoo.prediction import Face
from zoo.prediction.pose import SHAPE, pose_of

POINTS = NDArray[np.float64]


def project(yaw: float, pitch: float, roll: float, distance: float = 8.0) -> POINTS:
    """The shape, seen from ``distance`` half widths of a head, 100 pixels each."""
    camera = replace(camera_of(yaw, pitch, roll, distance), scale=100.0)
    return camera.project(SHAPE / 70)


def apart(found: object, expected: object) -> NDArray[np.float64]:
    """Degrees between angles, the shorter way round."""
    difference = np.asarray(found, np.float64) - np.asarray(expected, np.float64)
    return np.abs((difference + 180) % 360 - 180)


@settings(deadline=None, max_examples=50)
@given(
    st.floats(-70, 70),
    st.floats(-40, 40),
    st.floats(-179, 179),
    st.floats(8, 40),
    st.integers(0, 10**6),
)
def test_a_projected_shape_has_the_pose_it_was_given(
    yaw: float, pitch: float, roll: float, distance: float, seed: int
) -> None:
    """Within 5 degrees, although points are off by a hundredth of the face, and the distance of
    the camera is not known."""
    points = project(yaw, pitch, roll, distance)
    points += np.random.default_rng(seed).normal(0, 1.4, points.shape)
    pose = pose_of(points)
    assert pose is not None
    assert apart(pose, (yaw, pitch, roll)).max() < 5


def test_the_signs_follow_the_picture() -> None:
    straight = project(0, 0, 0)
    nose, between = straight[30], straight[36:48].mean(0)
    right, down, clockwise = project(30, 0, 0), project(0, 30, 0), project(0, 0, 30)
    # to the picture's right: the nose moves there; down: it comes nearer to the chin
    assert right[30, 0] - right[36:48, 0].mean() > 20 + nose[0] - between[0]
    assert down[30, 1] - down[8, 1] > 10 + nose[1] - straight[8, 1]
    # clockwise as the picture shows it: the right eye sinks
    assert clockwise[42:48, 1].mean() > clockwise[36:42, 1].mean() + 20
    for points, expected in ((right, (30, 0, 0)), (down, (0, 30, 0)), (clockwise, (0, 0, 30))):
        assert apart(pose_of(points), expected).max() < 3


@settings(deadline=None, max_examples=25)
@given(
    st.floats(-50, 50), st.floats(-30, 30), st.floats(-180, 180), st.floats(0.1, 50),
    st.integers(0, 10**6),
)  # fmt: skip
def test_place_and_size_do_not_change_a_pose_and_turns_and_mirrors_do_as_they_must(
    yaw: float, pitch: float, turn: float, scale: float, seed: int
) -> None:
    random = np.random.default_rng(seed)
    points = project(yaw, pitch, 0) + random.normal(0, 3, (68, 2))
    pose = pose_of(points)
    assert pose is not None
    moved = points * scale + random.uniform(-500, 500, 2)
    assert apart(pose_of(moved), pose).max() < 0.1
    cos, sin = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    turned = pose_of(points @ np.array([[cos, sin], [-sin, cos]]))
    assert apart(turned, (pose.yaw, pose.pitch, pose.roll + turn)).max() < 0.1
    mirrored = points[list(IBUG68.flip or ())] * (-1, 1)
    assert apart(pose_of(mirrored), (-pose.yaw, pose.pitch, -pose.roll)).max() < 0.1


def test_drawn_people_look_where_they_were_drawn_to_look() -> None:
    """Other faces than the shape's own: 90 people of random proportions, who talk and laugh, whose
    jaw is labelled along the visible outline."""
    errors = []
    for person in range(90):
        scene = frame_scene(5, person, 0, 0)
        turned = scene.camera.rotation
        yaw, pitch = np.arctan2(-turned[2, 0], turned[2, 2]), np.arcsin(-turned[2, 1])
        pose = pose_of(landmarks(scene.face, scene.camera))
        errors.append(apart(pose, np.degrees([yaw, pitch, scene.camera.roll])))
    yaw_error, pitch_error, roll_error = np.mean(errors, axis=0)
    assert yaw_error < 2
    assert pitch_error < 3.5
    assert roll_error < 1.5


def test_points_of_other_schemes_give_the_same_pose_or_none() -> None:
    points = project(20, -10, 5).astype(np.float32)
    box = (0.0, 0.0, 1.0, 1.0)
    pose = Face(box, 1.0, points, scheme=IBUG68).pose
    wflw = np.full((98, 2), np.nan, np.float32)
    wflw[list(WFLW98_OF_IBUG68)] = points
    assert pose is not None
    assert Face(box, 1.0, wflw, scheme=WFLW98).pose == pose
    assert Face(box, 1.0, points, scheme=generic_scheme(68)).pose is None
    assert Face(box, 1.0, points).pose is None


@pytest.mark.parametrize("points", [np.zeros((68, 2)), np.full((68, 2), np.nan)])
def test_points_that_are_no_face_have_no_pose(points: POINTS) -> None:
    assert pose_of(points) is None


def test_the_shape_is_symmetric_and_looks_into_the_camera() -> None:
    np.testing.assert_array_equal(SHAPE[list(IBUG68.flip or ())] * (-1, 1, 1), SHAPE)
    np.testing.assert_allclose(pose_of(SHAPE[:, :2]), 0, atol=2)
