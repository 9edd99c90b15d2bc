"""What a model's score of its own points is worth: a probability."""

from __future__ import annotations

import math
from typing import Annotated

from msgspec import Meta, Struct

Factor = Annotated[float, Meta(ge=-1e6, le=1e6)]
Share = Annotated[float, Meta(ge=0, le=1)]

RIGHT = 0.1
"""NME below which the points of a face count as right."""


class Calibration(Struct, kw_only=True, frozen=True):
    """The logistic curve from a model's mean score to the probability that its points are right:
    that they lie on a face, with an NME below ``right``."""

    slope: Factor
    intercept: Factor
    right: Share = RIGHT
    faces: Annotated[int, Meta(ge=0)] = 0
    """Boxes of faces that it was fitted to."""
    others: Annotated[int, Meta(ge=0)] = 0
    """Boxes beside faces. Both kinds count the same in all."""
    error: Share | None = None
    """Mean difference between the probability and the share that is right, over ten bins, on people
    that the curve was not fitted to."""

    def confidence(self, score: float) -> float | None:
        """The probability for a mean score; None where there is no score."""
        if not math.isfinite(score):
            return None
        # the hyperbolic tangent does not overflow
        return 0.5 + 0.5 * math.tanh((self.slope * score + self.intercept) / 2)
