"""Frames of video files by number, decoded in order.

Seeking is not exact in every format, so a frame is reached by decoding all before it: cheap for who
reads a video from its start to its end.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from zoo.api import DataError


@dataclass(frozen=True)
class VideoInfo:
    """Size of a video's frames, pixels."""

    width: int
    height: int

    @staticmethod
    def of(path: Path) -> VideoInfo:
        """Raises :class:`DataError` for a file that is no readable video."""
        capture = _opened(path)
        try:
            width = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH))
            height = int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        finally:
            capture.release()
        return VideoInfo(width, height)


class FrameReader:
    """Keeps one video open, at the place where the last frame was read. Safe under threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._path: Path | None = None
        self._capture: cv2.VideoCapture | None = None
        self._next = 0

    def read(self, path: Path, index: int) -> NDArray[np.uint8]:
        """Frame ``index`` (from 0) as uint8 (H, W, 3) RGB.

        Raises :class:`DataError` for a file that is no readable video or ends before.
        """
        with self._lock:
            capture = self._at(path, index)
            while self._next < index and capture.grab():
                self._next += 1
            found, frame = capture.read()
            if not found:
                count = self._next
                self._close()
                raise DataError(
                    f"{path}: frame {index + 1} cannot be decoded, the video has {count} readable "
                    "frames; fetch it again or remove the labels of the others"
                )
            self._next += 1
            return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8)

    def _at(self, path: Path, index: int) -> cv2.VideoCapture:
        """The capture of ``path``, not past ``index``."""
        if self._capture is None or self._path != path or self._next > index:
            self._close()
            self._capture, self._path = _opened(path), path
        return self._capture

    def _close(self) -> None:
        if self._capture is not None:
            self._capture.release()
        self._capture, self._path, self._next = None, None, 0


def _opened(path: Path) -> cv2.VideoCapture:
    capture = cv2.VideoCapture(str(path))
    if not capture.isOpened():
        capture.release()
        raise DataError(f"{path}: not readable as a video; fetch it again")
    return capture
