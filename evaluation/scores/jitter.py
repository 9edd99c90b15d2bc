"""How much the points of a video shake, and how far they lag behind.

Both need the points of one face in consecutive frames, (T, K, 2). Jitter needs no labels, but then
fast motion counts too. With known points, it is the jitter of the error, in which motion cancels.

    jitter  the root mean square, over frames and points, of |p(t-1) - 2 p(t) + p(t+1)|, divided by
            the mean inter-ocular distance. It is 0 for motion at constant velocity. Points with
            independent normal errors of sigma in x and in y in every frame have sqrt(12) sigma.
    lag     the number of frames by which the points come after the known ones: the shift at which
            the velocities of both agree best, refined by a parabola through the best three shifts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Track = NDArray[np.floating[Any]]
"""(T, K, 2)"""


def jitter(points: Track, scale: float, known: Track | None = None) -> float:
    """How much the points of a video shake.

    Args:
        points: (T, K, 2) points of one face through T consecutive frames, in pixels.
        scale: The length that jitter is divided by, such as the inter-ocular distance, in pixels.
        known: (T, K, 2) true points; with them, the jitter is that of the error.

    Returns:
        The jitter, a fraction of ``scale``.

    Raises:
        ValueError: There are fewer than three frames.
    """
    track = np.asarray(points, np.float64)
    if known is not None:
        track = track - np.asarray(known, np.float64)
    if len(track) < 3:
        raise ValueError(f"jitter needs three frames in a row, these are {len(track)}")
    acceleration = track[:-2] - 2 * track[1:-1] + track[2:]
    return float(np.sqrt((acceleration**2).sum(-1).mean()) / scale)


def lag(points: Track, known: Track, most: int = 12) -> float:
    """How far the points of a video lag behind the true ones.

    Args:
        points: (T, K, 2) points of one face through T consecutive frames, in pixels.
        known: (T, K, 2) true points.
        most: The largest shift that is tried, in frames.

    Returns:
        The number of frames by which ``points`` come after ``known``; below 0 if they come before.

    Raises:
        ValueError: The known points do not move, so nothing can lag behind them, or the video is
            shorter than four times ``most``.
    """
    if len(points) != len(known) or len(known) < 4 * most:
        raise ValueError(f"{len(points)} and {len(known)} frames: lag needs {4 * most} of both")
    predicted = np.diff(np.asarray(points, np.float64), axis=0)
    true = np.diff(np.asarray(known, np.float64), axis=0)
    if not (true**2).sum() > 0:
        raise ValueError("the known points do not move, so nothing can lag behind them")
    shifts = np.arange(-most, most + 1)
    scores = np.array([_agreement(predicted, true, int(shift)) for shift in shifts])
    at = int(scores.argmax())
    if at in (0, len(shifts) - 1):
        return float(shifts[at])
    before, best, after = scores[at - 1 : at + 2]
    curvature = before - 2 * best + after
    return float(shifts[at] + (0.5 * (before - after) / curvature if curvature < 0 else 0.0))


def _agreement(predicted: Track, true: Track, shift: int) -> float:
    """The correlation of velocities, with ``predicted`` taken ``shift`` frames later; at most 1."""
    length = len(true) - abs(shift)
    a = predicted[max(shift, 0) :][:length]
    b = true[max(-shift, 0) :][:length]
    norm = np.sqrt((a**2).sum() * (b**2).sum())
    return float((a * b).sum() / norm) if norm > 0 else 0.0


def interocular(known: Track, corners: tuple[int, int]) -> float:
    """The mean distance of two points, such as the outer eye corners, over all frames."""
    left, right = corners
    return float(np.linalg.norm(known[:, left] - known[:, right], axis=-1).mean())
