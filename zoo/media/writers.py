"""Faces as CSV, JSON Lines and .pts files, all in source pixels.

The centre of the top left pixel is (0, 0) in CSV and JSON Lines, as everywhere in the zoo, and
(1, 1) in .pts files, whose convention that is (300-W, menpo).
"""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TextIO

import numpy as np
from numpy.typing import NDArray

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
    """Of each face: its place among the picture's, or its track through a video."""
    frame: int | None = None
    """From 0; None for a picture."""
    seconds: float | None = None


class Writer(Protocol):
    """Takes what was marked, one after another, and then puts its file in place."""

    @property
    def used(self) -> bool:
        """Whether anything was written: an empty file is not made."""
        ...

    def write(self, marked: Marked) -> None: ...


@contextmanager
def open_writer(path: Path, form: Format) -> Iterator[Writer]:
    """A writer of one file, which gets its name when the block ends well and is otherwise not left.

    Nothing is created before the first face (CSV) or the first picture (JSON Lines). Raises
    :class:`UsageError` for a place that cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    writer = _Csv(part) if form == "csv" else _JsonLines(part)
    try:
        yield writer
    except BaseException:
        writer.close()
        if writer.used:
            part.unlink(missing_ok=True)
        raise
    writer.close()
    if writer.used:
        with writing(path):
            os.replace(part, path)


class _Lines:
    """A text file that is opened when something is written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stream: TextIO | None = None

    def stream(self) -> TextIO:
        if self._stream is None:
            with writing(self.path):
                self._stream = self.path.open("w", newline="", encoding="utf-8")
        return self._stream

    @property
    def used(self) -> bool:
        return self._stream is not None

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()


class _Csv(_Lines):
    """A row a face; ``image_name`` and the points' columns as the data-set adapter
    `landmarks_csv` reads them."""

    def write(self, marked: Marked) -> None:
        for face, number in zip(marked.faces, marked.numbers, strict=True):
            first = self._stream is None
            writer = csv.writer(self.stream(), lineterminator="\n")
            if first:
                parts = [f"part_{i}_{axis}" for i in range(len(face.points)) for axis in "xy"]
                about = ["image_name", "frame", "seconds", "face", *CORNERS, "box_score"]
                writer.writerow([*about, "confidence", *parts])
            frame = "" if marked.frame is None else marked.frame
            seconds = "" if marked.seconds is None else _short(marked.seconds)
            values = [*face.box, face.box_score, face.confidence, *face.points.ravel().tolist()]
            writer.writerow([marked.path, frame, seconds, number, *map(_short, values)])


class _JsonLines(_Lines):
    """A line a picture or frame, also of one without a face."""

    def write(self, marked: Marked) -> None:
        json.dump(as_table(marked), self.stream(), allow_nan=False, separators=(",", ":"))
        self.stream().write("\n")


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
    return {"image": str(marked.path), **moving, "faces": faces}


def write_pts(path: Path, points: NDArray[np.floating[Any]]) -> None:
    """(K, 2) points as a .pts file of version 1: 1 is added, for there the first pixel is (1, 1).

    Raises :class:`UsageError` for a place that cannot be written.
    """
    lines = "".join(f"{x + 1:.3f} {y + 1:.3f}\n" for x, y in points.tolist())
    with writing(path):
        path.write_text(f"version: 1\nn_points: {len(points)}\n{{\n{lines}}}\n", encoding="ascii")


def _short(value: float) -> str:
    """Three decimals at most; nothing for a value that there is not."""
    if not math.isfinite(value):
        return ""
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _finite(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None
