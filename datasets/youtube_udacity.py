"""YouTube Faces as Udacity released it: single frames with 68 points in two CSV files.

    training_frames_keypoints.csv   test_frames_keypoints.csv    name, x0, y0, x1, y1, ... x67, y67
    training/<person>_<video digit><frame digit>.jpg             test/...

The .jpg files hold RGBA PNG, 72 to 494 pixels wide. Names recur across the two folders, so a
sample's id carries its folder. ``test/`` has more files than its CSV has rows.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from zoo.api import IBUG68, DataError, LandmarkScheme, Problem, Sample
from zoo.fetching import ManifestFile, read_manifest
from zoo.files.names import find_file
from zoo.files.tables import Table, open_table
from zoo.images import exif_orientation, read_image

from .point_labels import labelled
from .youtube_labels import LABEL_OFFSET, LICENSE, NOTES, from_edges

FOLDERS = {
    "training_frames_keypoints.csv": ("training", "train"),
    "test_frames_keypoints.csv": ("test", "test"),
}
"""CSV name to (folder of its images, split it stands for)."""

MANIFEST = Path(__file__).with_name("udacity_manifest.csv")
"""Path, bytes and sha256 of the two CSV files and the 4232 labelled images, as released."""

COLUMNS = 1 + 2 * len(IBUG68)
_NAME = re.compile(r"(?P<person>.+)_(?P<video>\d)\d\.jpg")


class UdacityFrames:
    """The frames below ``root``, which holds at least one of the two CSV files."""

    release = "udacity"
    scheme: LandmarkScheme = IBUG68
    label_offset = LABEL_OFFSET
    license = LICENSE
    notes = NOTES

    def __init__(self, root: Path) -> None:
        self.root = root
        self.problems: list[Problem] = []

    @staticmethod
    def lies_in(root: Path) -> bool:
        return any((root / name).is_file() for name in FOLDERS)

    def samples(self) -> Iterator[Sample]:
        """Training rows, then test rows, in file order.

        A row that cannot be used becomes a problem. Raises :class:`DataError` for a CSV file whose
        header is not that of 68 points or which is no CSV text at all. Images are decoded later:
        an unreadable one raises when its ``image()`` is called.
        """
        self.problems.clear()
        for name, (folder, split) in FOLDERS.items():
            path = self.root / name
            if not path.is_file():
                reason = "no such file, so its frames are left out; `zoo data fetch` completes them"
                self.problems.append(Problem(name, reason))
                continue
            rows_by_id: dict[str, int] = {}
            table = _open(path)
            for number, row in table.rows():
                try:
                    sample = self._sample(table, row, folder, split)
                    if (earlier := rows_by_id.get(sample.id)) is not None:
                        raise DataError(f"{row[0]} was labelled in row {earlier} already")
                except DataError as error:
                    self.problems.append(Problem(f"{name} row {number}", str(error)))
                else:
                    rows_by_id[sample.id] = number
                    yield sample

    def unlabelled(self) -> Iterator[Sample]:
        """Images of the two folders that no CSV row names, in the order of their names: no point is
        visible. Files whose names contain no person are left out, since their split is unknown."""
        for name, (folder, split) in FOLDERS.items():
            path = self.root / name
            labelled_names = {row[0] for _, row in _open(path).rows()} if path.is_file() else set()
            for file in sorted((self.root / folder).glob("*.jpg")):
                match = _NAME.fullmatch(file.name)
                if match is None or file.name in labelled_names:
                    continue
                yield Sample(
                    id=f"{folder}/{file.name}",
                    image=partial(read_image, file),
                    points=np.zeros((len(IBUG68), 2), np.float32),
                    visible=np.zeros(len(IBUG68), np.bool_),
                    person=match["person"],
                    video=f"{match['person']}_{match['video']}",
                    release_split=split,
                    bytes=file.stat().st_size,
                    orientation=exif_orientation(file),
                )

    def _sample(self, table: Table, row: list[str], folder: str, split: str) -> Sample:
        if len(row) != COLUMNS:
            raise DataError(f"{len(row)} columns instead of {COLUMNS}")
        name = row[0]
        path = find_file(self.root, f"{folder}/{name}")
        match = _NAME.fullmatch(name)
        if match is None or "/" in name:
            raise DataError(f"{name!r} does not read <person>_<video digit><frame digit>.jpg")
        try:
            names = [f"column {column}" for column in range(len(row) - 1)]  # as the header has them
            stored, visible = labelled(table.places(row[1:], names))
        except DataError as error:
            raise DataError(f"{name}: {error}") from error
        if path is None:
            raise DataError(f"{folder}/{name}: no such image file")
        return Sample(
            id=f"{folder}/{name}",
            image=partial(read_image, path),
            points=from_edges(stored),
            visible=visible,
            person=match["person"],
            video=f"{match['person']}_{match['video']}",
            release_split=split,
            bytes=path.stat().st_size,
            orientation=exif_orientation(path),
        )

    def released(self) -> bool:
        """Whether both CSV files have the released sha256 and every labelled image its released
        size.

        Pixels are not hashed (250 MB): images encoded anew differ in size, and `zoo data fetch`
        on the folder does compare every sha256.
        """
        return all(self._as_released(entry) for entry in read_manifest(MANIFEST))

    def _as_released(self, entry: ManifestFile) -> bool:
        path = self.root / entry.path
        if not path.is_file() or path.stat().st_size != entry.bytes:
            return False
        if path.suffix != ".csv":
            return True
        return hashlib.sha256(path.read_bytes()).hexdigest() == entry.sha256


def _open(path: Path) -> Table:
    table = open_table(path)
    if len(table.header) != COLUMNS:
        raise DataError(
            f"{path}: its header has {len(table.header)} columns instead of {COLUMNS} "
            "(a name and 68 x, y pairs); fetch the file again with `zoo data fetch`"
        )
    if _NAME.fullmatch(table.header[0]):
        raise DataError(
            f"{path}: has no header, its first row is that of {table.header[0]}; "
            "fetch the file again with `zoo data fetch`"
        )
    return table
