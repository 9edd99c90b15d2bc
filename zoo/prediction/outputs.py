"""What a head gives beside points and scores, brought from a crop into the picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..geometry import Region

COVARIANCE, DEPTH, VISIBILITY = "covariance", "depth", "visibility"
"""The outputs that the zoo knows the meaning of: of the others it changes nothing. The last is
carried where a head gives it, declared or not."""

Outputs = Mapping[str, NDArray[np.float32]]
Shape = tuple[int, ...]
"""The shape of an output for one face."""


def in_picture(outputs: Outputs, region: Region) -> dict[str, NDArray[np.float32]]:
    """The outputs of one face, in fractions of the region that the network saw, as those of the
    picture: a covariance in squared pixels, turned with the crop, a depth in pixels."""
    found = dict(outputs)
    if COVARIANCE in found:
        corners = region.to_source(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
        across = (corners[1:] - corners[0]).T  # its columns: where both sides of the crop lead
        found[COVARIANCE] = np.asarray(across @ found[COVARIANCE] @ across.T, np.float32)
    if DEPTH in found:
        found[DEPTH] = np.asarray(found[DEPTH] * region.side, np.float32)
    return found


def plain(values: NDArray[np.floating[Any]]) -> Any:
    """Lists of numbers for JSON, with four decimals; None for what is not finite."""
    rounded = np.round(values.astype(np.float64), 4)
    return np.where(np.isfinite(rounded), rounded, None).tolist()  # type: ignore[call-overload]
