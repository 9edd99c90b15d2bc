"""WFLW (Wider Facial Landmarks in the Wild): 98 points, two lists, one folder of images.

    list_98pt_rect_attr_train_test/list_98pt_rect_attr_train.txt   ..._test.txt
    WFLW_images/<event>/<image>.jpg

A line of a list is one face, separated by blanks: 98 x, y pairs, its rectangle (x0 y0 x1 y1), six
attributes (pose, expression, illumination, make-up, occlusion, blur: 0 or 1) and the image's name,
which may hold blanks. An image may have several faces. The attributes become those of the sample:
they give the six subsets that papers report.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from zoo.api import WFLW98, DataError, Dataset, LandmarkScheme, Problem, Sample
from zoo.files.names import find_file
from zoo.files.tables import numbered_lines, places
from zoo.images import exif_orientation, read_image

from .point_labels import labelled

_LISTS = "list_98pt_rect_attr_train_test"
_FOLDERS = (f"WFLW_annotations/{_LISTS}", _LISTS, ".")
"""Where the lists lie: as unpacked, with the archive's top folder taken off, or loose."""
_IMAGES = "WFLW_images"
_SPLITS = ("train", "test")
_ATTRIBUTES = ("pose", "expression", "illumination", "make-up", "occlusion", "blur")
_NUMBERS = 2 * len(WFLW98) + 4 + len(_ATTRIBUTES)
_FIELDS = _NUMBERS + 1

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
            for number, line in numbered_lines(path):
                try:
                    sample = self._sample(line.split(None, _NUMBERS), split, number)
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
        path = find_file(self.root / _IMAGES, name)
        names = [f"field {k}" for k in range(1, _NUMBERS + 1)]
        try:
            values = places(fields[:_NUMBERS], names)
            points, visible = labelled(values[: len(WFLW98)])
        except DataError as error:
            raise DataError(f"{name}: {error}") from error
        x0, y0, x1, y1 = values[len(WFLW98) : len(WFLW98) + 2].ravel().tolist()
        if not (x0 < x1 and y0 < y1):
            raise DataError(f"{name}: its rectangle {x0:g} {y0:g} {x1:g} {y1:g} is empty")
        flags = values[-len(_ATTRIBUTES) // 2 :].ravel().tolist()
        if path is None:
            raise DataError(f"{_IMAGES}/{name}: no such image file")
        return Sample(
            id=f"{split}/{number:04d}/{name}",
            image=partial(read_image, path, as_stored=self._as_stored),
            points=points.astype(np.float32),
            visible=visible,
            release_split=split,
            box=(x0, y0, x1, y1),
            bytes=path.stat().st_size,
            orientation=1 if self._as_stored else exif_orientation(path),
            attributes={name: value == 1 for name, value in zip(_ATTRIBUTES, flags, strict=True)},
        )


def _list_name(split: str) -> str:
    return f"list_98pt_rect_attr_{split}.txt"


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
