"""The result of a prediction: the faces of a picture, everything in source pixels."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..api import LandmarkScheme, UsageError
from .face import Face
from .formats import (
    PICTURES,
    Marked,
    columns,
    csv_text,
    json_text,
    picture_bytes,
    pts_text,
    rows,
    save_whole,
)
from .picture import Image, Picture

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

LONGEST_SHOWN = 1024
"""Pixels: larger pictures are shrunk for a notebook."""


class Faces(list[Face]):
    """The faces of one picture: a list that also knows the picture.

    A notebook shows the picture with the faces drawn on it; printing gives one line per face. A
    slice, such as ``faces[:2]``, is a plain list.
    """

    def __init__(
        self,
        faces: Iterable[Face],
        image: Image | Picture,
        scheme: LandmarkScheme,
        dropped: int = 0,
    ) -> None:
        picture = image if isinstance(image, Picture) else Picture.holding(image)
        super().__init__(replace(face, scheme=scheme, picture=picture) for face in faces)
        self.picture = picture
        self.dropped = dropped
        """Number of further boxes of the detector that the model rejected: they hold no face."""
        self.scheme = scheme

    @property
    def image(self) -> Image:
        """(H, W, 3) RGB: the picture itself, not a copy. Where a list of paths was predicted, the
        file is read again."""
        return self.picture.pixels

    @property
    def path(self) -> str:
        """Where the picture came from; empty where this is unknown."""
        return self.picture.path

    def without_pixels(self) -> Faces:
        """The same faces without the pixels, which are read again from the file when needed."""
        return Faces(self, self.picture.without_pixels(), self.scheme, self.dropped)

    @property
    def points(self) -> NDArray[np.float32]:
        """(N, K, 2): the points of all faces, in source pixels; (0, K, 2) without a face."""
        stacked = [face.points for face in self]
        return np.stack(stacked) if stacked else np.empty((0, len(self.scheme), 2), np.float32)

    def drawn(self) -> Image:
        """A copy of the picture with contours, points and boxes.

        Returns:
            uint8 (H, W, 3) RGB.

        Raises:
            zoo.api.DataError: The picture must be read again, and its file is gone.
        """
        from .drawing import draw_faces

        return draw_faces(self.image, self, self.scheme)

    def save(self, path: str | Path) -> list[Path]:
        """Write the faces to a file in the format of its suffix. An existing file is replaced.

        ``.csv`` gives a table with one row per face, as `zoo predict` writes it. ``.json`` gives
        one object, ``.jsonl`` the same object on a line. ``.pts`` gives the points of the first
        face; those of further faces go to files beside it, such as ``NAME-face2.pts``. ``.png``,
        ``.jpg`` and the like give the drawn picture.

        Args:
            path: Where to write. A missing folder is created.

        Returns:
            The files written: one, except for .pts.

        Raises:
            zoo.api.UsageError: The suffix is unknown, the file cannot be written or is the picture
                itself, or there is no face for a .pts file.

        Example:
            >>> import numpy as np, tempfile
            >>> from pathlib import Path
            >>> from zoo.api import IBUG68
            >>> from zoo.prediction import Face, Faces
            >>> face = Face((0, 0, 9, 9), 1.0, np.ones((68, 2), np.float32))
            >>> faces = Faces([face], np.zeros((10, 10, 3), np.uint8), IBUG68)
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     [file] = faces.save(Path(folder) / "points.csv")
            ...     text = file.read_text()
            >>> text.splitlines()[0][:29]
            'image_name,frame,seconds,face'
        """
        place = Path(path)
        suffix = place.suffix.lower()
        if self.path and place.exists() and place.samefile(self.path):
            raise UsageError(f"{place}: is the picture itself; give the file another name")
        if suffix == ".pts":
            return self._save_pts(place)
        if suffix == ".csv":
            content = csv_text([columns(len(self.scheme), self), *rows(self._marked())]).encode()
        elif suffix in (".json", ".jsonl"):
            content = f"{self.to_json()}\n".encode()
        elif suffix in PICTURES:
            content = picture_bytes(self.drawn(), suffix)
        else:
            suffixes = ", ".join((".csv", ".json", ".jsonl", ".pts", *PICTURES))
            raise UsageError(f"{place}: the suffix says how faces are written, one of {suffixes}")
        save_whole(place, content)
        return [place]

    def _save_pts(self, place: Path) -> list[Path]:
        if not self:
            raise UsageError(f"{place}: a .pts file holds one face, and this picture has none")
        names = [place.stem, *(f"{place.stem}-face{k}" for k in range(2, len(self) + 1))]
        files = [place.with_name(f"{name}{place.suffix}") for name in names]
        for file, face in zip(files, self, strict=True):
            save_whole(file, pts_text(face.points).encode())
        return files

    def to_frame(self) -> pd.DataFrame:
        """A table with one row per face and the columns of `zoo predict`'s points.csv.

        Returns:
            ``image_name``, ``frame`` and ``seconds`` (of a video; none here), ``face``, ``box_x0``
            to ``box_y1``, ``box_score``, ``confidence``, ``score``, and ``part_0_x``,
            ``part_0_y`` and so on, in source pixels.

        Example:
            >>> import numpy as np
            >>> from zoo.api import generic_scheme
            >>> from zoo.prediction import Face, Faces
            >>> face = Face((0, 0, 9, 9), 1.0, np.array([[3, 4]], np.float32))
            >>> faces = Faces([face], np.zeros((10, 10, 3), np.uint8), generic_scheme(1))
            >>> faces.to_frame()[["face", "part_0_x", "part_0_y"]]
               face  part_0_x  part_0_y
            0     0       3.0       4.0
        """
        import pandas as pd

        names = columns(len(self.scheme), self)
        table = pd.DataFrame([*rows(self._marked())], columns=names)
        # a column without any value is numeric as well
        return table.astype(dict.fromkeys(names[1:3] + names[4:], float) | {"face": int})

    def to_json(self, indent: int | None = None) -> str:
        """The faces as JSON, in the form that `zoo predict --json` prints for a picture.

        Args:
            indent: Number of spaces by which each level is indented; None: all on one line.

        Returns:
            One object with ``image``, where the picture came from, and ``faces``, a list. Each face
            has ``face`` (its number), ``box``, ``box_score``, ``confidence``, ``score``, ``points``
            and ``scores``, which are null where there is no value, and ``outputs``, by name, where
            the model gives any.

        Example:
            >>> import numpy as np
            >>> from zoo.api import generic_scheme
            >>> from zoo.prediction import Faces
            >>> Faces([], np.zeros((10, 10, 3), np.uint8), generic_scheme(1)).to_json()
            '{"image":"","faces":[]}'
        """
        return json_text(self._marked(), indent)

    def _marked(self) -> Marked:
        return Marked(self.path, self, range(len(self)))

    def __repr__(self) -> str:
        width, height = self.picture.width, self.picture.height
        count = f"{len(self)} face{'' if len(self) == 1 else 's'}"
        lines = [f"<{count} of {self.scheme.name} in {width} x {height} pixels>"]
        return "\n".join([*lines, *(f"  {i}: {face!r}" for i, face in enumerate(self))])

    def __rich__(self) -> Table:
        from rich.table import Table

        width, height = self.picture.width, self.picture.height
        table = Table(
            title=f"{self.scheme.name} in {width} x {height} pixels", title_justify="left"
        )
        for column in ("face", "x0", "y0", "x1", "y1", "box score", "score", "confidence"):
            table.add_column(column, justify="right")
        for number, face in enumerate(self):
            score = "" if math.isnan(face.score) else f"{face.score:.2f}"
            confidence = "" if face.confidence is None else f"{face.confidence:.2f}"
            corners = [f"{v:.1f}" for v in face.box]
            table.add_row(str(number), *corners, f"{face.box_score:.4g}", score, confidence)
        return table

    def _repr_png_(self) -> bytes | None:
        """The picture as IPython and notebooks show it; None where the picture is empty."""
        import cv2

        if not self.picture.height * self.picture.width:
            return None
        picture = self.drawn()
        scale = LONGEST_SHOWN / max(picture.shape[:2])
        if scale < 1:
            size = [max(1, round(v * scale)) for v in picture.shape[1::-1]]
            picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
        done, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        return np.asarray(data).tobytes() if done else None
