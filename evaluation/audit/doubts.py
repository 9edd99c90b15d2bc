"""Labels that cannot be what they say: faces without a size, places that mean "no label", units
that are not pixels.

Programs write a row of zeros, or one place again and again, where they know nothing, and others
write parts of the picture instead of pixels. Trained on as they stand, such labels pull every point
to one corner.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Bools = NDArray[np.bool_]

SMALLEST = 2.0
"""Pixels that the points of a face span at least: coordinates from -1 to 1 span no more."""

FAR = 9999.0
"""A place with x = y from here on means "none": no picture is so large."""

FEWEST = 4
"""Faces among which one place in more than half of them says anything."""


@dataclass(frozen=True)
class StandIn:
    """A place that stands for "no label", as far as can be seen."""

    place: tuple[float, float]
    """x, y in pixels, after what the adapter takes off."""
    points: tuple[int, ...]
    """Which points of the scheme lie there."""
    faces: tuple[int, ...]
    """Rows in which one of them does."""
    of: int
    """Faces in all."""

    def __str__(self) -> str:
        x, y = self.place
        some = ", ".join(map(str, self.points[:3])) + (", ..." if len(self.points) > 3 else "")
        which = f"point {some}" if len(self.points) == 1 else f"points {some}"
        lie = "lies" if len(self.points) == 1 else "lie"
        return f"{which} {lie} at ({x:g}, {y:g}) in {len(self.faces):,} of {self.of:,} faces"


def sizeless(points: Floats, visible: Bools) -> Bools:
    """Which faces (N,) have two visible points or more and all of them within ``SMALLEST`` pixels;
    ``points`` are (N, K, 2), ``visible`` (N, K)."""
    span = _extreme(points, visible, np.fmax) - _extreme(points, visible, np.fmin)
    return np.asarray((visible.sum(1) > 1) & (span.max(1) < SMALLEST))


def why_sizeless(points: Floats, visible: Bools) -> str:
    """What is wrong with one such face: ``points`` are (K, 2), ``visible`` (K,)."""
    shown = points[visible]
    x, y = shown[0].tolist()
    if (shown == shown[0]).all():
        return f"no face with a size: its {len(shown)} points lie at one place, ({x:g}, {y:g})"
    width, height = (shown.max(0) - shown.min(0)).tolist()
    return (
        f"no face with a size: its {len(shown)} points span {width:.2g} x {height:.2g} pixels, as "
        "coordinates do that are parts of the picture instead of pixels"
    )


def stand_ins(points: Floats, visible: Bools) -> list[StandIn]:
    """Places that more than half of the faces give a point, and such as (0, 0), (-1, -1) or
    (9999, 9999), which no point has by chance. Faces without a size are left out.

    ``points`` are (N, K, 2), ``visible`` (N, K).
    """
    shown = visible & ~sizeless(points, visible)[:, None]
    x, y = points[..., 0], points[..., 1]
    chosen = shown & (x == y) & ((x <= 0) | (x >= FAR))
    if len(points):
        # a place in more than half of the faces is the median of both coordinates
        ordered = np.sort(np.where(shown[..., None], points, np.inf), axis=0)
        middle = np.maximum(shown.sum(0) - 1, 0) // 2
        same = shown & (points == ordered[middle, np.arange(len(middle))]).all(-1)
        chosen |= same & (2 * same.sum(0) > shown.sum(0)) & (same.sum(0) >= FEWEST)
    rows, columns = np.nonzero(chosen)
    found: dict[tuple[float, float], list[tuple[int, int]]] = {}
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        place = (float(x[row, column]), float(y[row, column]))
        found.setdefault(place, []).append((row, column))
    several = [
        StandIn(
            place=place,
            points=tuple(sorted({column for _, column in at})),
            faces=tuple(sorted({row for row, _ in at})),
            of=len(points),
        )
        for place, at in found.items()
    ]
    return sorted(several, key=lambda each: -len(each.faces))


def doubts(ids: Sequence[str], points: Floats, visible: Bools) -> list[str]:
    """Sentences on labels that cannot be what they say, for who reads the data set."""
    said = []
    none = np.flatnonzero(sizeless(points, visible)).tolist()
    if none:
        reason = why_sizeless(points[none[0]], visible[none[0]])
        said.append(
            f"{len(none):,} of {len(points):,} faces are not trained on, the first: "
            f"{ids[none[0]]}: {reason}"
        )
    places = stand_ins(points, visible)
    if places:
        more = f", and {len(places) - 1} more places" if len(places) > 1 else ""
        said.append(
            f"{places[0]}{more}, the first in {ids[places[0].faces[0]]}: where that stands for "
            'no label, --set "dataset.missing=[X, Y]" with the place as the file writes it masks '
            "it (landmarks_csv, ibug_pts)"
        )
    return said


def _extreme(points: Floats, visible: Bools, of: np.ufunc) -> NDArray[np.float64]:
    """(N, 2), the farthest visible point each way; 0 where none is."""
    shown = np.where(visible[..., None], np.asarray(points, np.float64), np.nan)
    return np.asarray(np.nan_to_num(of.reduce(shown, axis=1)), np.float64)
