"""WFLW (Wider Facial Landmarks in the Wild): 98 points, two lists, one folder of images.

    list_98pt_rect_attr_train_test/list_98pt_rect_attr_train.txt   ..._test.txt
    WFLW_images/<event>/<image>.jpg

A line of a list is one face, separated by blanks: 98 x, y pairs, its rectangle (x0 y0 x1 y1), six
attributes (pose, expression, illumination, make-up, occlusion, blur: 0 or 1) and the image's name.
An image may have several faces.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from zoo.api import WFLW98, DataError, Dataset, LandmarkScheme, Problem, Sample
from zoo.images import exif_orientation, inside, read_image

_LISTS = "list_98pt_rect_attr_train_test"
_FOLDERS = (f"WFLW_annotations/{_LISTS}", _LISTS, ".")
"""Where the lists lie: as unpacked, with the archive's top folder taken off, or loose."""
_IMAGES = "WFLW_images"
_SPLITS = ("train", "test")
_COORDINATES = 2 * len(WFLW98)
_NUMBERS = _COORDINATES + 4 + 6
_FIELDS = _NUMBERS + 1
_LARGEST = 1e6
"""Pixels: more is a broken label, not a far point."""

_LICENSE = "research use: the authors ask that WFLW is used for research only"


class Wflw:
    """The faces of the lists that exist, train before test."""

    scheme: LandmarkScheme = WFLW98
    release = "wflw"
    label_offset = (0.0, 0.0)
    license = _LICENSE
    notes = (
        "98 points placed by hand (Wu et al., CVPR 2018); pixels taken as they stand, the centre "
        "of the top left pixel at (0, 0)."
    )

    def __init__(self, root: Path, lists: dict[str, Path], as_stored: bool = False) -> None:
        self.root = root
        self._as_stored = as_stored
        self._lists = lists
        self.problems: list[Problem] = []

    def samples(self) -> Iterator[Sample]:
        """Every face with a readable line, in the lists' order; images are decoded later."""
        self.problems.clear()
        for split in _SPLITS:
            path = self._lists.get(split)
            if path is None:
                name = _list_name(split)
                self.problems.append(Problem(name, "no such file, so its faces are left out"))
                continue
            for number, line in _lines(path):
                try:
                    sample = self._sample(line.split(), split, number)
                except DataError as error:
                    self.problems.append(Problem(f"{path.name} line {number}", str(error)))
                else:
                    yield sample

    def released(self) -> bool | None:
        """None: the authors publish no checksums."""
        return None

    def _sample(self, fields: list[str], split: str, number: int) -> Sample:
        if len(fields) != _FIELDS:
            raise DataError(f"{len(fields)} fields instead of {_FIELDS}")
        name = fields[-1]
        path = inside(self.root / _IMAGES, name)
        values = np.array([_number(name, k, cell) for k, cell in enumerate(fields[:_NUMBERS])])
        x0, y0, x1, y1 = values[_COORDINATES : _COORDINATES + 4].tolist()
        if x1 <= x0 or y1 <= y0:
            raise DataError(f"{name}: its rectangle {x0:g} {y0:g} {x1:g} {y1:g} is empty")
        if not path.is_file():
            raise DataError(f"{_IMAGES}/{name}: no such image file")
        return Sample(
            id=f"{split}/{number:04d}/{name}",
            image=partial(read_image, path, as_stored=self._as_stored),
            points=values[:_COORDINATES].reshape(-1, 2).astype(np.float32),
            visible=np.ones(len(WFLW98), np.bool_),
            release_split=split,
            box=(x0, y0, x1, y1),
            bytes=path.stat().st_size,
            orientation=1 if self._as_stored else exif_orientation(path),
        )


def _number(name: str, field: int, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        raise DataError(f"{name}: field {field + 1} is {cell!r}, no number") from None
    if not abs(value) <= _LARGEST:  # NaN too
        raise DataError(f"{name}: field {field + 1} is {cell}, no place in an image")
    return value


def _list_name(split: str) -> str:
    return f"list_98pt_rect_attr_{split}.txt"


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines that are not blank, counted from 1."""
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line
    except (OSError, UnicodeError) as error:
        raise DataError(f"{path}: not readable as text ({error}); unpack it again") from error


def open_wflw(root: Path | None, *, as_stored: bool = False) -> Wflw:
    """The data set below ``root``, the folder that holds WFLW_images and the lists.

    ``as_stored``: points are those of the stored pixels, not of the picture that viewers turn
    upright by its EXIF orientation. Raises :class:`DataError` where there is no list or no folder
    of images.
    """
    if root is None:
        raise DataError("wflw: --data must name the folder that holds WFLW_images and the lists")
    root = Path(root)
    for folder in _FOLDERS:
        paths = {split: root / folder / _list_name(split) for split in _SPLITS}
        lists = {split: path for split, path in paths.items() if path.is_file()}
        if lists:
            break
    else:
        raise DataError(
            f"{root}: looked for {_list_name('train')} and {_list_name('test')} in "
            f"{', '.join(_FOLDERS)}; found neither; unpack WFLW_annotations.tar.gz there"
        )
    if not (root / _IMAGES).is_dir():
        raise DataError(f"{root}: found the lists but no folder {_IMAGES}; unpack it there")
    return Wflw(root, lists, as_stored)


wflw = Dataset(
    open=open_wflw,
    license=_LICENSE,
    reference="Wu et al., Look at Boundary: A Boundary-Aware Face Alignment Algorithm, CVPR 2018; "
    "https://wywu.github.io/projects/LAB/WFLW.html",
    summary="WFLW lists and images: 98 points, 10,000 faces in the wild",
    default_protocol="release",
)
