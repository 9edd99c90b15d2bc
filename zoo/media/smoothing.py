"""The One-Euro filter: it steadies the points of a video without lag in fast motion.

Casiez, Roussel and Vogel, 1 Euro Filter: A Simple Speed-based Low-pass Filter for Noisy Input in
Interactive Systems, CHI 2012. A first-order low-pass whose cutoff rises with the speed of the
signal: slow points are smoothed, fast ones pass without lag.

    alpha(f) = 1 / (1 + 1 / (2 pi f dt))          of a low-pass with cutoff f, step dt
    speed    = |low-pass of (x - previous x') / dt|  with cutoff derivative_cutoff
    x'       = low-pass of x                         with cutoff min_cutoff + beta * speed

A point has one speed for both axes, so that a turned picture is smoothed in the same way.
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
        """Smooth the points (K, 2) of this frame, in pixels.

        ``size``: size of the face in pixels; speeds are measured in face sizes. ``step``: seconds
        since the frame before, above 0. The first points are returned unchanged.
        """
        now = np.asarray(points, np.float64)
        if self._place is None or self._velocity is None:
            self._place = now
            self._velocity = np.zeros_like(now)
            return now
        settings = self.settings
        velocity = (now - self._place) / step
        alpha = smoothing_factor(settings.derivative_cutoff, step)
        self._velocity = self._velocity + alpha * (velocity - self._velocity)
        speed = np.linalg.norm(self._velocity, axis=1, keepdims=True) / max(size, 1e-6)
        alpha = smoothing_factor(settings.min_cutoff + settings.beta * speed, step)
        self._place = self._place + alpha * (now - self._place)
        return self._place
