"""Frames of a store, each read whole and several at once.

A store that is larger than the memory comes from the disk again each epoch. Read through a memory
map, a frame arrives page by page, one page after another, and what the system reads around a page
is of frames that nobody asked for. Whole frames in any order, some at a time, come as fast as the
file from its start to its end: docs/results/speed.md has the figures.
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
    """The images of a memory-mapped array: (M, S, S, 3) uint8. It stays open, so that a store that
    somebody deletes is there until its last reader is done."""

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
        """Put the images of these rows into an array of that many, in this order.

        Raises :class:`DataError` where the file is shorter than it was, or cannot be read.
        """

        def part(number: int) -> None:
            file = self._files[number]
            for place in range(number, len(rows), AT_ONCE):
                file.seek(self._start + int(rows[place]) * self._bytes)
                if file.readinto(into[place]) != self._bytes:
                    raise DataError(f"{self.path}: ends early; delete its folder, it is built anew")

        with self._lock:
            try:
                list(self._pool.map(part, range(min(AT_ONCE, len(rows)))))
            except OSError as error:
                raise DataError(
                    f"{self.path}: cannot be read: {error.strerror or error}; is the disk there?"
                ) from error


def _close(files: Sequence[FileIO]) -> None:
    for file in files:
        file.close()
