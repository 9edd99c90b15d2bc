"""Implausible labels: faces without a size, places that mean "no label", units that are not pixels.

Some programs write a row of zeros, or always the same place, for a point without a label. Others
write fractions of the picture instead of pixels. Training on such labels pulls every point to one
corner.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Bools = NDArray[np.bool_]

SMALLEST = 2.0
"""The points of a face span at least this many pixels. Coordinates from -1 to 1 span no more."""

FAR = 9999.0
"""A place with x = y of this value or more means "no label": no picture is so large."""

FEWEST = 4
"""A place in more than half of the faces is reported if at least this many faces have it."""


@dataclass(frozen=True)
class StandIn:
    """A place that very likely means "no label"."""

    place: tuple[float, float]
    """x, y in pixels, after the adapter has subtracted its offset."""
    points: tuple[int, ...]
    """Indices of the points of the scheme that lie there."""
    faces: tuple[int, ...]
    """Rows of the faces in which at least one point lies there."""
    of: int
    """Number of all faces."""

    def __str__(self) -> str:
        x, y = self.place
        some = ", ".join(map(str, self.points[:3])) + (", ..." if len(self.points) > 3 else "")
        which = f"point {some}" if len(self.points) == 1 else f"points {some}"
        lie = "lies" if len(self.points) == 1 else "lie"
        return f"{which} {lie} at ({x:g}, {y:g}) in {len(self.faces):,} of {self.of:,} faces"


def sizeless(points: Floats, visible: Bools) -> Bools:
    """Faces (N,) with two or more visible points, all of which lie within ``SMALLEST`` pixels.

    ``points`` are (N, K, 2), ``visible`` (N, K).
    """
    span = _extreme(points, visible, np.fmax) - _extreme(points, visible, np.fmin)
    return np.asarray((visible.sum(1) > 1) & (span.max(1) < SMALLEST))


def why_sizeless(points: Floats, visible: Bools) -> str:
    """What is wrong with a face that is :func:`sizeless`: ``points`` (K, 2), ``visible`` (K,)."""
    shown = points[visible]
    x, y = shown[0].tolist()
    if (shown == shown[0]).all():
        return f"no face with a size: its {len(shown)} points lie at one place, ({x:g}, {y:g})"
    width, height = (shown.max(0) - shown.min(0)).tolist()
    return (
        f"no face with a size: its {len(shown)} points span {width:.2g} x {height:.2g} pixels, as "
        "if the coordinates were fractions of the picture instead of pixels"
    )


def stand_ins(points: Floats, visible: Bools) -> list[StandIn]:
    """Places that mean "no label". Faces without a size are left out.

    These are places where more than half of the faces have the same point, and places such as
    (0, 0), (-1, -1) or (9999, 9999), where no point lies by chance.

    ``points`` are (N, K, 2), ``visible`` (N, K).
    """
    shown = visible & ~sizeless(points, visible)[:, None]
    x, y = points[..., 0], points[..., 1]
    suspicious = shown & (x == y) & ((x <= 0) | (x >= FAR))
    if len(points):
        # a place in more than half of the faces is the median of both coordinates
        ordered = np.sort(np.where(shown[..., None], points, np.inf), axis=0)
        middle = np.maximum(shown.sum(0) - 1, 0) // 2
        same = shown & (points == ordered[middle, np.arange(len(middle))]).all(-1)
        suspicious |= same & (2 * same.sum(0) > shown.sum(0)) & (same.sum(0) >= FEWEST)
    rows, columns = np.nonzero(suspicious)
    occurrences: dict[tuple[float, float], list[tuple[int, int]]] = {}
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        place = (float(x[row, column]), float(y[row, column]))
        occurrences.setdefault(place, []).append((row, column))
    found = [
        StandIn(
            place=place,
            points=tuple(sorted({column for _, column in at})),
            faces=tuple(sorted({row for row, _ in at})),
            of=len(points),
        )
        for place, at in occurrences.items()
    ]
    return sorted(found, key=lambda stand_in: -len(stand_in.faces))


def doubts(ids: Sequence[str], points: Floats, visible: Bools) -> list[str]:
    """Warnings about implausible labels, for the user of the data set."""
    warnings = []
    rows = np.flatnonzero(sizeless(points, visible)).tolist()
    if rows:
        reason = why_sizeless(points[rows[0]], visible[rows[0]])
        warnings.append(
            f"{len(rows):,} of {len(points):,} faces are not trained on, the first: "
            f"{ids[rows[0]]}: {reason}"
        )
    places = stand_ins(points, visible)
    if places:
        more = f", and {len(places) - 1} more places" if len(places) > 1 else ""
        warnings.append(
            f"{places[0]}{more}, the first in {ids[places[0].faces[0]]}: if this place means "
            '"no label", mask it with --set "dataset.missing=[X, Y]", where X and Y are as in the '
            "file (landmarks_csv, ibug_pts)"
        )
    return warnings


def _extreme(points: Floats, visible: Bools, extreme: np.ufunc) -> NDArray[np.float64]:
    """(N, 2): the extreme x and y of the visible points; 0 for a face without any."""
    shown = np.where(visible[..., None], np.asarray(points, np.float64), np.nan)
    return np.asarray(np.nan_to_num(extreme.reduce(shown, axis=1)), np.float64)
