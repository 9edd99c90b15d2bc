"""Decodes frames, several videos at once. A share of the frames may be unreadable and left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import chain, groupby, islice
from operator import itemgetter
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..api import DataError, Problem
from ..geometry import Region
from ..threads import at_once
from .regions import RegionRule
from .table import SampleTable

T = TypeVar("T")
Progress = Callable[[int, int], None]
"""Called as (frames done, frames in all)."""

MOST_SKIPPED = 0.1
"""The share of frames that may be skipped, unless a configuration says otherwise. With more frames
missing, it would be a different data set."""

PIECE = 4
"""How many frames a thread decodes before it hands over the results."""


@dataclass(frozen=True)
class Regions:
    """The regions of M frames of a table: a store (:mod:`zoo.data.store`) without pixels."""

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
    for place, square in sorted(each_frame(table, rows, find, progress), key=itemgetter(0)):
        if isinstance(square, Problem):
            problems.append(square)
        else:
            kept.append(int(rows[place]))
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
    """Decode these rows: the place of each in ``rows``, with the result of ``work``, which reads
    the picture of its row, or with the problem that prevented it. They come in the order in which
    they are done, so that no frame waits in memory for an earlier one.

    Several videos are decoded at once, but the frames of each in their order: a codec, or one
    compressed array, can only be read in order.
    """

    def attempt(place: int) -> T | Problem:
        try:
            return work(int(rows[place]))
        except DataError as error:
            return Problem(table.ids[rows[place]], str(error))

    def attempt_all(places: list[int]) -> list[tuple[int, T | Problem]]:
        return [(place, attempt(place)) for place in places]

    waiting = _sequences(table, rows)
    running: dict[Future[list[tuple[int, T | Problem]]], Iterator[int]] = {}

    def submit_next(sequences: Iterable[Iterator[int]]) -> None:
        for sequence in sequences:
            if places := list(islice(sequence, PIECE)):
                running[pool.submit(attempt_all, places)] = sequence
                return

    done = 0
    with ThreadPoolExecutor(at_once()) as pool:
        for _ in range(at_once()):
            submit_next(waiting)
        while running:
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                results, sequence = future.result(), running.pop(future)
                submit_next(chain([sequence], waiting))
                for result in results:
                    yield result
                    done += 1
                    if progress is not None:
                        progress(done, len(rows))


def _sequences(table: SampleTable, rows: NDArray[np.int64]) -> Iterator[Iterator[int]]:
    """Places in ``rows`` that are decoded in order: the frames of a video, or a few stills."""

    def key(place: int) -> tuple[str | None, int]:
        video = table.videos[rows[place]]
        return video, 0 if video else place // PIECE

    for _, places in groupby(range(len(rows)), key):
        yield iter(list(places))
