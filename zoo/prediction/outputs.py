"""Outputs of a head beside points and scores, converted from a crop to the picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..geometry import Region

COVARIANCE, DEPTH, VISIBILITY = "covariance", "depth", "visibility"
"""The outputs whose meaning the zoo knows; all others are passed on unchanged. ``visibility`` is
passed on where a head gives it, declared or not."""

Outputs = Mapping[str, NDArray[np.float32]]
Shape = tuple[int, ...]
"""The shape of an output for one face."""


def in_picture(outputs: Outputs, region: Region) -> dict[str, NDArray[np.float32]]:
    """Convert the outputs of one face from fractions of its region to the picture: a covariance to
    squared pixels along the picture's axes, and a depth to pixels."""
    converted = dict(outputs)
    if COVARIANCE in converted:
        corners = region.to_source(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
        axes = (corners[1:] - corners[0]).T  # columns: the two sides of the crop in the picture
        converted[COVARIANCE] = np.asarray(axes @ converted[COVARIANCE] @ axes.T, np.float32)
    if DEPTH in converted:
        converted[DEPTH] = np.asarray(converted[DEPTH] * region.side, np.float32)
    return converted


def plain(values: NDArray[np.floating[Any]]) -> Any:
    """Lists of numbers for JSON, with four decimals; None for what is not finite."""
    rounded = np.round(values.astype(np.float64), 4)
    return np.where(np.isfinite(rounded), rounded, None).tolist()  # type: ignore[call-overload]
