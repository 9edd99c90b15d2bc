"""Frames decoded in order, ahead of need; what cannot be read is left out, up to a share of all."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..api import DataError, Problem
from ..geometry import Region
from .regions import RegionRule
from .table import SampleTable

T = TypeVar("T")
Progress = Callable[[int, int], None]
"""Called as (frames done, frames in all)."""

MOST_SKIPPED = 0.1
"""The share of frames that may be skipped, unless a configuration says otherwise: a data set that
lost more is another one."""


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
    rule: RegionRule,
    strict: bool = False,
    progress: Progress | None = None,
    most_skipped: float = MOST_SKIPPED,
) -> Regions:
    """Decode these rows of the table once, to learn which can be read and what their regions are.

    Raises :class:`DataError` where no frame can be read, where more than the share
    ``most_skipped`` cannot and, with ``strict``, where any cannot.
    """

    def find(row: int) -> Region:
        height, width = table.images[row]().shape[:2]
        return rule.region(table, row, height, width)

    kept: list[int] = []
    regions: list[tuple[float, float, float]] = []
    problems: list[Problem] = []
    for row, square in each_frame(table, rows, find, progress):
        if isinstance(square, Problem):
            problems.append(square)
        else:
            kept.append(row)
            regions.append((square.cx, square.cy, square.side))
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


def each_frame(
    table: SampleTable,
    rows: NDArray[np.int64],
    work: Callable[[int], T],
    progress: Progress | None = None,
) -> Iterator[tuple[int, T | Problem]]:
    """Each row in order, with what ``work``, which reads its picture, makes of it, or why that is
    nothing. Several are worked on at once."""

    def tried(row: int) -> T | Problem:
        try:
            return work(row)
        except DataError as error:
            return Problem(table.ids[row], str(error))

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        results = zip(rows.tolist(), _ahead(pool, tried, rows), strict=True)
        for done, (row, result) in enumerate(results, 1):
            yield row, result
            if progress is not None:
                progress(done, len(rows))


def _ahead(
    pool: ThreadPoolExecutor, load: Callable[[int], T], rows: NDArray[np.int64]
) -> Iterator[T]:
    """``map`` in order with a bounded queue: a video release does not fit into memory."""
    todo = iter([int(row) for row in rows])
    pending = deque(pool.submit(load, row) for row in islice(todo, 64))
    while pending:
        yield pending.popleft().result()
        pending.extend(pool.submit(load, row) for row in islice(todo, 1))
