"""How well a model works with the box of each face, and with boxes that are off by a tenth.

The boxes are those about the labelled points, as a perfect detector would give them. A real one is
slightly off, which may harm a model that was trained with all faces at one place and size.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..api import DataError
from ..data.table import SampleTable
from ..evaluation.scores.metrics import headline_errors, summarise
from ..geometry import Region, face_region, square_about, square_box
from ..prediction.predictor import Predictor

OFF = 0.1
"""Shift as a fraction of the box's longer side."""

STILL = (0.0, 0.0, 1.0)
_AROUND = [(dx, dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1) if (dx, dy) != (0, 0)]
SHIFTS = tuple(
    (OFF * dx / float(np.hypot(dx, dy)), OFF * dy / float(np.hypot(dx, dy)), 1.0)
    for dx, dy in _AROUND
)
"""Eight directions: (x, y) in sides of the box, and the factor of its size."""
SMALLER, LARGER = (0.0, 0.0, 1 / (1 + OFF)), (0.0, 0.0, 1 + OFF)

Move = tuple[float, float, float]
Progress = Callable[[int, int], None]


def points_from_boxes(
    predictor: Predictor,
    table: SampleTable,
    rows: NDArray[np.int64],
    moves: tuple[Move, ...] = (STILL,),
    progress: Progress = lambda done, total: None,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Points (M, N, K, 2) in source pixels of N frames, for each of M moves of their boxes, and the
    rows (N,) of the frames: those without a visible point, or that cannot be read, are left out.

    Raises :class:`DataError` where no frame is left.
    """
    found, kept, reason = [], [], "none shows a labelled point"
    for done, row in enumerate(rows, start=1):
        labelled = table.points[row][table.visible[row]]
        try:
            image = table.images[row]() if len(labelled) else None
        except DataError as error:
            image, reason = None, str(error)
        if image is not None:
            regions = [_region(labelled, move, predictor) for move in moves]
            found.append(predictor.points_in(image, regions)[0])
            kept.append(int(row))
        progress(done, len(rows))
    if not found:
        raise DataError(f"no face to look at in {len(rows)} frames: {reason}")
    return np.stack(found, axis=1), np.array(kept, np.int64)


def _region(labelled: NDArray[np.float32], move: Move, predictor: Predictor) -> Region:
    x0, y0, x1, y1 = square_about(labelled)
    side, (dx, dy, factor) = x1 - x0, move
    box = square_box((x0 + x1) / 2 + dx * side, (y0 + y1) / 2 + dy * side, side * factor)
    return face_region(np.array(box), (1.0, 0.0, 0.0), predictor.faces)


def measure(
    predictor: Predictor,
    table: SampleTable,
    rows: NDArray[np.int64],
    progress: Progress = lambda done, total: None,
) -> dict[str, Any]:
    """The headline NME, a fraction, by how the box lies: ``still``, ``shifted`` (mean of eight
    directions), ``worst_shift`` (the worst of the eight means), ``smaller``, ``larger``."""
    require_scheme(predictor, table)
    moves = (STILL, SMALLER, LARGER, *SHIFTS)
    points, kept = points_from_boxes(predictor, table, rows, moves, progress)
    target, visible = table.points[kept], table.visible[kept]
    errors = [headline_errors(each, target, visible, table.scheme) for each in points]
    still, smaller, larger, *shifted = (float(np.nanmean(each)) for each in errors)
    return {
        "off": OFF,
        "frames": len(kept),
        "still": still,
        "shifted": float(np.mean(shifted)),
        "worst_shift": max(shifted),
        "smaller": smaller,
        "larger": larger,
    }


def results_on(
    predictor: Predictor,
    table: SampleTable,
    rows: NDArray[np.int64],
    progress: Progress = lambda done, total: None,
) -> dict[str, Any]:
    """Results, as a record keeps them, from the boxes of the labels."""
    require_scheme(predictor, table)
    points, kept = points_from_boxes(predictor, table, rows, (STILL,), progress)
    regions = [
        _region(table.points[row][table.visible[row]], STILL, predictor) for row in kept.tolist()
    ]
    results = summarise(
        points[0],
        table.points[kept],
        table.visible[kept],
        np.array([(r.cx, r.cy, r.side) for r in regions], np.float64),
        table.scheme,
        [table.people[row] for row in kept],
    )
    kept_keys = ("nme_ioc", "nme_ioc_low", "nme_ioc_high", "nme_box", "fr_08", "n", "people")
    return {key: results[key] for key in kept_keys}


def require_scheme(predictor: Predictor, table: SampleTable) -> None:
    """Raises :class:`DataError` where labels are of other points than the model's."""
    mine, theirs = predictor.scheme, table.scheme
    if (mine.name, len(mine)) != (theirs.name, len(theirs)):
        raise DataError(
            f"{predictor.name} predicts {len(mine)} points of {mine.name}, the labels are "
            f"{len(theirs)} points of {theirs.name}"
        )
