"""Boxes about the points of faces, and which of two frames' boxes are of one face.

Detectors draw their boxes each in its own way; those about the points compare.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.geometry import Box, iou
from zoo.prediction.face import Face


def match(tracks: Sequence[Box], found: Sequence[Box], least: float) -> dict[int, int]:
    """Pairs (index of a track: index of a found face), the largest overlap first."""
    overlaps = sorted(
        ((iou(a, b), i, j) for i, a in enumerate(tracks) for j, b in enumerate(found)),
        key=lambda each: -each[0],
    )
    pairs: dict[int, int] = {}
    for overlap, i, j in overlaps:
        if overlap >= least and i not in pairs and j not in pairs.values():
            pairs[i] = j
    return pairs


def box_of(face: Face) -> Box:
    """About its points, pixels."""
    (x0, y0), (x1, y1) = face.points.min(0).tolist(), face.points.max(0).tolist()
    return x0, y0, x1, y1


def size_of(face: Face) -> float:
    """sqrt(w h) of the box about its points, pixels; never 0."""
    x0, y0, x1, y1 = box_of(face)
    return max(float(np.sqrt((x1 - x0) * (y1 - y0))), 1e-6)


def centre_of(face: Face) -> NDArray[Any]:
    x0, y0, x1, y1 = box_of(face)
    return np.array([(x0 + x1) / 2, (y0 + y1) / 2])
