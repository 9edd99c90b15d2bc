"""Aligned crops for recognition networks: the face is turned upright and scaled, so that its eyes,
nose and mouth are where those networks were trained to find them."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..api import DataError
from ..geometry import Region, crop
from .picture import Image

SIDE = 112
"""Pixels: side of the square in which ``TEMPLATE`` lies."""

TEMPLATE = np.array(
    [
        (38.2946, 51.6963),  # eye on the picture's left
        (73.5318, 51.5014),
        (56.0252, 71.7366),  # tip of the nose
        (41.5493, 92.3655),  # left corner of the mouth
        (70.7299, 92.2041),
    ]
)
"""Where ArcFace and similar networks have five points in 112 x 112 pixels (Deng et al., ArcFace:
Additive Angular Margin Loss for Deep Face Recognition, CVPR 2019; the places are from its code)."""


class Aligned(NamedTuple):
    """A crop of a face, and the matrix that maps the picture to it."""

    image: Image
    """uint8 (size, size, 3) RGB, black where it leaves the picture."""
    matrix: NDArray[np.float64]
    """(2, 3): maps x, y, 1 of the picture to x, y of the crop, in pixels."""


def five_of(points: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """The points of ``TEMPLATE`` among the 68 of IBUG68, (68, 2) to (5, 2)."""
    eyes = [points[36:42].mean(axis=0), points[42:48].mean(axis=0)]
    return np.array([*eyes, points[30], points[48], points[54]], np.float64)


def align(image: Image, five: NDArray[np.float64], size: int = SIDE) -> Aligned:
    """The crop of ``size`` x ``size`` pixels in which the five points come as near to ``TEMPLATE``
    as a turn, one scale and a shift can bring them.

    Raises :class:`DataError` for points that all lie at one place.
    """
    # (0, 0) is the centre of the top left pixel in both: scale about its corner, half a pixel away
    matrix = similarity(five, (TEMPLATE + 0.5) * (size / SIDE) - 0.5)
    # the square of the picture that becomes the crop
    scale, angle = math.hypot(*matrix[:, 0]), math.atan2(matrix[1, 0], matrix[0, 0])
    middle = np.array([(size - 1) / 2, (size - 1) / 2]) - matrix[:, 2]
    cx, cy = (middle @ matrix[:, :2] / scale**2).tolist()
    return Aligned(crop(image, Region(cx, cy, size / scale, -angle), size), matrix)


def similarity(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """(2, 3): the turn, scale and shift that bring points (N, 2) nearest to others, by least
    squares; never a mirror. Raises :class:`DataError` for points that all lie at one place."""
    z, w = (points @ (1, 1j) for points in (source, target))
    z0, w0 = z.mean(), w.mean()
    size = float((np.abs(z - z0) ** 2).sum())
    if not size > 0:  # also true for NaN
        raise DataError("the points of this face all lie at one place: it cannot be aligned")
    # as complex numbers: w = a z + b
    a = (np.conj(z - z0) * (w - w0)).sum() / size
    b = w0 - a * z0
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])
