"""Faces as CSV, JSON Lines and .pts files, all in source pixels.

The centre of the top left pixel is (0, 0) in CSV and JSON Lines, as everywhere in the zoo, and
(1, 1) in .pts files, whose convention that is (300-W, menpo).
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from zoo.files import write_whole
from zoo.files.names import readable
from zoo.prediction.face import Face

from .pictures import writing

Format = Literal["csv", "jsonl"]

CORNERS = ("box_x0", "box_y0", "box_x1", "box_y1")


@dataclass(frozen=True)
class Marked:
    """A picture, or a frame of something that moves, with the faces that were found in it."""

    path: Path
    """The picture, the video, or the frame's own file."""
    faces: Sequence[Face]
    numbers: Sequence[int]
    """Number of each face: its place among the picture's, or its track through a video."""
    frame: int | None = None
    """Number of the frame, from 0; None for a picture."""
    seconds: float | None = None


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
        lines = io.StringIO()
        writer = csv.writer(lines, lineterminator="\n")
        for face, number in zip(marked.faces, marked.numbers, strict=True):
            if not self.used and not lines.tell():
                parts = [f"part_{i}_{axis}" for i in range(len(face.points)) for axis in "xy"]
                about = ["image_name", "frame", "seconds", "face", *CORNERS, "box_score"]
                writer.writerow([*about, "confidence", *parts])
            frame = "" if marked.frame is None else marked.frame
            seconds = "" if marked.seconds is None else _short(marked.seconds)
            values = [*face.box, face.box_score, face.confidence, *face.points.ravel().tolist()]
            writer.writerow(
                [readable(str(marked.path)), frame, seconds, number, *map(_short, values)]
            )
        if marked.faces:
            self.append(lines.getvalue())


class _JsonLines(_Lines):
    """A line a picture or frame, also of one without a face."""

    def write(self, marked: Marked) -> None:
        line = json.dumps(as_table(marked), allow_nan=False, separators=(",", ":"))
        self.append(f"{line}\n")


def as_table(marked: Marked) -> dict[str, Any]:
    """What JSON says of a picture or frame."""
    moving = {} if marked.frame is None else {"frame": marked.frame, "seconds": marked.seconds}
    faces = [
        {
            "face": number,
            "box": [round(v, 2) for v in face.box],
            "box_score": _finite(face.box_score),
            "confidence": _finite(face.confidence),
            "points": face.points.astype(np.float64).round(2).tolist(),
            "scores": None if face.scores is None else [_finite(v) for v in face.scores.tolist()],
        }
        for face, number in zip(marked.faces, marked.numbers, strict=True)
    ]
    return {"image": readable(str(marked.path)), **moving, "faces": faces}


def write_pts(path: Path, points: NDArray[np.floating[Any]]) -> None:
    """(K, 2) points as a .pts file of version 1: 1 is added, for there the first pixel is (1, 1).

    Raises :class:`UsageError` for a place that cannot be written.
    """
    lines = "".join(f"{x + 1:.3f} {y + 1:.3f}\n" for x, y in points.tolist())
    with writing(path):
        write_whole(path, f"version: 1\nn_points: {len(points)}\n{{\n{lines}}}\n".encode())


def _short(value: float | None) -> str:
    """Three decimals at most; nothing for a value that there is not."""
    if value is None or not math.isfinite(value):
        return ""
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 4)
