"""A parametric 3-D face: proportions, expression and pose to the 68 iBUG points and their surface.

Face units: half the width between the ears is 1. x right, y down, z towards the viewer, the origin
between the eyes. The head is a stack of half ellipses, one for each height y, from the left jaw
(theta = -90 degrees) over the front to the right jaw (90), with bumps for nose, lips and chin and
dents for the eye sockets.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from zoo.api import IBUG68

Array = NDArray[np.float64]

# The stack: y, half width, depth at the jaw, depth at the front. The rows from y = 0 down are those
# of jaw points 0 to 8 (and 16 to 8).
_ROWS = np.array(
    [
        (-1.42, 0.30, -0.70, -0.45),
        (-1.25, 0.62, -0.70, -0.14),
        (-1.00, 0.84, -0.72, 0.08),
        (-0.70, 0.95, -0.74, 0.19),
        (-0.35, 1.00, -0.75, 0.21),
        (0.00, 1.00, -0.75, 0.18),
        (0.27, 0.985, -0.73, 0.21),
        (0.54, 0.95, -0.67, 0.25),
        (0.80, 0.88, -0.57, 0.28),
        (1.03, 0.76, -0.41, 0.28),
        (1.23, 0.60, -0.22, 0.26),
        (1.39, 0.41, -0.03, 0.24),
        (1.49, 0.21, 0.10, 0.21),
        (1.53, 0.00, 0.17, 0.17),
    ]
)
_FIRST_JAW_ROW = 5

# The image's left half of points 17 to 67, (x, y); the mirror gives the rest.
_FEATURES = {
    17: (-0.82, -0.30), 18: (-0.68, -0.41), 19: (-0.50, -0.46), 20: (-0.33, -0.43),
    21: (-0.17, -0.36),
    27: (0.0, -0.02), 28: (0.0, 0.18), 29: (0.0, 0.37), 30: (0.0, 0.56),
    31: (-0.23, 0.66), 32: (-0.12, 0.71), 33: (0.0, 0.74),
    36: (-0.65, 0.02), 37: (-0.53, -0.085), 38: (-0.37, -0.085), 39: (-0.25, 0.03),
    40: (-0.37, 0.075), 41: (-0.53, 0.08),
    48: (-0.40, 1.02), 49: (-0.24, 0.94), 50: (-0.09, 0.90), 51: (0.0, 0.92),
    57: (0.0, 1.18), 58: (-0.10, 1.17), 59: (-0.25, 1.12),
    60: (-0.34, 1.02), 61: (-0.12, 1.005), 62: (0.0, 1.01), 66: (0.0, 1.035), 67: (-0.12, 1.03),
}  # fmt: skip


def _rest() -> Array:
    points = np.full((68, 2), np.nan)
    assert IBUG68.flip is not None
    for index, (x, y) in _FEATURES.items():
        points[IBUG68.flip[index]] = -x, y
        points[index] = x, y
    return points


_REST = _rest()
_BROWS, _NOSE, _EYES = slice(17, 27), slice(27, 36), slice(36, 48)
_EYE_LEFT, _EYE_RIGHT = slice(36, 42), slice(42, 48)
_UPPER_LID, _LOWER_LID = [37, 38, 43, 44], [41, 40, 47, 46]
_CORNERS = [48, 54, 60, 64]
_UPPER_LIP, _LOWER_LIP = [49, 50, 51, 52, 53], [55, 56, 57, 58, 59]
_INNER_UPPER, _INNER_LOWER = [61, 62, 63], [65, 66, 67]


@dataclass(frozen=True)
class Shape:
    """Proportions of one person: each a deviation in units of its spread, 0 for the average."""

    length: float = 0.0
    jaw: float = 0.0
    depth: float = 0.0
    eye_size: float = 0.0
    eye_gap: float = 0.0
    eye_tilt: float = 0.0
    brow_height: float = 0.0
    brow_arch: float = 0.0
    nose_length: float = 0.0
    nose_width: float = 0.0
    nose_depth: float = 0.0
    mouth_width: float = 0.0
    mouth_height: float = 0.0
    lips: float = 0.0


@dataclass(frozen=True)
class Expression:
    """0 at rest; 1 is the strongest."""

    open: float = 0.0
    smile: float = 0.0
    """How far the corners of the mouth go up; below 0 they hang."""
    brows: float = 0.0
    """1 raised, -1 lowered."""
    blink: float = 0.0
    gaze: tuple[float, float] = (0.0, 0.0)
    """x, y of the irises in half eye widths."""


@dataclass(frozen=True)
class DrawnFace:
    """A face in its expression, before its pose."""

    rows: Array
    """(R, 4): y, half width, depth at the jaw, depth at the front."""
    features: Array
    """(68, 3); the jaw's 0 to 16 are NaN: where they lie depends on the pose."""
    bumps: Array
    """(B, 5): x, y, spread in x, spread in y, height."""
    shape: Shape
    expression: Expression

    def surface(self, theta: Array, y: Array) -> Array:
        """Points of the head (..., 3) at angle ``theta`` (radians) and height ``y``."""
        width, back, front = (np.interp(y, self.rows[:, 0], self.rows[:, k]) for k in (1, 2, 3))
        x = width * np.sin(theta)
        z = back + (front - back) * np.cos(theta) + _relief(x, y, self.bumps)
        return np.stack(np.broadcast_arrays(x, y, z), axis=-1)


def build_face(shape: Shape, expression: Expression) -> DrawnFace:
    """The 3-D face of a person in an expression."""
    rows = _ROWS.copy()
    # the widths of the lower face, most at the mouth, none at the ears
    lower = np.clip(rows[:, 0] / 1.2, 0, 1)
    rows[:, 1] *= 1 + 0.07 * shape.jaw * lower
    rows[:, 3] += 0.06 * shape.depth
    points = _features(shape, expression)
    bumps = _bumps(shape)

    # the mouth's and the nose's depths are those of the closed jaw: lips do not sink when it opens
    stretch = 1 + 0.06 * shape.length
    points[:, 1] *= np.where(points[:, 1] > 0, stretch, 1)
    rows[:, 0] *= np.where(rows[:, 0] > 0, stretch, 1)
    bumps[:, 1] *= np.where(bumps[:, 1] > 0, stretch, 1)
    depth = _depth(points, rows, bumps)
    _open_mouth(points, rows, bumps, expression.open, stretch)
    return DrawnFace(rows, np.column_stack([points, depth]), bumps, shape, expression)


def _features(shape: Shape, expression: Expression) -> Array:
    """x, y of points 17 to 67 with proportions and all of the expression but the open mouth."""
    points = _REST.copy()
    side = np.where(np.arange(68) >= 42, 1.0, -1.0)[_EYES]
    for eye in (_EYE_LEFT, _EYE_RIGHT):
        centre = points[eye].mean(axis=0)
        points[eye] = centre + (points[eye] - centre) * (1 + 0.10 * shape.eye_size)
    points[_EYES, 0] += 0.025 * shape.eye_gap * side
    outward = np.abs(points[_EYES, 0]) - 0.45
    points[_EYES, 1] -= 0.10 * shape.eye_tilt * outward

    points[_BROWS, 1] -= 0.05 * shape.brow_height + 0.10 * expression.brows
    arch = np.cos((np.abs(points[_BROWS, 0]) - 0.5) * np.pi / 0.7)
    points[_BROWS, 1] -= 0.03 * shape.brow_arch * arch
    inner = np.clip((0.5 - np.abs(points[_BROWS, 0])) / 0.35, 0, 1)
    points[_BROWS, 1] -= 0.06 * min(expression.brows, 0) * inner

    points[_NOSE, 1] *= 1 + 0.06 * shape.nose_length
    points[_NOSE, 0] *= 1 + 0.12 * shape.nose_width

    mouth = points[48:]
    mouth[:, 0] *= 1 + 0.08 * shape.mouth_width
    mouth[:, 1] += 0.03 * shape.mouth_height
    points[_UPPER_LIP, 1] -= 0.02 * shape.lips
    points[_LOWER_LIP, 1] += 0.03 * shape.lips
    smile = expression.smile
    points[_CORNERS, 0] *= 1 + 0.20 * smile
    points[_CORNERS, 1] -= 0.10 * smile
    points[[49, 53, 59, 55], 1] -= 0.05 * smile
    points[[49, 53, 59, 55], 0] *= 1 + 0.14 * smile
    points[_UPPER_LIP, 1] += 0.02 * max(smile, 0)

    # cheeks push the lower lid up; a blink brings the upper lid down on it
    points[_LOWER_LID, 1] -= 0.03 * max(smile, 0)
    gap = points[_LOWER_LID, 1] - points[_UPPER_LID, 1]
    points[_UPPER_LID, 1] += expression.blink * (gap - 0.008)
    return points


def _bumps(shape: Shape) -> Array:
    nose = 1 + 0.12 * shape.nose_depth
    long = 1 + 0.06 * shape.nose_length
    wide = 1 + 0.12 * shape.nose_width
    return np.array(
        [
            (0.0, 0.10 * long, 0.10, 0.22, 0.16 * nose),
            (0.0, 0.36 * long, 0.11, 0.22, 0.17 * nose),
            (0.0, 0.58 * long, 0.13 * wide, 0.13, 0.28 * nose),
            (-0.17 * wide, 0.63 * long, 0.08, 0.09, 0.11),
            (0.17 * wide, 0.63 * long, 0.08, 0.09, 0.11),
            (-0.44, 0.02, 0.22, 0.15, -0.10),
            (0.44, 0.02, 0.22, 0.15, -0.10),
            (0.0, -0.30, 0.60, 0.14, 0.05),
            (0.0, 1.02, 0.30, 0.16, 0.09),
            (0.0, 1.26, 0.30, 0.06, -0.05),
            (0.0, 1.42, 0.20, 0.12, 0.07),
        ]
    )


def _relief(x: Array, y: Array, bumps: Array) -> Array:
    x0, y0, sx, sy, height = bumps.T
    dx, dy = (np.asarray(x)[..., None] - x0) / sx, (np.asarray(y)[..., None] - y0) / sy
    return np.asarray((np.exp(-0.5 * (dx * dx + dy * dy)) * height).sum(axis=-1), np.float64)


def _depth(points: Array, rows: Array, bumps: Array) -> Array:
    """The surface's z below (x, y); NaN for the jaw's points, which have no x, y yet."""
    x, y = points[:, 0], points[:, 1]
    width, back, front = (np.interp(y, rows[:, 0], rows[:, k]) for k in (1, 2, 3))
    across = np.clip(1 - (x / width) ** 2, 0, 1)
    return np.asarray(back + (front - back) * np.sqrt(across) + _relief(x, y, bumps), np.float64)


def _open_mouth(points: Array, rows: Array, bumps: Array, amount: float, stretch: float) -> None:
    """The jaw drops: rows below the nose follow the lower lip and the chin."""
    drop = 0.30 * amount
    points[_LOWER_LIP, 1] += drop * np.array([0.75, 0.97, 1, 0.97, 0.75])
    points[_INNER_LOWER, 1] += drop * np.array([0.92, 1, 0.92])
    points[_INNER_UPPER, 1] -= 0.02 * amount
    points[_UPPER_LIP, 1] -= 0.02 * amount
    points[_CORNERS, 1] += 0.40 * drop
    points[_CORNERS, 0] *= 1 - 0.10 * amount
    for table, column in ((rows, 0), (bumps, 1)):
        below = np.clip((table[:, column] / stretch - 0.5) / 0.9, 0, 1)
        table[:, column] += drop * below


@dataclass(frozen=True)
class Camera:
    """Pose and perspective: face units to source pixels."""

    rotation: Array
    """(3, 3): yaw and pitch; the roll turns the image afterwards."""
    roll: float
    distance: float
    """Distance from the head's pivot to the camera, in face units."""
    scale: float = 1.0
    """Pixels per face unit, at the pivot."""
    centre: tuple[float, float] = (0.0, 0.0)
    """Where the pivot comes to lie, in source pixels."""

    def turn(self, points: Array) -> Array:
        """Points (..., 3) about the pivot, as the camera sees them, before the roll."""
        return np.asarray((points - PIVOT) @ self.rotation.T, np.float64)

    def project(self, points: Array) -> Array:
        """Face units (..., 3) to source pixels (..., 2)."""
        turned = self.turn(points)
        flat = turned[..., :2] / (1 - turned[..., 2:] / self.distance)
        return np.asarray(flat @ self._plane + self.centre, np.float64)

    @cached_property
    def _plane(self) -> Array:
        cos, sin = np.cos(self.roll), np.sin(self.roll)
        return np.array([[cos, sin], [-sin, cos]]) * self.scale


PIVOT = np.array([0.0, 0.35, -0.6])
"""Heads turn about a place between the ears, above the neck."""


def pose(yaw: float, pitch: float, roll: float, distance: float) -> Camera:
    """A camera from angles in degrees: yaw > 0 turns the face to the image's right, pitch > 0
    down, roll > 0 clockwise."""
    a, b = np.radians(yaw), np.radians(pitch)
    turn = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    nod = np.array([[1, 0, 0], [0, np.cos(b), np.sin(b)], [0, -np.sin(b), np.cos(b)]])
    return Camera(nod @ turn, float(np.radians(roll)), distance)


def contour_angles(face: DrawnFace, camera: Camera) -> tuple[Array, Array]:
    """Where each row's outline is, left and right: angles (R,), (R,) in radians.

    Annotators follow the visible outline of a turned face, not the bone behind it. On a row,
    x = A sin(theta) + B cos(theta) after the turn, so the outline is at atan2(A, B), or at the
    jaw (90 degrees) where that comes first.
    """
    reach = camera.rotation[0, 0] * face.rows[:, 1]
    bulge = camera.rotation[0, 2] * (face.rows[:, 3] - face.rows[:, 2])
    right = np.minimum(np.arctan2(reach, bulge), np.pi / 2)
    left = -np.minimum(np.arctan2(reach, -bulge), np.pi / 2)
    return left, right


def landmarks(face: DrawnFace, camera: Camera) -> Array:
    """The 68 points in the camera's pixels, (68, 2)."""
    left, right = contour_angles(face, camera)
    jaw = slice(_FIRST_JAW_ROW, None)
    heights = face.rows[jaw, 0]
    points = face.features.copy()
    points[:9] = face.surface(left[jaw], heights)
    points[16:8:-1] = face.surface(right[jaw], heights)[:-1]
    return camera.project(points)
