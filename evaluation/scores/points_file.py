"""Points that a program outside the zoo predicted: a CSV file with one row for each frame.

    id,x0,y0,x1,y1,...,x67,y67
    training/a_00.jpg,41.5,60.25,...

``id`` is the id of the sample, which `zoo data export` lists. The header ``image_name, part_0_x,
part_0_y, ...`` is read too. Points are in source pixels, with the centre of the top left pixel at
(0, 0). A face that was not found has no row, or empty cells; a point that was not found has empty
cells. Columns of other names are not used. The table may have any form that
:mod:`zoo.files.tables` reads.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoo.api import DataError
from zoo.files.tables import Table, open_table

HEADER = "id,x0,y0,x1,y1,..."

_IDS = ("id", "image_name")
_POINT = re.compile(r"(?P<axis>[xy])(?P<k>\d{1,6})|part_(?P<part>\d{1,6})_(?P<side>[xy])")


@dataclass(frozen=True)
class ExternalPoints:
    """The content of a file."""

    points: Mapping[str, NDArray[np.float32]]
    """By id: (K, 2), NaN for a point that was missed."""
    unused: tuple[str, ...]
    """Names of columns that hold neither ids nor points."""

    def arrange(self, ids: Sequence[str], count: int) -> NDArray[np.float32]:
        """The points of these frames, (N, K, 2); NaN for points that the file lacks."""
        missed = np.full((count, 2), np.nan, np.float32)
        found = [self.points.get(id, missed) for id in ids]
        return np.array(found, np.float32).reshape(len(ids), count, 2)


@dataclass(frozen=True)
class _PointColumns:
    id: int
    xy: tuple[int, ...]
    """Columns of x0, y0, x1, y1, ..."""
    unused: tuple[str, ...]


def read_points(path: Path, count: int, known: Collection[str]) -> ExternalPoints:
    """Read the points that another program predicted.

    Args:
        path: A CSV file as described above, in the module.
        count: Number of points of a face in the data set.
        known: The ids of the data set's frames.

    Returns:
        The points by id, and the names of columns that were not used.

    Raises:
        DataError: A wrong number of points or cells, an id that is unknown or occurs twice, or a
            cell that is not a number; names the file and the row.
    """
    table = open_table(path)
    columns = _read_header(table, count)
    names = [f"{axis}{k}" for k in range(count) for axis in "xy"]
    ids = set(known)
    points: dict[str, NDArray[np.float32]] = {}
    places: dict[str, int] = {}
    for number, cells in table.rows():
        where = f"{path} row {number}"
        if len(cells) != len(table.header):
            raise DataError(f"{where}: {len(cells)} cells, the header has {len(table.header)}")
        sample = cells[columns.id]
        if sample not in ids:
            raise DataError(f"{where}: {_unknown(sample, known)}")
        if sample in points:
            raise DataError(f"{where}: id {sample[:80]!r} stands in row {places[sample]} already")
        places[sample] = number
        try:
            found = table.places([cells[i] for i in columns.xy], names)
        except DataError as error:
            raise DataError(f"{where}: {error}") from error
        points[sample] = found.astype(np.float32)
    return ExternalPoints(points, columns.unused)


def _read_header(table: Table, count: int) -> _PointColumns:
    path = table.path
    if table.lacks_header:
        raise DataError(
            f"{path}: has no header, its first row is {', '.join(table.header[:3])}, ...; "
            f"put {HEADER} before it"
        )
    where: dict[str, int] = {}
    unused: list[str] = []
    for column, name in enumerate(table.header):
        key = _key(name)
        if key is None:
            unused.append(name)
        elif key in where:
            raise DataError(f"{path} row 1: column {name!r} stands twice")
        else:
            where[key] = column
    if "id" not in where or len(where) < 2:
        raise DataError(f"{path} row 1: expected the header {HEADER}")
    expected = [f"{axis}{k}" for k in range(count) for axis in "xy"]
    missing = [key for key in expected if key not in where]
    more = sorted(where.keys() - {"id", *expected})
    if missing or more:
        what = f"without {missing[0]}" if missing else f"{more[0]} is one too many"
        raise DataError(
            f"{path} row 1: the data set has {count} points, so columns x0, y0 to "
            f"x{count - 1}, y{count - 1}; here {what}"
        )
    return _PointColumns(
        id=where["id"],
        xy=tuple(where[key] for key in expected),
        unused=tuple(unused),
    )


def _key(name: str) -> str | None:
    """``id``, ``x0``, ``y0`` and so on; None for a column that is not used."""
    if name in _IDS:
        return "id"
    found = _POINT.fullmatch(name)
    if not found:
        return None
    return f"{found['axis'] or found['side']}{int(found['k'] or found['part'] or 0)}"


def _unknown(sample: str, known: Collection[str]) -> str:
    """The message on an unknown id, with a known id that contains the same file name."""
    stem = sample.replace("\\", "/").rpartition("/")[2].partition(".")[0]
    close = [id for id in known if stem and stem in id]
    hint = (
        f"did you mean {close[0]!r}?"
        if len(close) == 1
        else f"ids read like {next(iter(known), '')!r};"
    )
    return f"the data set has no frame {sample[:80]!r}; {hint} `zoo data export` lists them all"
