"""Turns a model's score of its own points into a probability."""

from __future__ import annotations

import math
from typing import Annotated

from msgspec import Meta, Struct

Factor = Annotated[float, Meta(ge=-1e6, le=1e6)]
Share = Annotated[float, Meta(ge=0, le=1)]

RIGHT = 0.1
"""NME below which the points of a face count as right."""


class Calibration(Struct, kw_only=True, frozen=True):
    """A logistic curve from a model's mean score to the probability that its points are right.

    Points are right if they lie on a face, with an NME below ``right``.
    """

    slope: Factor
    intercept: Factor
    right: Share = RIGHT
    faces: Annotated[int, Meta(ge=0)] = 0
    """Number of boxes around faces to which it was fitted."""
    others: Annotated[int, Meta(ge=0)] = 0
    """Number of boxes beside faces. Both kinds have the same total weight."""
    error: Share | None = None
    """Mean difference between the probability and the share that is right, over ten bins, on people
    to whom the curve was not fitted."""

    def confidence(self, score: float) -> float | None:
        """The probability for a mean score; None if the score is not finite."""
        if not math.isfinite(score):
            return None
        # the logistic curve as a hyperbolic tangent, which does not overflow
        return 0.5 + 0.5 * math.tanh((self.slope * score + self.intercept) / 2)
