"""The One-Euro filter: points of a video that hold still and still keep up.

Casiez, Roussel and Vogel, 1 Euro Filter: A Simple Speed-based Low-pass Filter for Noisy Input in
Interactive Systems, CHI 2012. A first-order low-pass whose cutoff rises with the speed of the
signal: slow points are held still, fast ones are let through without lag.

    alpha(f) = 1 / (1 + 1 / (2 pi f dt))          of a low-pass with cutoff f, step dt
    speed    = |low-pass of (x - previous x') / dt|  with cutoff derivative_cutoff
    x'       = low-pass of x                         with cutoff min_cutoff + beta * speed

A point has one speed for both axes, so that a turned picture is smoothed alike.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .settings import OneEuro


def smoothing_factor(cutoff: NDArray[np.floating[Any]] | float, step: float) -> Any:
    """alpha of a low-pass with ``cutoff`` (Hz), for samples ``step`` seconds apart."""
    return 1 / (1 + 1 / (2 * math.pi * np.asarray(cutoff, np.float64) * step))


class PointFilter:
    """Smooths the points of one face from frame to frame."""

    def __init__(self, settings: OneEuro | None = None) -> None:
        self.settings = settings or OneEuro()
        self._place: NDArray[np.float64] | None = None
        self._velocity: NDArray[np.float64] | None = None

    def __call__(
        self, points: NDArray[np.floating[Any]], size: float, step: float
    ) -> NDArray[np.float64]:
        """Points (K, 2) in pixels, the smoothed ones of this frame.

        ``size``: of the face in pixels, what speeds are measured by; ``step``: seconds since the
        frame before, above 0. The first points come back as they are.
        """
        now = np.asarray(points, np.float64)
        if self._place is None or self._velocity is None:
            self._place = now
            self._velocity = np.zeros_like(now)
            return now
        known = self.settings
        velocity = (now - self._place) / step
        share = smoothing_factor(known.derivative_cutoff, step)
        self._velocity = self._velocity + share * (velocity - self._velocity)
        speed = np.linalg.norm(self._velocity, axis=1, keepdims=True) / max(size, 1e-6)
        share = smoothing_factor(known.min_cutoff + known.beta * speed, step)
        self._place = self._place + share * (now - self._place)
        return self._place
