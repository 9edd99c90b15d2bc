"""Reads frames of a store as whole frames, several at once.

A store that is larger than the memory is read from the disk again in each epoch. A memory map reads
a frame page by page, and the system's read-ahead around a page loads frames that are not needed.
Reading whole frames, several at once and in any order, is as fast as reading the file from start to
end: docs/results/speed.md has the figures.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from io import FileIO
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from ..api import DataError

AT_ONCE = 8


class PixelFile:
    """The images of a memory-mapped array: (M, S, S, 3) uint8. The file stays open, so that a
    deleted store can be read until its last reader is done."""

    def __init__(self, images: np.memmap[tuple[int, ...], np.dtype[np.uint8]]) -> None:
        self.path = Path(str(images.filename))
        mapped = images
        while isinstance(mapped.base, np.memmap):  # a part of an array has the offset of the whole
            mapped = mapped.base
        self._start = mapped.offset + images.ctypes.data - mapped.ctypes.data
        self._bytes = images[0].nbytes
        self._files = [self.path.open("rb", buffering=0) for _ in range(AT_ONCE)]
        weakref.finalize(self, _close, self._files)
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="frames")
        self._lock = Lock()

    def read(self, rows: NDArray[np.int64], into: NDArray[np.uint8]) -> None:
        """Read the images of these rows, in this order, into the array ``into`` (B, S, S, 3).

        Raises :class:`DataError` where the file is shorter than it was, or cannot be read.
        """

        def read_share(number: int) -> None:
            file = self._files[number]
            for place in range(number, len(rows), AT_ONCE):
                file.seek(self._start + int(rows[place]) * self._bytes)
                if file.readinto(into[place]) != self._bytes:
                    raise DataError(f"{self.path}: ends early; delete its folder, it is built anew")

        with self._lock:
            try:
                list(self._pool.map(read_share, range(min(AT_ONCE, len(rows)))))
            except OSError as error:
                raise DataError(
                    f"{self.path}: cannot be read: {error.strerror or error}; is the disk there?"
                ) from error


def _close(files: Sequence[FileIO]) -> None:
    for file in files:
        file.close()
