"""Any CSV of labelled images: ``image_name, part_0_x, part_0_y, part_1_x, ...``.

The format of PyTorch's face tutorial (``face_landmarks.csv``, made with dlib's imglab). Images lie
where ``image_name`` says, relative to the CSV file. Columns named ``person``, ``video`` and
``split`` (train or test) are used where they exist; without ``person`` and ``split`` every row is
one to train on. An empty or NaN point is one without a label.
"""

from __future__ import annotations

import csv as csv_text
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from zoo.api import (
    IBUG68,
    WFLW98,
    DataError,
    Dataset,
    LandmarkScheme,
    Problem,
    Sample,
    UsageError,
    generic_scheme,
)
from zoo.images import exif_orientation, inside, read_image

_NAME = "image_name"
_PART = re.compile(r"part_(\d+)_([xy])")
_OPTIONAL = ("person", "video", "split")
_LARGEST = 1e6
"""Pixels: more is a broken label (infinity among them), not a far point."""
_HEADER = "image_name, part_0_x, part_0_y, ..."


@dataclass(frozen=True)
class _Columns:
    """Where a header puts things."""

    count: int
    """Cells in a row."""
    name: int
    points: tuple[tuple[int, int], ...]
    """Columns of x and y, a point each."""
    optional: dict[str, int]
    unused: tuple[str, ...]


class LandmarksCsv:
    """The rows of one CSV file, images beside it."""

    label_offset = (0.0, 0.0)
    license = "unknown: the CSV does not say"

    def __init__(
        self,
        path: Path,
        pairs: Sequence[Sequence[int]] | None = None,
        eyes: Sequence[int] | None = None,
        as_stored: bool = False,
    ) -> None:
        self.path = path
        self._as_stored = as_stored
        self.release = path.name
        self.problems: list[Problem] = []
        self._columns = _read_header(path, next(_rows(path), (1, []))[1])
        count = len(self._columns.points)
        known = {len(IBUG68): IBUG68, len(WFLW98): WFLW98}
        self.scheme: LandmarkScheme = known.get(count) or generic_scheme(count)
        if pairs is not None or eyes is not None:
            self.scheme = _told_scheme(count, pairs, eyes)

    @property
    def notes(self) -> str:
        text = (
            f"{len(self.scheme)} points read as {self.scheme.name}; pixels taken as they stand, "
            "the centre of the top left pixel at (0, 0)."
        )
        if self._columns.unused:
            text += f" Columns not used: {', '.join(self._columns.unused)}."
        return text

    def samples(self) -> Iterator[Sample]:
        """Every row with a readable label, in file order.

        A second face in an image gets the id ``NAME#2``. Images are decoded later. Raises
        :class:`DataError` where the file is no CSV text.
        """
        self.problems.clear()
        faces: dict[str, int] = {}
        for number, row in islice(_rows(self.path), 1, None):
            try:
                sample = self._sample(row, faces)
            except DataError as error:
                self.problems.append(Problem(f"{self.path.name} row {number}", str(error)))
            else:
                yield sample

    def released(self) -> bool | None:
        """None: this format has no release to compare with."""
        return None

    def _sample(self, row: list[str], faces: dict[str, int]) -> Sample:
        columns = self._columns
        if len(row) != columns.count:
            raise DataError(f"{len(row)} columns instead of {columns.count}")
        name = row[columns.name].strip()
        path = inside(self.path.parent, name)
        if not path.is_file():
            raise DataError(f"{name}: no such image file beside {self.path.name}")
        cells = [tuple(row[i].strip() for i in pair) for pair in columns.points]
        labels = [_point(name, k, x, y) for k, (x, y) in enumerate(cells)]
        if all(label is None for label in labels):
            raise DataError(f"{name}: not one of its {len(labels)} points has a label")
        extra = {key: row[i].strip() or None for key, i in columns.optional.items()}
        # nobody and nothing to split by: every tenth row, by the hash of its name, is for choosing
        split = extra.get("split", None if "person" in columns.optional else "train")
        if split not in ("train", "test", None):
            raise DataError(f"{name}: split is {split!r}; it must be train, test or empty")
        faces[name] = faces.get(name, 0) + 1
        return Sample(
            id=name if faces[name] == 1 else f"{name}#{faces[name]}",
            image=partial(read_image, path, as_stored=self._as_stored),
            points=np.array([label or (0.0, 0.0) for label in labels], np.float32),
            visible=np.array([label is not None for label in labels], np.bool_),
            person=extra.get("person"),
            video=extra.get("video"),
            release_split=split,
            bytes=path.stat().st_size,
            orientation=1 if self._as_stored else exif_orientation(path),
        )


def _point(name: str, index: int, x: str, y: str) -> tuple[float, float] | None:
    """A label, or None where both cells are empty or NaN."""
    values = []
    for axis, cell in (("x", x), ("y", y)):
        try:
            value = float(cell) if cell else math.nan
        except ValueError:
            raise DataError(f"{name}: part_{index}_{axis} is {cell!r}, no number") from None
        if abs(value) > _LARGEST:
            raise DataError(f"{name}: part_{index}_{axis} is {cell}, no place in an image")
        values.append(value)
    absent = [math.isnan(value) for value in values]
    if any(absent) and not all(absent):
        has, lacks = ("y", "x") if absent[0] else ("x", "y")
        raise DataError(f"{name}: part_{index} has {has} but no {lacks}")
    return None if all(absent) else (values[0], values[1])


def _read_header(path: Path, header: list[str]) -> _Columns:
    names = [cell.strip() for cell in header]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"{path}: column {twice[0]!r} stands in its header twice; rename one")
    places = {name: i for i, name in enumerate(names)}
    count = sum(name.startswith("part_") for name in names) // 2
    wanted = [f"part_{k}_{axis}" for k in range(count) for axis in "xy"]
    missing = [name for name in (_NAME, *(wanted or ["part_0_x"])) if name not in places]
    if missing:
        raise DataError(f"{path}: its header lacks {missing[0]!r}; it must read {_HEADER}")
    odd = [name for name in names if name.startswith("part_") and name not in wanted]
    if odd:
        raise DataError(
            f"{path}: header column {odd[0]!r} does not fit {count} points; each needs "
            "part_N_x and part_N_y, N from 0 without a gap"
        )
    return _Columns(
        count=len(names),
        name=places[_NAME],
        points=tuple((places[f"part_{k}_x"], places[f"part_{k}_y"]) for k in range(count)),
        optional={name: places[name] for name in _OPTIONAL if name in places},
        unused=tuple(n for n in names if n not in {_NAME, *_OPTIONAL, *wanted}),
    )


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not empty, with their number as editors count: the header is row 1."""
    try:
        # utf-8-sig: spreadsheets put a byte order mark before the header
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv_text.reader(file)
            for row in reader:
                if row:
                    yield reader.line_num, row
    except (OSError, UnicodeError, csv_text.Error) as error:
        raise DataError(f"{path}: not readable as CSV text ({error}); save it as UTF-8") from error


def _find(root: Path, csv: str | None) -> Path:
    """The CSV file that ``root`` is or holds."""
    if root.is_file():
        return root
    if not root.is_dir():
        raise DataError(f"{root}: no such CSV file or folder; --data gives the place")
    if csv is not None:
        path = inside(root, csv)
        if not path.is_file():
            raise DataError(f"{path}: no such CSV file; csv= names one below {root}")
        return path
    found = sorted(path for path in root.glob("*.csv") if _is_labels(path))
    if not found:
        raise DataError(f"{root}: looked for a *.csv whose header reads {_HEADER}; found none")
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise DataError(f"{root} holds {len(found)} such files: {names}; choose one with csv=NAME")
    return found[0]


def _is_labels(path: Path) -> bool:
    try:
        header = next(_rows(path), (1, []))[1]
    except DataError:
        return False  # some other file that happens to end in .csv
    return _NAME in {cell.strip() for cell in header}


def _told_scheme(
    count: int, pairs: Sequence[Sequence[int]] | None, eyes: Sequence[int] | None
) -> LandmarkScheme:
    """A scheme of points about which somebody said what a mirror does, and which are the eyes."""
    scheme = generic_scheme(count)
    if pairs is not None:
        flip = list(range(count))
        for pair in pairs:
            a, b = _two_points("pairs", pair, count)
            if (flip[a], flip[b]) != (a, b):
                raise UsageError(f"dataset.pairs = {pairs}: a point stands in two pairs")
            flip[a], flip[b] = b, a
        scheme = replace(scheme, flip=tuple(flip))
    if eyes is not None:
        scheme = replace(scheme, eye_corners=_two_points("eyes", eyes, count))
    return scheme


def _two_points(option: str, pair: Sequence[int], count: int) -> tuple[int, int]:
    if (
        isinstance(pair, list | tuple)
        and len(pair) == 2
        and all(type(index) is int and 0 <= index < count for index in pair)
        and pair[0] != pair[1]
    ):
        return pair[0], pair[1]
    raise UsageError(
        f"dataset.{option}: {pair!r} is no pair of two points of 0 to {count - 1}; "
        'as in --set "dataset.pairs=[[0, 1], [3, 4]]" --set "dataset.eyes=[0, 1]"'
    )


def open_landmarks_csv(
    root: Path | None,
    *,
    csv: str | None = None,
    pairs: Sequence[Sequence[int]] | None = None,
    eyes: Sequence[int] | None = None,
    as_stored: bool = False,
) -> LandmarksCsv:
    """The data set of one CSV file.

    ``root``: the file, or a folder that holds exactly one such file; ``csv`` names the one of
    several. 68 points are read as iBUG's, 98 as WFLW's, any other number as a scheme of which no
    symmetry is known. ``pairs``: the points that change places in a mirror, as in
    ``[[0, 1], [3, 4]]``, the others lying in the middle; with it flips are possible. ``eyes``: the
    left and the right point in the image whose distance errors are divided by, ``[0, 1]``.
    ``as_stored``: points are those of the stored pixels, not of the picture that viewers turn
    upright by its EXIF orientation. Raises :class:`DataError` where nothing, or more than one file,
    fits, :class:`UsageError` for an option that makes no sense.
    """
    if root is None:
        raise DataError("landmarks_csv: --data must name the CSV file or its folder")
    return LandmarksCsv(_find(Path(root), csv), pairs, eyes, as_stored)


landmarks_csv = Dataset(
    open=open_landmarks_csv,
    reference="https://pytorch.org/tutorials/beginner/data_loading_tutorial.html",
    summary="any CSV of image_name, part_0_x, part_0_y, ... with images beside it",
    default_protocol="release",
)
