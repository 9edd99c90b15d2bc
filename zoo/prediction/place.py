"""Where a face lies in the region that a model sees, and the region that a box becomes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .geometry import NO_SIZE, Region


@dataclass(frozen=True)
class FacePlace:
    """Where faces were in the regions that a model was trained on: medians over training frames."""

    side: float
    """The longer side of the labelled points' box, as a fraction of the region's side."""
    cx: float
    cy: float
    """Its centre, as fractions of the region."""

    def __post_init__(self) -> None:
        if not (0 < self.side < math.inf and math.isfinite(self.cx) and math.isfinite(self.cy)):
            raise ValueError(f"faces cannot lie at {self.cx}, {self.cy} with a side of {self.side}")

    @classmethod
    def of(cls, points: NDArray[np.floating], visible: NDArray[np.bool_]) -> FacePlace:
        """From labels as fractions of the region: (N, K, 2), (N, K). Faces whose points all lie at
        one place are left out."""
        shown = visible.any(1)
        points, mask = points[shown], visible[shown][..., None]
        low = np.where(mask, points, np.inf).min(1)
        high = np.where(mask, points, -np.inf).max(1)
        sides = (high - low).max(1)
        sized = sides > 0
        cx, cy = np.median((low + high)[sized] / 2, axis=0)
        return cls(float(np.median(sides[sized])), float(cx), float(cy))


def face_region(
    box: NDArray[np.floating], labelled: tuple[float, float, float], faces: FacePlace
) -> Region:
    """The region in which a face of this box lies as faces did in training.

    ``box``: x0, y0, x1, y1 in source pixels, more columns are not read. ``labelled`` says where a
    detector's box holds the landmarks (:class:`zoo.api.Detector`); of a box about the landmarks
    themselves it is (1, 0, 0).
    """
    x0, y0, x1, y1 = (float(v) for v in box[:4])
    part, dx, dy = labelled
    longer = max(x1 - x0, y1 - y0, NO_SIZE)
    side = longer * part / faces.side
    centre_x = (x0 + x1) / 2 + dx * longer
    centre_y = (y0 + y1) / 2 + dy * longer
    return Region(centre_x - (faces.cx - 0.5) * side, centre_y - (faces.cy - 0.5) * side, side)
