"""Detectors that look boxes up in a list, by where a picture came from."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from zoo.api import UsageError
from zoo.files.names import spellings

Row = tuple[float, float, float, float, float]
"""x0, y0, x1, y1, score in source pixels."""


class ListedBoxes:
    """Boxes from a list; ``build`` of such a detector returns it.

    A picture's boxes are those of the longest end of its path that the list names: for
    ``set/a/1.jpg`` those of ``a/1.jpg``, or else those of ``1.jpg``. A picture that the list does
    not name has no face.
    """

    def __init__(self, plugin_id: str, rows: Iterable[tuple[str, Row]]) -> None:
        self.plugin_id = plugin_id
        self._boxes: dict[str, list[Row]] = {}
        for name, row in rows:
            for spelling in set(spellings(_spelled(name))):
                self._boxes.setdefault(spelling, []).append(row)

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        raise UsageError(
            f"detector {self.plugin_id} looks boxes up by where a picture came from: "
            "model.predict(image, path=...), and model.predict_batch(images, paths=[...])"
        )

    def for_picture(self, image: NDArray[np.uint8], path: str) -> NDArray[np.float32]:
        """The boxes of the picture at ``path``, float32 (N, 5), best first."""
        if not path:
            return self(image)
        parts = PurePosixPath(os.path.abspath(path).replace("\\", "/")).parts
        names = (_spelled("/".join(parts[i:])) for i in range(len(parts)))
        rows = next((self._boxes[name] for name in names if name in self._boxes), [])
        boxes = np.array(rows, np.float32).reshape(-1, 5)
        return boxes[np.argsort(-boxes[:, 4], kind="stable")]


def _spelled(name: str) -> str:
    """``.\\a\\1.jpg`` as ``a/1.jpg``; an absolute path without its leading slash."""
    return PurePosixPath(name.strip().replace("\\", "/")).as_posix().lstrip("/")


def existing(plugin_id: str, option: str, value: str, what: str) -> Path:
    """The path that an option names. Raises :class:`UsageError` that says how to name one."""
    if not value:
        raise UsageError(f"detector {plugin_id} needs {what}: --set detector.{option}=PATH")
    path = Path(os.path.expanduser(value))
    if not path.exists():
        raise UsageError(f"detector {plugin_id}: {option} {value}: no such file or folder")
    return path
