"""What a prediction gives: the faces of a picture, everything in source pixels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..api import LandmarkScheme
from .face import Face
from .picture import Image, Picture

if TYPE_CHECKING:
    from rich.table import Table

LONGEST_SHOWN = 1024
"""Pixels: larger pictures are shrunk for a notebook."""


class Faces(list[Face]):
    """The faces of one picture: a list, which also knows the picture.

    A notebook shows the picture with the faces drawn; printing gives a line a face. A part of it,
    such as ``faces[:2]``, is a plain list.
    """

    def __init__(
        self, faces: Iterable[Face], image: Image | Picture, scheme: LandmarkScheme
    ) -> None:
        picture = image if isinstance(image, Picture) else Picture(*image.shape[:2], held=image)
        super().__init__(replace(face, scheme=scheme, picture=picture) for face in faces)
        self.picture = picture
        self.scheme = scheme

    @property
    def image(self) -> Image:
        """(H, W, 3) RGB: the picture itself and no copy; of a list of paths, read again."""
        return self.picture.pixels

    @property
    def path(self) -> str:
        """Where the picture came from; empty where nobody said."""
        return self.picture.path

    def without_pixels(self) -> Faces:
        """The same faces, whose picture is read again from its file when it is asked for."""
        return Faces(self, self.picture.without_pixels(), self.scheme)

    @property
    def points(self) -> NDArray[np.float32]:
        """(N, K, 2) of all faces, in source pixels; (0, K, 2) where there is none."""
        stacked = [face.points for face in self]
        return np.stack(stacked) if stacked else np.empty((0, len(self.scheme), 2), np.float32)

    def drawn(self) -> Image:
        """A copy of the picture with contours, points and boxes."""
        from .drawing import draw_faces

        return draw_faces(self.image, self, self.scheme)

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
        for column in ("face", "x0", "y0", "x1", "y1", "box score", "confidence"):
            table.add_column(column, justify="right")
        for number, face in enumerate(self):
            sure = "" if face.confidence is None else f"{face.confidence:.2f}"
            corners = [f"{v:.1f}" for v in face.box]
            table.add_row(str(number), *corners, f"{face.box_score:.4g}", sure)
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
