"""Regions decoded once into packed pixels on disk, memory-mapped: what training reads.

A store is one folder under ``ZOO_HOME/stores``, keyed by the data set's fingerprint, the region,
the size and the frames it holds. It is written beside its final name and renamed into place, so a
reader never sees half of one, and of two builders at once one simply arrives second.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..api import DataError, Problem
from ..geometry import Box, Region, box_region, crop, frame_region
from .locate import zoo_home
from .table import SampleTable

FORMAT = 1
"""Part of the key: a change of the pixels that :func:`zoo.geometry.crop` gives raises it."""

ABANDONED = 86400.0
"""Seconds after which a half-written store has no builder any more."""

T = TypeVar("T")
Progress = Callable[[int, int], None]
"""Called as (frames done, frames in all)."""


@dataclass(frozen=True)
class Store:
    """M frames of a table as squares of ``size`` pixels."""

    images: NDArray[np.uint8]
    """(M, size, size, 3) RGB, memory-mapped."""
    regions: NDArray[np.float64]
    """(M, 3): centre x, centre y and side in source pixels."""
    rows: NDArray[np.int64]
    """(M,): the table's row of each frame; frames that could not be read are left out."""
    problems: tuple[Problem, ...]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def size(self) -> int:
        return int(self.images.shape[1])


def open_store(
    table: SampleTable,
    rows: NDArray[np.int64],
    region: str,
    size: int,
    strict: bool = False,
    progress: Progress | None = None,
) -> Store:
    """The store of these rows of the table, built where it is not there yet.

    Raises :class:`DataError` where no frame can be read or, with ``strict``, where any cannot.
    """
    folder = zoo_home() / "stores" / _key(table, rows, region, size)
    if folder.is_dir() and _any_repaired(_read(folder), table, region, size):
        shutil.rmtree(folder)
    if not folder.is_dir():
        _build(folder, table, rows, region, size, progress)
    store = _read(folder)
    if store.problems and strict:
        raise DataError(
            f"{store.problems[0]} (--strict: every skipped frame is fatal; "
            f"{len(store.problems)} in all)"
        )
    return store


def _any_repaired(store: Store, table: SampleTable, region: str, size: int) -> bool:
    """Whether a frame that could not be read when the store was built can be read now."""
    for problem in store.problems:
        with contextlib.suppress(DataError):
            _cut(table, table.ids.index(problem.where), region, size)
            return True
    return False


def _key(table: SampleTable, rows: NDArray[np.int64], region: str, size: int) -> str:
    ids = "\n".join(table.ids[i] for i in rows)
    digest = hashlib.sha256(f"{FORMAT}|{table.fingerprint}|{region}|{size}|{ids}".encode())
    if region == "box":  # the fingerprint knows points, not boxes
        digest.update(table.boxes[rows].astype("<f4").tobytes())
    return digest.hexdigest()[:24]


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


def _cut(table: SampleTable, row: int, region: str, size: int) -> tuple[NDArray[np.uint8], Region]:
    image = table.images[row]()
    height, width = image.shape[:2]
    square = _region(region, table.boxes[row], height, width, table.ids[row])
    return crop(image, square, size), square


def _build(
    folder: Path,
    table: SampleTable,
    rows: NDArray[np.int64],
    region: str,
    size: int,
    progress: Progress | None,
) -> None:
    draft = folder.with_name(f"{folder.name}.{uuid.uuid4().hex}.part")
    for left in folder.parent.glob("*.part"):  # by a builder that was killed
        if time.time() - left.stat().st_mtime > ABANDONED:
            shutil.rmtree(left, ignore_errors=True)
    try:
        draft.mkdir(parents=True)
        kept, regions, problems = _write_images(
            draft / "images.npy", table, rows, region, size, progress
        )
        if not kept:  # no store: the next try may find what is missing now
            raise DataError(f"not one of {len(rows)} frames could be read; {problems[0]}")
        np.save(draft / "regions.npy", np.array(regions, np.float64).reshape(-1, 3))
        np.save(draft / "rows.npy", np.array(kept, np.int64))
        listed = [[p.where, p.reason] for p in problems]
        (draft / "problems.json").write_text(json.dumps(listed), "utf-8")
        _move_into_place(draft, folder)
    except OSError as error:
        raise DataError(
            f"{folder}: cannot write the store: {error.strerror or error}; "
            "ZOO_HOME names a folder with room for it"
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _write_images(
    path: Path,
    table: SampleTable,
    rows: NDArray[np.int64],
    region: str,
    size: int,
    progress: Progress | None,
) -> tuple[list[int], list[tuple[float, float, float]], list[Problem]]:
    """Pixels go to disk as they come; frames that cannot be read leave unused room at the end."""

    def load(row: int) -> tuple[NDArray[np.uint8], Region] | Problem:
        try:
            return _cut(table, row, region, size)
        except DataError as error:
            return Problem(table.ids[row], str(error))

    kept: list[int] = []
    regions: list[tuple[float, float, float]] = []
    problems: list[Problem] = []
    header = {"descr": "|u1", "fortran_order": False, "shape": (len(rows), size, size, 3)}
    with path.open("wb") as stream, ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        np.lib.format.write_array_header_1_0(stream, header)
        start = stream.tell()
        for done, (row, result) in enumerate(zip(rows, _ahead(pool, load, rows), strict=True), 1):
            if isinstance(result, Problem):
                problems.append(result)
            else:
                pixels, square = result
                stream.write(pixels.tobytes())
                kept.append(int(row))
                regions.append((square.cx, square.cy, square.side))
            if progress is not None:
                progress(done, len(rows))
        stream.truncate(start + len(rows) * size * size * 3)
    return kept, regions, problems


def _ahead(
    pool: ThreadPoolExecutor, load: Callable[[int], T], rows: NDArray[np.int64]
) -> Iterator[T]:
    """``map`` in order with a bounded queue: a video release does not fit into memory."""
    todo = iter([int(row) for row in rows])
    pending = deque(pool.submit(load, row) for row in islice(todo, 64))
    while pending:
        yield pending.popleft().result()
        pending.extend(pool.submit(load, row) for row in islice(todo, 1))


def _move_into_place(draft: Path, folder: Path) -> None:
    try:
        draft.rename(folder)
    except OSError:
        if not folder.is_dir():  # else another builder was first, with the same bytes
            raise


def _read(folder: Path) -> Store:
    try:
        listed = json.loads((folder / "problems.json").read_text("utf-8"))
        rows = np.load(folder / "rows.npy", allow_pickle=False)
        # copy-on-write, so that torch may wrap it; nobody writes
        images = np.load(folder / "images.npy", mmap_mode="c", allow_pickle=False)
        regions = np.load(folder / "regions.npy", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(
            f"{folder}: the store is damaged ({error}); delete that folder, it is built anew"
        ) from error
    return Store(
        images=images[: len(rows)],
        regions=regions,
        rows=rows,
        problems=tuple(Problem(where, reason) for where, reason in listed),
    )
