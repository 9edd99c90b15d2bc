"""Files of `zoo predict` that grow while it works: CSV, JSON Lines and .pts files.

Their content is described in :mod:`zoo.prediction.formats`.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from zoo.files import write_whole
from zoo.prediction.formats import Marked, columns, csv_text, json_text, pts_text, rows

from .pictures import writing

Format = Literal["csv", "jsonl"]


class Writer(Protocol):
    """Writes pictures or frames with their faces, one after another."""

    @property
    def used(self) -> bool:
        """Whether anything was written; without content no file is created."""
        ...

    def write(self, marked: Marked) -> None: ...


@contextmanager
def open_writer(path: Path, form: Format, *, overwrite: bool = False) -> Iterator[Writer]:
    """A writer of one file. It writes without a buffer, so that an interrupted job leaves all rows
    that were finished, and no part of a row.

    Nothing is created before the first face (CSV) or the first picture (JSON Lines). Raises
    :class:`UsageError` for a file that cannot be written, for a full disk, and, without
    ``overwrite``, for a file that exists.
    """
    writer = _Csv(path, overwrite) if form == "csv" else _JsonLines(path, overwrite)
    try:
        yield writer
    finally:
        writer.close()


class _Lines:
    """A text file that is opened when something is written."""

    def __init__(self, path: Path, overwrite: bool) -> None:
        self.path = path
        self._mode = "wb" if overwrite else "xb"
        self._file: io.FileIO | None = None
        self._size = 0
        """Bytes of the complete lines."""

    @property
    def used(self) -> bool:
        return self._file is not None

    def append(self, lines: str) -> None:
        """Write all of these lines, or none of them."""
        data = lines.encode()
        with writing(self.path):
            if self._file is None:
                self._file = io.FileIO(self.path, self._mode)
            try:
                written = 0
                while written < len(data):  # on a nearly full disk, only a part may be written
                    written += self._file.write(data[written:])
            except OSError:
                self._file.truncate(self._size)
                raise
        self._size += len(data)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


class _Csv(_Lines):
    """Writes one row per face; the data set `landmarks_csv` reads ``image_name`` and the points'
    columns."""

    def write(self, marked: Marked) -> None:
        if marked.faces:
            header = [] if self.used else [columns(len(marked.faces[0].points), marked.faces)]
            self.append(csv_text([*header, *rows(marked)]))


class _JsonLines(_Lines):
    """Writes one line per picture or frame, also for one without a face."""

    def write(self, marked: Marked) -> None:
        self.append(f"{json_text(marked)}\n")


def write_pts(path: Path, points: NDArray[np.floating[Any]]) -> None:
    """Write (K, 2) points as a .pts file. Raises :class:`UsageError` for a file that cannot be
    written."""
    with writing(path):
        write_whole(path, pts_text(points).encode())
