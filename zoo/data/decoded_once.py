"""Frames that are decoded once and then read from a file, as long as they are in use.

Validation cuts the crops of its further passes from the frames themselves, at other places after
each epoch. The file holds the decoded pixels, so that every crop stays the same bit by bit. The
file has no name and lies beside the stores. It disappears with the last reference to its frames or
with the process.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import warnings
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from io import FileIO

import numpy as np
from numpy.typing import NDArray

from ..api import ZooWarning
from ..files import zoo_home

Image = Callable[[], NDArray[np.uint8]]

LARGEST = 4 << 20
"""Largest frame that is kept, in bytes: to read a larger one takes as long as to decode it."""
LEFT_FREE = 2 << 30
"""Bytes of the disk that stay free."""


def decoded_once(images: Sequence[Image]) -> tuple[Image, ...]:
    """The same images, each decoded once and then read from a file. Thread-safe."""
    file = _File()
    return tuple(partial(file.frame, number, image) for number, image in enumerate(images))


class _File:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._file: FileIO | None = None
        self._kept: dict[int, tuple[int, tuple[int, ...]]] = {}
        """Where each frame begins, and its shape."""
        self._full = False

    def frame(self, number: int, decode: Image) -> NDArray[np.uint8]:
        with self._lock:
            kept = self._read(number)
        if kept is not None:
            return kept
        frame = decode()
        with self._lock:
            if frame.nbytes <= LARGEST and number not in self._kept and not self._full:
                self._keep(number, frame)
        return frame

    def _read(self, number: int) -> NDArray[np.uint8] | None:
        if number not in self._kept or self._file is None:
            return None
        start, shape = self._kept[number]
        frame = np.empty(shape, np.uint8)
        self._file.seek(start)
        return frame if self._file.readinto(frame.data) == frame.nbytes else None

    def _keep(self, number: int, frame: NDArray[np.uint8]) -> None:
        folder = zoo_home() / "stores"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if shutil.disk_usage(folder).free < LEFT_FREE + frame.nbytes:
                raise OSError(f"less than {LEFT_FREE >> 30} GB are free")
            if self._file is None:
                file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - stays open
                self._file = file
                weakref.finalize(self, self._file.close)
            start = self._file.seek(0, 2)
            if self._file.write(np.ascontiguousarray(frame).data) < frame.nbytes:
                raise OSError("the disk is full")
            self._kept[number] = start, frame.shape
        except OSError as error:
            self._full = True
            warnings.warn(
                f"{folder}: {error.strerror or error}; frames that do not fit there are decoded "
                "again after each epoch",
                ZooWarning,
                stacklevel=2,
            )
