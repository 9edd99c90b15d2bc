"""Estimates the pose of a face from its points: perspective-n-point with an average 3-D face.

The shape was written for this package, from the proportions of adult faces in millimetres: 90
between the outer corners of the eyes and 32 between the inner ones, 50 across the mouth, 48 from
the eyes down to the base of the nose, 68 to the line of the lips and 114 to the chin, the tip of
the nose 35 in front of the inner corners of the eyes and 45 in front of the outer ones.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..api import IBUG68
from ..geometry import roll

_LEFT_HALF = {
    # jaw: from the ear to the chin, less deep than the bone: labels follow the visible outline,
    # which moves forward over the cheek as a head turns
    0: (-70, 0, -56), 1: (-70, 18, -54), 2: (-68, 36, -52), 3: (-65, 53, -47), 4: (-59, 70, -39),
    5: (-49, 86, -29), 6: (-35, 100, -16), 7: (-18, 110, -6), 8: (0, 114, -1),
    # brow
    17: (-55, -15, -12), 18: (-47, -22, -3), 19: (-36, -25, 4), 20: (-24, -23, 8),
    21: (-13, -19, 10),
    # nose: the bridge from the eyes to the tip, then the base
    27: (0, 0, 12), 28: (0, 13, 19), 29: (0, 25, 27), 30: (0, 37, 35),
    31: (-15, 44, 13), 32: (-8, 47, 18), 33: (0, 48, 21),
    # eye: its outer corner, upper lid, inner corner, lower lid
    36: (-45, 0, -10), 37: (-36, -5, -1), 38: (-25, -5, 1), 39: (-16, 1, 0), 40: (-25, 4, 0),
    41: (-36, 4, -3),
    # lips
    48: (-25, 68, 6), 49: (-15, 62, 15), 50: (-5, 60, 19), 51: (0, 61, 20),
    57: (0, 78, 17), 58: (-7, 77, 16), 59: (-16, 74, 12),
    60: (-21, 68, 8), 61: (-8, 67, 16), 62: (0, 67, 17), 66: (0, 69, 16), 67: (-8, 69, 15),
}  # fmt: skip
"""The image's left half: x to the right, y down, z towards the viewer; millimetres, the origin
between the eyes. The mirror gives the rest."""


def _with_right_half() -> NDArray[np.float64]:
    shape = np.empty((68, 3))
    assert IBUG68.flip is not None
    for index, (x, y, z) in _LEFT_HALF.items():
        shape[IBUG68.flip[index]] = -x, y, z
        shape[index] = x, y, z
    return shape


SHAPE = _with_right_half()
"""(68, 3): the points of IBUG68, x right, y down, z towards the viewer, in millimetres."""

_CENTRED = SHAPE - SHAPE.mean(axis=0)
_SPREAD = float(np.sqrt((_CENTRED[:, :2] ** 2).sum(axis=1).mean()))
_MODEL = _CENTRED / _SPREAD * (1, 1, -1)
"""The shape in OpenCV's axes, z away from the viewer; the root mean square of x, y is 1."""

DISTANCE = 12.0
"""Distance from the camera to the face, in the units of ``_MODEL``: about 65 cm. The camera points
straight at the face, so that the pose does not depend on where the face is in the picture, or on
how the picture was cut."""


class Pose(NamedTuple):
    """Which way a face looks, in degrees, seen from the camera; 0, 0, 0 looks into it."""

    yaw: float
    """Above 0: turned to the picture's right."""
    pitch: float
    """Above 0: bent down."""
    roll: float
    """Above 0: tilted clockwise, as the picture shows it."""


def pose_of(points: NDArray[np.floating[Any]]) -> Pose | None:
    """The pose of a face by its 68 points (68, 2), in pixels; None where they lie at one place.

    The head turns about its own upright axis by the yaw, then nods by the pitch, and then the
    picture is turned by the roll: the order in which the ``synthetic`` data set poses its faces.
    """
    normalised = np.asarray(points, np.float64)
    normalised = normalised - normalised.mean(axis=0)
    spread = float(np.sqrt((normalised**2).sum(axis=1).mean()))
    if not spread > 0:  # also true for NaN
        return None
    normalised = normalised / spread
    # the first guess: a face that looks into the camera, tilted as the points are
    tilt = roll(normalised, _MODEL[:, :2])
    camera = np.diag([DISTANCE, DISTANCE, 1.0])
    rotation, translation = np.array([0, 0, tilt]), np.array([0, 0, DISTANCE])
    solved, rotation, _ = cv2.solvePnP(
        _MODEL, normalised, camera, None, rotation, translation, True, cv2.SOLVEPNP_ITERATIVE
    )
    return _angles(np.asarray(cv2.Rodrigues(rotation)[0], np.float64)) if solved else None


def _angles(rotation: NDArray[np.float64]) -> Pose:
    """The angles of a rotation (3, 3) in OpenCV's axes: roll after pitch after yaw."""
    yaw = np.arctan2(rotation[2, 0], rotation[2, 2])
    pitch = np.arcsin(np.clip(rotation[2, 1], -1, 1))
    tilt = np.arctan2(-rotation[0, 1], rotation[1, 1])
    return Pose(*np.degrees([yaw, pitch, tilt]).tolist())
