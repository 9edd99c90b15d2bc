"""The YouTube Faces DB as released in Tel Aviv: frames and face boxes, no landmarks.

    frame_images_DB/<person>/<video>/<video>.<frame>.jpg
    frame_images_DB/<person>.labeled_faces.txt      person\\video\\frame.jpg,0,cx,cy,w,h,0,1

No model of landmarks can train on it; its boxes say where the faces are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from zoo.api import IBUG68, DataError, LandmarkScheme, Problem, Sample
from zoo.files.names import inside
from zoo.files.tables import numbered_lines

from .youtube_labels import LICENSE

Box = tuple[float, float, float, float]
FOLDER = "frame_images_DB"
BOXES = "*.labeled_faces.txt"


class TelAvivFrames:
    """The frames below ``root``: the folder that holds ``frame_images_DB``."""

    release = "tel-aviv"
    scheme: LandmarkScheme = IBUG68
    label_offset = (0.0, 0.0)
    license = LICENSE
    notes = "Frames and face boxes of the original release; it has no landmarks."

    def __init__(self, root: Path) -> None:
        self.frames = root / FOLDER
        self.problems: list[Problem] = []

    @staticmethod
    def lies_in(root: Path) -> bool:
        return (root / FOLDER).is_dir()

    def released(self) -> None:
        """None: no digests of this release are published."""

    def samples(self) -> Iterable[Sample]:
        """Raises :class:`DataError`: there are no landmarks to train on or to compare with."""
        raise DataError(
            f"{self.frames}: the original YouTube Faces release has face boxes but no landmarks, "
            "so nothing can be trained or scored on it; `zoo data fetch youtube_faces` gets "
            "labelled frames"
        )

    def boxes(self) -> Iterator[tuple[str, Box]]:
        """(path below ``frame_images_DB`` with forward slashes, box x0, y0, x1, y1) per labelled
        frame, in pixels as the files state them; people in alphabetical order.

        A line that cannot be used is appended to ``problems``, which is emptied first.
        """
        self.problems.clear()
        for file in sorted(self.frames.glob(BOXES)):
            for number, line in numbered_lines(file):
                try:
                    yield _parse(self.frames, line)
                except DataError as error:
                    self.problems.append(Problem(f"{file.name} line {number}", str(error)))


def _parse(frames: Path, line: str) -> tuple[str, Box]:
    name, *cells = line.rsplit(",", 7)  # from the right: a name may hold a comma
    if len(cells) != 7:
        raise DataError(f"{1 + len(cells)} columns instead of 8")
    try:
        cx, cy, width, height = (float(cell) for cell in cells[1:5])
    except ValueError as error:
        raise DataError(str(error)) from error
    if not np.isfinite([cx, cy, width, height]).all() or width <= 0 or height <= 0:
        raise DataError(f"{','.join(cells[1:5])} is no box: centre x, y, width, height")
    path = inside(frames, name.replace("\\", "/")).relative_to(frames).as_posix()
    return path, (cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2)
