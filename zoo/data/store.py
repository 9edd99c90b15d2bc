"""Regions decoded once into packed pixels on disk, memory-mapped: what training reads.

A store is one folder under ``ZOO_HOME/stores``, keyed by the data set's fingerprint, the region,
the size and the frames it holds. It is written under a temporary name and renamed, so that a reader
never sees half a store. If two processes build the same store, the first to finish provides it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..api import DataError, Problem
from ..files import zoo_home
from ..files.reading import read_json
from ..geometry import Region, crop
from .decode import MOST_SKIPPED, Progress, each_frame, refuse_skips
from .regions import RegionRule
from .table import SampleTable

FORMAT = 1
"""Part of the key. Raise it when :func:`zoo.geometry.crop` begins to give other pixels."""

ABANDONED = 86400.0
"""Seconds after which a half-written store counts as abandoned."""

LARGE = 10**9
"""Bytes from which the size of a store is reported before it is built."""


@dataclass(frozen=True)
class Store:
    """M frames of a table as squares of ``size`` pixels."""

    images: NDArray[np.uint8]
    """(M, size, size, 3) RGB, memory-mapped."""
    regions: NDArray[np.float64]
    """(M, 3): centre x, centre y and side in source pixels; where regions are turned (M, 4): the
    angle in radians as well."""
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
    rule: RegionRule,
    size: int,
    strict: bool = False,
    progress: Progress | None = None,
    most_skipped: float = MOST_SKIPPED,
    note: Callable[[str], None] | None = None,
) -> Store:
    """The store of these rows of the table, built where it does not exist yet. Before a large one
    is built, ``note`` is called with a message about its size.

    Raises :class:`DataError` where no frame can be read, where more than the share
    ``most_skipped`` cannot and, with ``strict``, where any cannot.
    """
    folder = zoo_home() / "stores" / _key(table, rows, rule, size)
    if folder.is_dir() and _any_repaired(_read(folder), table, rule, size):
        shutil.rmtree(folder)
    if not folder.is_dir():
        _build(folder, table, rows, rule, size, progress, note or (lambda message: None))
    with contextlib.suppress(OSError):  # a read-only folder of another user
        os.utime(folder)  # when it was last used: see old_stores
    store = _read(folder)
    refuse_skips(store.problems, len(rows), strict, most_skipped)
    return store


@dataclass(frozen=True)
class OldStore:
    """A store that has not been used for a while."""

    folder: Path
    bytes: int
    days: float
    """Since it was last opened."""


def old_stores(days: float) -> list[OldStore]:
    """The stores that no run has opened for so many days, the oldest first."""
    found = []
    for folder in (zoo_home() / "stores").glob("*"):
        if (folder / "images.npy").is_file():
            age = (time.time() - folder.stat().st_mtime) / 86400
            size = sum(each.stat().st_size for each in folder.iterdir())
            found.append(OldStore(folder, size, age))
    return sorted((s for s in found if s.days >= days), key=lambda store: -store.days)


def _require_room(where: Path, frames: int, size: int) -> str:
    """A message about the disk space that a large store takes; empty for a smaller one.

    Raises :class:`DataError` where the disk has less room.
    """
    needed = frames * size * size * 3
    free = shutil.disk_usage(where).free
    takes = f"{where}: {frames:,} frames at {size} px take {needed / 1e9:,.1f} GB"
    has = f"the disk has {free / 1e9:,.1f} GB left"
    if needed > free:
        raise DataError(
            f"{takes}, and {has}; `zoo data prune` removes old stores, ZOO_HOME "
            "names another folder, a smaller input_size takes less"
        )
    return f"{takes}; {has}" if needed >= LARGE else ""


def _any_repaired(store: Store, table: SampleTable, rule: RegionRule, size: int) -> bool:
    """Whether a frame that could not be read when the store was built can be read now."""
    for problem in store.problems:
        with contextlib.suppress(DataError):
            _cut(table, table.ids.index(problem.where), rule, size)
            return True
    return False


def _key(table: SampleTable, rows: NDArray[np.int64], rule: RegionRule, size: int) -> str:
    ids = "\n".join(table.ids[i] for i in rows)
    digest = hashlib.sha256(f"{FORMAT}|{table.fingerprint}|{rule.name}|{size}|{ids}".encode())
    digest.update(rule.depends_on(table, rows))
    return digest.hexdigest()[:24]


def _cut(
    table: SampleTable, row: int, rule: RegionRule, size: int
) -> tuple[NDArray[np.uint8], Region]:
    image = table.images[row]()
    square = rule.region(table, row, *image.shape[:2])
    return crop(image, square, size), square


def _build(
    folder: Path,
    table: SampleTable,
    rows: NDArray[np.int64],
    rule: RegionRule,
    size: int,
    progress: Progress | None,
    note: Callable[[str], None],
) -> None:
    draft = folder.with_name(f"{folder.name}.{uuid.uuid4().hex}.part")
    for leftover in folder.parent.glob("*.part"):  # by a builder that was killed
        if time.time() - leftover.stat().st_mtime > ABANDONED:
            shutil.rmtree(leftover, ignore_errors=True)
    try:
        draft.mkdir(parents=True)
        if message := _require_room(folder.parent, len(rows), size):
            note(message)
        kept, regions, problems = _write_images(
            draft / "images.npy", table, rows, rule, size, progress
        )
        if not kept:  # make no store: the next try may find files that are missing now
            refuse_skips(problems, len(rows), strict=False)
        np.save(draft / "regions.npy", _as_array(regions))
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
    rule: RegionRule,
    size: int,
    progress: Progress | None,
) -> tuple[list[int], list[Region], list[Problem]]:
    """Write each frame to its place in the file as soon as it is decoded. Frames that cannot be
    read leave unused room at the end."""
    regions: dict[int, Region] = {}
    problems: dict[int, Problem] = {}
    header = {"descr": "|u1", "fortran_order": False, "shape": (len(rows), size, size, 3)}
    with path.open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        start = stream.tell()
        cut = partial(_cut, table, rule=rule, size=size)
        for place, result in each_frame(table, rows, cut, progress):
            if isinstance(result, Problem):
                problems[place] = result
            else:
                pixels, regions[place] = result
                stream.seek(start + place * pixels.nbytes)
                stream.write(pixels.tobytes())
        stream.truncate(start + len(rows) * size * size * 3)
    kept = sorted(regions)
    if problems:
        _close_gaps(path, kept)
    return (
        [int(rows[place]) for place in kept],
        [regions[place] for place in kept],
        [problems[place] for place in sorted(problems)],
    )


def _close_gaps(path: Path, kept: Sequence[int]) -> None:
    images = np.load(path, mmap_mode="r+", allow_pickle=False)
    for target, source in enumerate(kept):
        if target != source:
            images[target] = images[source]
    images.flush()


def _as_array(regions: Sequence[Region]) -> NDArray[np.float64]:
    """As :attr:`Store.regions`."""
    numbers = np.array([astuple(region) for region in regions], np.float64)
    return numbers if numbers[:, 3].any() else numbers[:, :3]


def _move_into_place(draft: Path, folder: Path) -> None:
    try:
        draft.rename(folder)
    except OSError:
        if not folder.is_dir():  # otherwise another builder finished first, with the same bytes
            raise


def _read(folder: Path) -> Store:
    try:
        listed = read_json(folder / "problems.json")
        rows = np.load(folder / "rows.npy", allow_pickle=False)
        # copy-on-write, since torch needs a writable array; nothing is written
        images = np.load(folder / "images.npy", mmap_mode="c", allow_pickle=False)
        regions = np.load(folder / "regions.npy", allow_pickle=False)
    except (DataError, OSError, ValueError, EOFError) as error:
        raise DataError(
            f"{folder}: the store is damaged ({error}); delete that folder, it is built anew"
        ) from error
    return Store(
        images=images[: len(rows)],
        regions=regions,
        rows=rows,
        problems=tuple(Problem(where, reason) for where, reason in listed),
    )
