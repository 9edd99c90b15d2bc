"""One face of a picture, everything in source pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..api import LandmarkScheme
from .picture import Image, Picture

__all__ = ["Face", "Image"]


@dataclass(frozen=True, repr=False)
class Face:
    """One face of a picture; everything in source pixels, as everywhere in the zoo: x right, y
    down, the centre of the top left pixel at (0, 0)."""

    box: tuple[float, float, float, float]
    """The detector's: x0, y0, x1, y1."""
    box_score: float
    """The detector's, in its own units: higher is surer that a face is there."""
    points: NDArray[np.float32]
    """(K, 2)"""
    scores: NDArray[np.float32] | None = None
    """(K,), where the model's head gives them."""
    confidence: float | None = None
    """How sure the model is of the points, from 0 to 1: see :meth:`Predictor.confidences`. None
    where it has nothing to go by."""
    scheme: LandmarkScheme | None = field(default=None, compare=False)
    """What the points mean; None for a face that was made by hand."""
    picture: Picture | None = field(default=None, compare=False)
    """The picture that the face is in; None for a face that was made by hand."""

    def __rich_repr__(self) -> Iterator[tuple[str, Any]]:
        """The facts, without the points themselves: a face has many."""
        yield "box", tuple(round(v, 1) for v in self.box)
        yield "box_score", round(self.box_score, 3)
        yield "points", f"{len(self.points)} points"
        yield "confidence", None if self.confidence is None else round(self.confidence, 3)

    def __repr__(self) -> str:
        return f"Face({', '.join(f'{k}={v}' for k, v in self.__rich_repr__())})"
