"""Reads pictures as viewers show them, and writes pictures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoo.api import DataError, UsageError
from zoo.files import write_whole
from zoo.images import read_image
from zoo.prediction.formats import JPEGS, picture_bytes

Image = NDArray[np.uint8]
"""(H, W, 3) RGB."""

PHOTOGRAPHS = (*JPEGS, ".heic", ".heif", ".hif", ".avif")


def read_picture(path: Path) -> Image:
    """Read a picture as uint8 (H, W, 3) RGB, upright by its EXIF orientation. Grey, palette and
    16-bit pictures are converted, and an alpha channel is dropped, as in training.

    Points are those of the upright picture. Raises :class:`DataError` with the file and the reason.
    """
    if not path.is_file():
        if path.exists():
            raise DataError(f"{path}: a pipe or a device is not read; save the picture as a file")
        raise DataError(f"{path}: no such image file")
    return read_image(path)


def copy_suffix(path: Path) -> str:
    """Suffix of a drawn copy: a photograph is a JPEG, everything else becomes PNG."""
    return ".jpg" if path.suffix.lower() in PHOTOGRAPHS else ".png"


def write_picture(path: Path, image: Image) -> None:
    """Write RGB as PNG or JPEG, by the suffix; a missing folder is created.

    Raises :class:`UsageError` naming a folder that cannot be written.
    """
    data = picture_bytes(image, path.suffix)
    with writing(path):
        write_whole(path, data)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """A context for writing ``path``: it creates the folder, and turns an OSError into a
    :class:`UsageError` of one line that names ``--out``."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise UsageError(
            f"--out {path.parent}: {error.strerror}; name a folder that can be written"
        ) from error
