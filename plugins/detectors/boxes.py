"""``boxes``: faces from a CSV file, with or without the rest of what `zoo predict` writes there."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from zoo.api import DataError, Detector
from zoo.reading import read_lines

from .listed import ListedBoxes, Row, existing

CORNERS = ("x0", "y0", "x1", "y1")


def build(*, file: str = "") -> ListedBoxes:
    """Boxes of the CSV ``file``: columns image_name, x0, y0, x1, y1 and, where there is one, score;
    a row a face, in source pixels. A name may hold folders. The ``box_x0`` ... ``box_score`` of a
    points.csv are read as well.

    The boxes should be about the landmarks, as a detector's are seldom: what a model sees is cut
    out after them. Raises :class:`UsageError` where no file is named, :class:`DataError` with file
    and line for one that cannot be read.
    """
    path = existing("boxes", "file", file, "a CSV file with image_name, x0, y0, x1, y1")
    return ListedBoxes("boxes", list(_rows(path)))


def _rows(path: Path) -> Iterator[tuple[str, Row]]:
    try:
        reader = csv.DictReader(read_lines(path))
        prefix = _prefix(path, reader.fieldnames or ())
        for row in reader:
            yield _row(f"{path} line {reader.line_num}", row, prefix)
    except csv.Error as error:
        raise DataError(f"{path}: is no CSV file in UTF-8: {error}") from error


def _prefix(path: Path, columns: object) -> str:
    assert isinstance(columns, list | tuple)
    for prefix in ("", "box_"):
        if {"image_name", *(prefix + name for name in CORNERS)} <= set(columns):
            return prefix
    found = ", ".join(map(str, columns[:6])) or "none"
    raise DataError(f"{path}: needs the columns image_name, x0, y0, x1, y1; it has {found}")


def _row(where: str, row: Mapping[str, str | None], prefix: str) -> tuple[str, Row]:
    cells = [row[prefix + name] or "" for name in CORNERS]
    score = row.get(prefix + "score") or "1"
    try:
        x0, y0, x1, y1, sure = (float(cell) for cell in (*cells, score))
    except ValueError as error:
        raise DataError(f"{where}: {error}") from error
    if not all(map(math.isfinite, (x0, y0, x1, y1, sure))) or x1 <= x0 or y1 <= y0:
        raise DataError(f"{where}: {', '.join(cells)} is no box x0, y0, x1, y1")
    name = row["image_name"]
    if not name:
        raise DataError(f"{where}: names no picture")
    return name, (x0, y0, x1, y1, sure)


boxes = Detector(
    build=build,
    by_path=True,
    license="MIT",
    summary="faces from a CSV file: --set detector.file=boxes.csv",
)
