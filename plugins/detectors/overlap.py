"""Boxes that show one face twice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float32]
"""(N, 5): x0, y0, x1, y1, score."""


def keep_best(boxes: Boxes, most: float = 0.5) -> Boxes:
    """Non-maximum suppression: in the order given, each box that is not covered by one kept before.

    Covered: their intersection is more than ``most`` of the smaller of the two. Measured on the
    smaller, since cascades also find mouths and noses inside of faces.
    """
    kept: list[int] = []
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    for i, (x0, y0, x1, y1) in enumerate(boxes[:, :4]):
        held = boxes[kept]
        wide = np.minimum(held[:, 2], x1) - np.maximum(held[:, 0], x0)
        high = np.minimum(held[:, 3], y1) - np.maximum(held[:, 1], y0)
        common = np.maximum(wide, 0) * np.maximum(high, 0)
        if not (common > most * np.minimum(areas[kept], areas[i])).any():
            kept.append(i)
    return boxes[kept]
