"""Tables as users have them: all adapters read text, tables and numbers here.

Spreadsheets, R and pandas write the same table in many ways. This reader accepts

- UTF-8, UTF-16 and Windows's Western code page;
- cells separated by commas, semicolons, tabs, bars or blanks, as found in the header or declared in
  a first line ``sep=;``;
- blanks around cells, also around quoted ones;
- comment lines, which begin with ``#``;
- empty columns at the end;
- ``NA``, ``null`` and the like for a missing number;
- decimal commas, where cells are not separated by commas.
"""

from __future__ import annotations

import codecs
import csv
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoo.api import DataError
from zoo.files.reading import MIB, MOST_TABLE, open_regular, read_lines

TABLE_SUFFIXES = (".csv", ".tsv", ".tab", ".txt")

FARTHEST = 1e6
"""Largest coordinate, in pixels: a larger one, such as infinity, is a broken label."""

MISSING = frozenset(
    ("", "na", "n/a", "#n/a", "#na", "<na>", "nan", "-nan", "null", "none", "1.#qnan", "-1.#ind")
)
"""What programs write for a missing value, in lower case; files may use capitals."""

_DELIMITERS = "\t;,|"
_DECLARED = re.compile(r'"?sep=(?P<delimiter>.)"?', re.IGNORECASE)
_QUOTED = re.compile(r'"[^"]*"')


@dataclass(frozen=True)
class Table:
    """A table's header, and how its rows are read."""

    path: Path
    header: tuple[str, ...]
    """Names of columns without blanks around them, and without empty ones at the end."""
    delimiter: str
    encoding: str
    skipped: int
    """Lines before the first row."""

    @property
    def lacks_header(self) -> bool:
        """Whether the first row looks like all others: numbers for the most part."""
        return _mostly_numbers(self.header)

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Rows that are not empty, each with the number of its last line as editors count; cells
        without blanks around them, and without empty ones beyond the header's.

        Raises :class:`DataError` where a quotation mark is never closed, or where the file contains
        bytes that are no text.
        """
        reader = csv.reader(self._lines(), delimiter=self.delimiter, skipinitialspace=True)
        line = self.skipped
        try:
            for row in reader:
                first, line = line + 1, self.skipped + reader.line_num
                cells = [cell.strip() for cell in row]
                while len(cells) > len(self.header) and not cells[-1]:
                    cells.pop()
                if line > first and len(cells) != len(self.header):
                    raise DataError(
                        f"{self.path} line {first}: a quotation mark is opened and not closed in "
                        "that line; close it, or take it away"
                    )
                if any(cells):
                    yield line, cells
        except csv.Error as error:
            raise DataError(
                f"{self.path} line {line + 1}: cannot be read as a table ({error})"
            ) from error

    def number(self, cell: str) -> float:
        """The number in a cell, NaN for a missing one. Raises :class:`ValueError`."""
        return number(cell, decimal_comma=self.delimiter != ",")

    def places(self, cells: Sequence[str], names: Sequence[str] = ()) -> NDArray[np.float64]:
        """As :func:`places`, with this table's decimal commas."""
        return places(cells, names, decimal_comma=self.delimiter != ",")

    def _lines(self) -> Iterator[str]:
        """The lines of all rows. Comments become empty lines, so that line numbers stay right."""
        delimiters = len(self.header) - 1
        for line in islice(_text_lines(self.path, self.encoding), self.skipped, None):
            is_comment = line.startswith("#") and (
                line[1:2].isspace() or line.count(self.delimiter) < delimiters
            )
            yield "\n" if is_comment else line


def open_table(path: Path) -> Table:
    """The table of a text file; :meth:`Table.rows` reads it row by row, as often as it is called.

    Raises :class:`DataError` that names a file which cannot be read, is no text or has no row.
    """
    encoding = text_encoding(path)
    declared, comment = "", ""
    number = 0
    for number, line in enumerate(_text_lines(path, encoding), start=1):
        text = line.rstrip("\r\n")
        if number == 1 and (found := _DECLARED.fullmatch(text)):
            declared = found["delimiter"]
        elif text.startswith("#"):
            comment = text.lstrip("# ")
        elif text.strip():
            break
    else:
        raise DataError(f"{path}: has no row of a table")
    delimiter = declared or _delimiter(text)
    header = _cells(text, delimiter)
    # numpy.savetxt writes its header as a comment
    above = _cells(comment, delimiter)
    if len(above) == len(header) and _mostly_numbers(header) and not _mostly_numbers(above):
        header, number = above, number - 1
    while header and not header[-1]:
        header.pop()
    return Table(path, tuple(header), delimiter, encoding, number)


def numbered_lines(path: Path, most: int = MOST_TABLE) -> Iterator[tuple[int, str]]:
    """Lines of a text file that are not blank, each with its number, from 1, and without blanks
    around it. The file may have any of the encodings. Raises :class:`DataError`."""
    encoding = text_encoding(path, most)
    for count, line in enumerate(_text_lines(path, encoding), start=1):
        if text := line.strip():
            yield count, text


def text_encoding(path: Path, most: int = MOST_TABLE) -> str:
    """The encoding of a file: ``utf-8-sig``, ``utf-16`` (with a byte order mark, or ``-le`` and
    ``-be`` without) or else ``cp1252``. Raises :class:`DataError` for a file that is no text."""
    with open_regular(path, most) as stream:
        head = stream.read(4)
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        if len(head) == 4 and head[1] == head[3] == 0 and head[0] and head[2]:
            return "utf-16-le"
        if len(head) == 4 and head[0] == head[2] == 0 and head[1] and head[3]:
            return "utf-16-be"
        decoder = codecs.getincrementaldecoder("utf-8")()
        stream.seek(0)
        utf8 = True
        while chunk := stream.read(MIB):
            if b"\0" in chunk:
                raise _no_text(path)
            try:
                decoder.decode(chunk if utf8 else b"")
            except UnicodeDecodeError:
                utf8 = False
        try:
            decoder.decode(b"", final=utf8)
        except UnicodeDecodeError:
            utf8 = False
    return "utf-8-sig" if utf8 else "cp1252"


def number(cell: str, *, decimal_comma: bool = False) -> float:
    """The number in a cell, NaN for a missing one. Raises :class:`ValueError`."""
    if cell.lower() in MISSING:
        return math.nan
    if "_" in cell:  # a notation that only Python knows
        raise ValueError(cell)
    return float(cell.replace(",", ".") if decimal_comma else cell)


def places(
    cells: Sequence[str], names: Sequence[str] = (), *, decimal_comma: bool = False
) -> NDArray[np.float64]:
    """Points (K, 2) from cells x0, y0, x1, y1 and so on; NaN for a missing point.

    ``names`` are what messages call the cells. Raises :class:`DataError` for a cell that is no
    number or no place in an image, and for a point with only one coordinate.
    """

    def name(cell: int) -> str:
        return names[cell] if names else f"{'xy'[cell % 2]}{cell // 2}"

    values = np.empty(len(cells))
    for i, cell in enumerate(cells):
        try:
            values[i] = number(cell, decimal_comma=decimal_comma)
        except ValueError:
            raise DataError(f"{name(i)} is {cell[:40]!r}, no number") from None
        if abs(values[i]) > FARTHEST:
            raise DataError(f"{name(i)} is {cell[:40]}, no place in an image")
    points = values.reshape(-1, 2)
    half = np.argwhere(np.isnan(points) & ~np.isnan(points).all(1, keepdims=True))
    if len(half):
        point, axis = half[0].tolist()
        missing, present = 2 * point + axis, 2 * point + 1 - axis
        raise DataError(f"{name(present)} is there, but {name(missing)} is not")
    return points


def _text_lines(path: Path, encoding: str) -> Iterator[str]:
    # the code page leaves five bytes undefined; they are kept as surrogates, as in file names
    errors = "surrogateescape" if encoding == "cp1252" else "strict"
    for line in read_lines(path, encoding=encoding, errors=errors):
        if "\0" in line:
            raise _no_text(path)
        yield line


def _no_text(path: Path) -> DataError:
    return DataError(f"{path}: is no text (it holds zero bytes)")


def _delimiter(line: str) -> str:
    """What separates the cells of a line: the most frequent delimiter outside quotes, or blanks."""
    unquoted = _QUOTED.sub("", line)
    best = max(_DELIMITERS, key=unquoted.count)
    return best if best in unquoted else " "


def _cells(line: str, delimiter: str) -> list[str]:
    [cells] = csv.reader([line], delimiter=delimiter, skipinitialspace=True)
    return [cell.strip() for cell in cells]


def _mostly_numbers(cells: Sequence[str]) -> bool:
    return 2 * sum(_is_number(cell) for cell in cells) > len(cells)


def _is_number(cell: str) -> bool:
    try:
        number(cell, decimal_comma=True)
    except ValueError:
        return False
    return bool(cell)
