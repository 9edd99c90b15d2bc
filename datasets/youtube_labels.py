"""What all releases of YouTube Faces with landmarks share: source and convention of the labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LICENSE = (
    "research use: frames of the YouTube Faces DB (Wolf, Hassner, Maoz, CVPR 2011), "
    "which show real people"
)

LABEL_OFFSET = (0.009, 0.0)
"""Offset of the labels from the true positions, in units of sqrt(w h) of the labelled points' box.

Measured on the official test frames of the Udacity release against eight independent predictors,
each averaged with its own mirror image: the labels lie .9% (.8 px at the median) to the right.
"""

NOTES = (
    "68 points found by a network with 64 x 64 heat maps, not by hand: about 2% NME inter-ocular "
    "is the least error. Stored as edge coordinates (0 is the left edge of the first pixel); .5 is "
    "subtracted so that 0 is its centre."
)


def from_edges(stored: NDArray[np.floating]) -> NDArray[np.float32]:
    """Edge coordinates, in which the first pixel covers [0, 1], to pixel-centre ones.

    What float32 cannot hold becomes infinite, for the caller to refuse.
    """
    with np.errstate(over="ignore"):
        return (np.asarray(stored, np.float64) - 0.5).astype(np.float32)
