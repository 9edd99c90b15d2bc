"""``labelled_faces``: the face boxes of the YouTube Faces DB as released in Tel Aviv.

frame_images_DB/<person>.labeled_faces.txt      person\\video\\frame.jpg,0,cx,cy,w,h,0,1
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from zoo.api import DataError, Detector
from zoo.files.reading import read_lines

from .listed import ListedBoxes, Row, existing

PATTERN = "*.labeled_faces.txt"
FOLDER = "frame_images_DB"


def build(*, root: str = "") -> ListedBoxes:
    """Read the boxes of the release from ``root``: the folder that holds ``frame_images_DB``, that
    folder itself, or one person's file. Raises :class:`UsageError` where no root is named,
    :class:`DataError` for a folder without such files, and with file and line for a line that
    cannot be read.
    """
    path = existing("labelled_faces", "root", root, "the folder of the Tel Aviv release")
    files = [path] if path.is_file() else sorted({*path.glob(PATTERN), *_below(path)})
    if not files:
        raise DataError(f"{path}: neither it nor its {FOLDER} holds a {PATTERN}")
    return ListedBoxes("labelled_faces", [row for file in files for row in _rows(file)])


def _below(path: Path) -> Iterator[Path]:
    return (path / FOLDER).glob(PATTERN)


def _rows(file: Path) -> Iterator[tuple[str, Row]]:
    for number, line in enumerate(read_lines(file, errors="surrogateescape"), start=1):
        if not line.strip():
            continue
        name, *cells = line.rstrip("\r\n").rsplit(",", 7)  # from the right: a name may hold a comma
        try:
            if len(cells) != 7:
                raise ValueError(f"{1 + len(cells)} columns instead of 8")
            cx, cy, width, height = (float(cell) for cell in cells[1:5])
            if not all(map(math.isfinite, (cx, cy, width, height))) or min(width, height) <= 0:
                raise ValueError(f"{','.join(cells[1:5])} is no box: centre x, y, width, height")
        except ValueError as error:
            raise DataError(f"{file} line {number}: {error}") from error
        box = (cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2)
        yield name, (*box, 1.0)


labelled_faces = Detector(
    build=build,
    by_path=True,
    license="of the release: non-commercial research",
    # Not measured: the release has no landmarks. Its boxes come from the method behind `haar`
    # (Viola and Jones), so its values are used.
    labelled=(0.87, 0.0, 0.156),
    reference="Wolf, Hassner and Maoz, Face Recognition in Unconstrained Videos, CVPR 2011",
    summary="boxes of the Tel Aviv release: --set detector.root=FOLDER",
)
