"""Any table of labelled images: ``image_name, part_0_x, part_0_y, part_1_x, ...``.

The format of PyTorch's face tutorial (``face_landmarks.csv``, made with dlib's imglab), with commas
or in any other form of :mod:`zoo.files.tables`. ``image_name`` is the path of an image, relative to
the table. Columns named ``person``, ``video`` and ``split`` (train or test) are used where they
exist; without ``person`` and ``split``, all rows are for training. A point whose cells are empty or
NaN has no label.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from zoo.api import DataError, Dataset, LandmarkScheme, Problem, Sample
from zoo.api.errors import close_names
from zoo.files.names import find_file, inside
from zoo.files.tables import MISSING, TABLE_SUFFIXES, Table, open_table
from zoo.images import exif_orientation, read_image

from .point_labels import checked_missing, labelled
from .user_scheme import scheme_of

_NAME = "image_name"
_PART = re.compile(r"part_(\d+)_([xy])")
_OPTIONAL = ("person", "video", "split")
_HEADER = "image_name, part_0_x, part_0_y, ..."
_SHOWN = 3
"""For how many files without labels a message gives the reason."""


@dataclass(frozen=True)
class _Columns:
    """The numbers of the columns, by their meaning."""

    name: int
    points: tuple[int, ...]
    """Columns of x and y of point 0, of point 1 and so on."""
    optional: dict[str, int]
    unused: tuple[str, ...]


class LandmarksCsv:
    """The rows of one table, images beside it."""

    label_offset = (0.0, 0.0)
    license = "unknown: the CSV does not say"

    def __init__(
        self,
        path: Path,
        pairs: Sequence[Sequence[int]] | None = None,
        eyes: Sequence[int] | None = None,
        missing: Sequence[float] | None = None,
        as_stored: bool = False,
    ) -> None:
        self.path = path
        self.release = path.name
        self.problems: list[Problem] = []
        self._table = open_table(path)
        try:
            self._columns = _columns(self._table)
        except DataError as error:
            raise DataError(f"{path}: {error}") from error
        self._missing = checked_missing(missing)
        self._as_stored = as_stored
        self.scheme: LandmarkScheme = scheme_of(len(self._columns.points) // 2, pairs, eyes)

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
        :class:`DataError` where the file is no table.
        """
        self.problems.clear()
        faces: dict[str, int] = {}
        for number, row in self._table.rows():
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
        columns, header = self._columns, self._table.header
        if len(row) != len(header):
            raise DataError(f"{len(row)} columns instead of {len(header)}")
        name = row[columns.name]
        path = find_file(self.path.parent, name)
        if path is None:
            raise DataError(f"{name}: no such image file beside {self.path.name}")
        try:
            stored = self._table.places(
                [row[i] for i in columns.points], [header[i] for i in columns.points]
            )
            points, visible = labelled(stored, self._missing)
        except DataError as error:
            raise DataError(f"{name}: {error}") from error
        extra = {key: _text(row[i]) for key, i in columns.optional.items()}
        # without persons and splits, all rows are for training; a protocol takes every tenth of
        # them, by the hash of its name, for validation
        split = extra.get("split", None if "person" in columns.optional else "train")
        if split not in ("train", "test", None):
            raise DataError(f"{name}: split is {split!r}; it must be train, test or empty")
        faces[name] = faces.get(name, 0) + 1
        return Sample(
            id=name if faces[name] == 1 else f"{name}#{faces[name]}",
            image=partial(read_image, path, as_stored=self._as_stored),
            points=points.astype(np.float32),
            visible=visible,
            person=extra.get("person"),
            video=extra.get("video"),
            release_split=split,
            bytes=path.stat().st_size,
            orientation=1 if self._as_stored else exif_orientation(path),
        )


def _text(cell: str) -> str | None:
    return None if cell.lower() in MISSING else cell


def _columns(table: Table) -> _Columns:
    """Raises :class:`DataError` that says what is wrong with the header."""
    names = table.header
    if table.lacks_header:
        start = ", ".join(names[:3])
        raise DataError(f"has no header, its first row is {start}, ...; put {_HEADER} before it")
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise DataError(f"column {twice[0]!r} stands in its header twice; rename one")
    places = {name: i for i, name in enumerate(names)}
    count = sum(name.startswith("part_") for name in names) // 2
    expected = [f"part_{k}_{axis}" for k in range(count) for axis in "xy"]
    missing = [name for name in (_NAME, *(expected or ["part_0_x"])) if name not in places]
    if missing:
        others = [n for n in names if n and n not in {_NAME, *_OPTIONAL, *expected}]
        similar = close_names(missing[0], others) or (others[:1] if missing[0] == _NAME else [])
        hint = f" and has {similar[0]!r}, which may be meant" if similar else ""
        raise DataError(f"its header lacks {missing[0]!r}{hint}; it must read {_HEADER}")
    unexpected = [name for name in names if name.startswith("part_") and name not in expected]
    if unexpected:
        point = re.fullmatch(r"(part_\d+_)([xy])", unexpected[0])
        partner = point and point[1] + ("y" if point[2] == "x" else "x")
        if partner and partner not in places:
            raise DataError(f"its header has {unexpected[0]!r} and lacks {partner!r}")
        raise DataError(
            f"header column {unexpected[0]!r} does not fit: points are part_N_x and part_N_y, "
            f"N from 0 to {count - 1}"
        )
    return _Columns(
        name=places[_NAME],
        points=tuple(places[name] for name in expected),
        optional={name: places[name] for name in _OPTIONAL if name in places},
        unused=tuple(n for n in names if n not in {"", _NAME, *_OPTIONAL, *expected}),
    )


def _find(root: Path, csv: str | None) -> Path:
    """The table that ``root`` is or holds."""
    if root.is_file():
        return root
    if not root.is_dir():
        raise DataError(f"{root}: no such CSV file or folder; --data gives the place")
    if csv is not None:
        path = inside(root, csv)
        if not path.is_file():
            raise DataError(f"{path}: no such CSV file; the option csv names one below {root}")
        return path
    tables = [path for path in sorted(root.iterdir()) if path.suffix.lower() in TABLE_SUFFIXES]
    reasons = {path: reason for path in tables if (reason := _no_labels(path))}
    found = [path for path in tables if path not in reasons]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(path.name for path in found)
        raise DataError(
            f"{root} holds {len(found)} such files: {names}; choose one: "
            f"--set dataset.csv={found[0].name}"
        )
    searched = f"{root}: looked for a table (*.csv, *.tsv, *.txt) whose header reads {_HEADER}"
    if not reasons:
        raise DataError(f"{searched}; found no such file")
    first = "; ".join(f"{path.name}: {reason}" for path, reason in list(reasons.items())[:_SHOWN])
    more = f"; and {len(reasons) - _SHOWN} more files" if len(reasons) > _SHOWN else ""
    raise DataError(f"{searched}; {first}{more}")


def _no_labels(path: Path) -> str:
    """Why a file holds no labels; empty for a header with image names, even if it has errors."""
    try:
        table = open_table(path)
        if _NAME not in table.header:
            _columns(table)
    except DataError as error:
        return str(error).removeprefix(f"{path}: ")
    return ""


def open_landmarks_csv(
    root: Path | None,
    *,
    csv: str | None = None,
    pairs: Sequence[Sequence[int]] | None = None,
    eyes: Sequence[int] | None = None,
    missing: Sequence[float] | None = None,
    as_stored: bool = False,
) -> LandmarksCsv:
    """The data set of one table.

    ``root``: the file, or a folder that holds exactly one such file; ``csv`` names one of several.
    68 points are read as iBUG's, 98 as WFLW's, any other number as a scheme without a known
    symmetry. ``pairs``: the points that a mirror exchanges, as in ``[[0, 1], [3, 4]]``; all others
    lie in the middle. With it flips are possible. ``eyes``: two points, the left and the right one
    in the image, ``[0, 1]``; errors are divided by their distance. ``missing``: the place that
    stands for a point without a label, ``[0, 0]`` or ``[-1, -1]``. ``as_stored``: points are those
    of the stored pixels, not of the picture that viewers turn upright by its EXIF orientation.
    Raises :class:`DataError` where nothing, or more than one file, fits, :class:`UsageError` for an
    option that makes no sense.
    """
    if root is None:
        raise DataError("landmarks_csv: --data must name the CSV file or its folder")
    return LandmarksCsv(_find(Path(root), csv), pairs, eyes, missing, as_stored)


landmarks_csv = Dataset(
    open=open_landmarks_csv,
    reference="https://pytorch.org/tutorials/beginner/data_loading_tutorial.html",
    summary="any CSV of image_name, part_0_x, part_0_y, ... with images beside it",
    default_protocol="release",
)
