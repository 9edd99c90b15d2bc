"""Frames decoded in order, ahead of need, each with the region that a model would see."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..api import DataError, Problem
from ..geometry import Box, Region, box_region, frame_region, refine_region
from .table import SampleTable

T = TypeVar("T")
Progress = Callable[[int, int], None]
"""Called as (frames done, frames in all)."""

MOST_SKIPPED = 0.1
"""The share of frames that may be skipped, unless a configuration says otherwise: a data set that
lost more is another one."""

CLOSE = "close"
"""A region that only training asks for: the labelled points as a second pass would see them
(:func:`zoo.geometry.refine_region`), with room around for turning and moving that crop."""

CLOSE_ROOM = 1.5
"""Side of a close region in sides of a second pass's crop. A crop that is turned by 30 degrees
just fits; one that is moved or widened besides may have a black corner, as at the edge of a
picture."""


def place(
    table: SampleTable, row: int, region: str, upright: NDArray[np.float64] | None = None
) -> tuple[NDArray[np.uint8], Region]:
    """A frame's pixels and its region; ``upright``, the points (K, 2) of an upright face, where
    close regions are turned as the face is. Raises :class:`DataError` for a frame that cannot be
    read, or that has no box where the region needs one."""
    image = table.images[row]()
    height, width = image.shape[:2]
    if region == CLOSE:
        return image, _close_region(table, row, height, width, upright)
    return image, _region(region, table.boxes[row], height, width, table.ids[row])


def _close_region(
    table: SampleTable, row: int, height: int, width: int, upright: NDArray[np.float64] | None
) -> Region:
    visible = table.visible[row]
    shown = table.points[row][visible]
    if not len(shown):  # nothing to crop about, and nothing to learn
        return frame_region(height, width)
    close = refine_region(shown, None if upright is None else upright[visible])
    return replace(close, side=close.side * CLOSE_ROOM)


@dataclass(frozen=True)
class Regions:
    """Where M frames of a table are looked at: a store (:mod:`zoo.data.store`) without pixels."""

    rows: NDArray[np.int64]
    """(M,): the table's row of each frame; frames that could not be read are left out."""
    regions: NDArray[np.float64]
    """(M, 3): centre x, centre y and side in source pixels."""
    problems: tuple[Problem, ...]

    def __len__(self) -> int:
        return len(self.rows)


def find_regions(
    table: SampleTable,
    rows: NDArray[np.int64],
    region: str,
    strict: bool = False,
    progress: Progress | None = None,
    most_skipped: float = MOST_SKIPPED,
) -> Regions:
    """Decode these rows of the table once, to learn which can be read and what their regions are.

    Raises :class:`DataError` where no frame can be read, where more than the share
    ``most_skipped`` cannot and, with ``strict``, where any cannot.
    """

    def load(row: int) -> Region | Problem:
        try:
            return place(table, row, region)[1]
        except DataError as error:
            return Problem(table.ids[row], str(error))

    kept: list[int] = []
    regions: list[tuple[float, float, float]] = []
    problems: list[Problem] = []
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for done, (row, square) in enumerate(zip(rows, ahead(pool, load, rows), strict=True), 1):
            if isinstance(square, Problem):
                problems.append(square)
            else:
                kept.append(int(row))
                regions.append((square.cx, square.cy, square.side))
            if progress is not None:
                progress(done, len(rows))
    refuse_skips(problems, len(rows), strict, most_skipped)
    return Regions(
        rows=np.array(kept, np.int64),
        regions=np.array(regions, np.float64).reshape(-1, 3),
        problems=tuple(problems),
    )


def refuse_skips(
    problems: Sequence[Problem], count: int, strict: bool, most: float = MOST_SKIPPED
) -> None:
    """Raise where not one of ``count`` frames is left, where more than the share ``most`` of them
    is skipped or, with ``strict``, where any is."""
    if not problems:
        return
    skipped = sum(problem.frames for problem in problems)
    if skipped >= count:
        raise DataError(f"not one of {count:,} frames can be used; {problems[0]}")
    if strict:
        raise DataError(
            f"{problems[0]} (--strict: every skipped frame is fatal; {skipped:,} in all)"
        )
    if skipped > most * count:
        raise DataError(
            f"{skipped:,} of {count:,} frames cannot be used, more than {most:.0%}; the first: "
            f"{problems[0]}. Mend the data, or go on with the rest: --most-skipped 1"
        )


def ahead(
    pool: ThreadPoolExecutor, load: Callable[[int], T], rows: NDArray[np.int64]
) -> Iterator[T]:
    """``map`` in order with a bounded queue: a video release does not fit into memory."""
    todo = iter([int(row) for row in rows])
    pending = deque(pool.submit(load, row) for row in islice(todo, 64))
    while pending:
        yield pending.popleft().result()
        pending.extend(pool.submit(load, row) for row in islice(todo, 1))


def _region(kind: str, box: NDArray[np.float32], height: int, width: int, where: str) -> Region:
    if kind == "frame":
        return frame_region(height, width)
    if not np.isfinite(box).all():
        raise DataError(f"{where}: has no box; use --set region=frame")
    x0, y0, x1, y1 = (float(value) for value in box)
    if not (x0 < x1 and y0 < y1):
        raise DataError(f"{where}: its box {x0:g}, {y0:g}, {x1:g}, {y1:g} is empty")
    face: Box = (x0, y0, x1, y1)
    return box_region(face)
