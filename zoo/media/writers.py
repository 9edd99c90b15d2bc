"""Files of `zoo predict` that grow while it works: CSV, JSON Lines and .pts files.

What stands in them is said in :mod:`zoo.prediction.formats`.
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
    """Takes what was marked, one after another."""

    @property
    def used(self) -> bool:
        """Whether anything was written: an empty file is not made."""
        ...

    def write(self, marked: Marked) -> None: ...


@contextmanager
def open_writer(path: Path, form: Format, *, overwrite: bool = False) -> Iterator[Writer]:
    """A writer of one file. What was written is in it at once, so that whatever ends the work
    leaves all that was finished, and no half of a row.

    Nothing is created before the first face (CSV) or the first picture (JSON Lines). Raises
    :class:`UsageError` for a place that cannot be written, or takes no more; without ``overwrite``,
    for a file that is there.
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
        self._whole = 0
        """Bytes of the lines that are whole."""

    @property
    def used(self) -> bool:
        return self._file is not None

    def append(self, lines: str) -> None:
        """All of them, or none."""
        data = lines.encode()
        with writing(self.path):
            if self._file is None:
                self._file = io.FileIO(self.path, self._mode)
            try:
                written = 0
                while written < len(data):  # a disk that is nearly full takes a part
                    written += self._file.write(data[written:])
            except OSError:
                self._file.truncate(self._whole)
                raise
        self._whole += len(data)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


class _Csv(_Lines):
    """A row a face; ``image_name`` and the points' columns as the data-set adapter
    `landmarks_csv` reads them."""

    def write(self, marked: Marked) -> None:
        if marked.faces:
            header = [] if self.used else [columns(len(marked.faces[0].points), marked.faces)]
            self.append(csv_text([*header, *rows(marked)]))


class _JsonLines(_Lines):
    """A line a picture or frame, also of one without a face."""

    def write(self, marked: Marked) -> None:
        self.append(f"{json_text(marked)}\n")


def write_pts(path: Path, points: NDArray[np.floating[Any]]) -> None:
    """(K, 2) points as a .pts file. Raises :class:`UsageError` for a place that cannot be
    written."""
    with writing(path):
        write_whole(path, pts_text(points).encode())
