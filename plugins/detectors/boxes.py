"""``boxes``: faces from a CSV file, which may be a table that `zoo predict` wrote."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from zoo.api import DataError, Detector
from zoo.files.tables import Table, open_table

from .listed import ListedBoxes, Row, existing

CORNERS = ("x0", "y0", "x1", "y1")


def build(*, file: str = "") -> ListedBoxes:
    """Read boxes from the CSV ``file``, with one row per face and the columns image_name, x0, y0,
    x1, y1 and, optionally, score, in source pixels. A name may contain folders. The columns
    ``box_x0`` ... ``box_score`` of a points.csv are read as well.

    The boxes should be those of the landmarks, since the model's crop is made from them; a
    detector's boxes usually differ. Raises :class:`UsageError` where no file is named, and
    :class:`DataError` with file and line for a file that cannot be read.
    """
    path = existing("boxes", "file", file, "a CSV file with image_name, x0, y0, x1, y1")
    return ListedBoxes("boxes", list(_rows(path)))


def _rows(path: Path) -> Iterator[tuple[str, Row]]:
    table = open_table(path)
    columns = _columns(table)
    for number, cells in table.rows():
        where = f"{path} line {number}"
        if len(cells) != len(table.header):
            raise DataError(f"{where}: {len(cells)} cells, the header has {len(table.header)}")
        name, *box = (cells[i] for i in columns)
        if not name:
            raise DataError(f"{where}: names no picture")
        yield name, _box(table, box, where)


def _columns(table: Table) -> list[int]:
    """Indices of the columns of the name, the corners and, if there is one, the score."""
    for prefix in ("", "box_"):
        names = ["image_name", *(prefix + name for name in CORNERS)]
        if set(names) <= set(table.header):
            scores = {prefix + "score"} & set(table.header)
            return [table.header.index(name) for name in (*names, *scores)]
    found = ", ".join(table.header[:6]) or "none"
    what = f"no header, its first row is {found}" if table.lacks_header else found
    raise DataError(f"{table.path}: needs the columns image_name, x0, y0, x1, y1; it has {what}")


def _box(table: Table, cells: list[str], where: str) -> Row:
    try:
        x0, y0, x1, y1, *scores = (table.number(cell) for cell in cells)
    except ValueError as error:
        raise DataError(f"{where}: {error}") from error
    [score] = scores or [1.0]
    score = 1.0 if math.isnan(score) else score
    if not all(map(math.isfinite, (x0, y0, x1, y1, score))) or x1 <= x0 or y1 <= y0:
        raise DataError(f"{where}: {', '.join(cells[:4])} is no box x0, y0, x1, y1")
    return x0, y0, x1, y1, score


boxes = Detector(
    build=build,
    by_path=True,
    license="MIT",
    summary="faces from a CSV file: --set detector.file=boxes.csv",
)
