"""Frames decoded, several videos at once; what cannot be read is left out, up to a share of all."""

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
"""The share of frames that may be skipped, unless a configuration says otherwise: a data set that
lost more is another one."""

PIECE = 4
"""Frames that a thread works on before their results are taken from it."""


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
    """The place of each row, with what ``work``, which reads its picture, makes of it, or why that
    is nothing; as they are done, so that no frame waits in memory for those before it.

    Several videos are decoded at once, the frames of each in their order: a codec, or one
    compressed array, gives them in no other.
    """

    def tried(place: int) -> T | Problem:
        try:
            return work(int(rows[place]))
        except DataError as error:
            return Problem(table.ids[rows[place]], str(error))

    def piece(places: list[int]) -> list[tuple[int, T | Problem]]:
        return [(place, tried(place)) for place in places]

    waiting = _strands(table, rows)
    begun: dict[Future[list[tuple[int, T | Problem]]], Iterator[int]] = {}

    def go_on(strands: Iterable[Iterator[int]]) -> None:
        for strand in strands:
            if places := list(islice(strand, PIECE)):
                begun[pool.submit(piece, places)] = strand
                return

    done = 0
    with ThreadPoolExecutor(at_once()) as pool:
        for _ in range(at_once()):
            go_on(waiting)
        while begun:
            for future in wait(begun, return_when=FIRST_COMPLETED).done:
                results, strand = future.result(), begun.pop(future)
                go_on(chain([strand], waiting))
                for result in results:
                    yield result
                    done += 1
                    if progress is not None:
                        progress(done, len(rows))


def _strands(table: SampleTable, rows: NDArray[np.int64]) -> Iterator[Iterator[int]]:
    """Places that one thread goes through: those of a video or, of stills, a few."""

    def strand(place: int) -> tuple[str | None, int]:
        video = table.videos[rows[place]]
        return video, 0 if video else place // PIECE

    for _, places in groupby(range(len(rows)), strand):
        yield iter(list(places))
