"""Frames of video files by number, decoded in order.

Seeking is not exact in every format, so a frame is reached by decoding all before it: cheap for who
reads a video from its start to its end.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoo.api import DataError
from zoo.videos import VideoFile


@dataclass(frozen=True)
class VideoInfo:
    """Size of a video's frames, pixels."""

    width: int
    height: int

    @staticmethod
    def of(path: Path) -> VideoInfo:
        """Raises :class:`DataError` for a file that is no readable video."""
        video = _opened(path)
        video.close()
        return VideoInfo(video.width, video.height)


class FrameReader:
    """Keeps one video open, at the place where the last frame was read. Safe under threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._path: Path | None = None
        self._video: VideoFile | None = None
        self._next = 0

    def read(self, path: Path, index: int) -> NDArray[np.uint8]:
        """Frame ``index`` (from 0) as uint8 (H, W, 3) RGB.

        Raises :class:`DataError` for a file that is no readable video or ends before.
        """
        with self._lock:
            video = self._at(path, index)
            while self._next < index and video.skip():
                self._next += 1
            frame = video.read()
            if frame is None:
                count = self._next
                self._close()
                raise DataError(
                    f"{path}: frame {index + 1} cannot be decoded, the video has {count} readable "
                    "frames; fetch it again or remove the labels of the others"
                )
            self._next += 1
            return frame

    def _at(self, path: Path, index: int) -> VideoFile:
        """The video at ``path``, not past ``index``."""
        if self._video is None or self._path != path or self._next > index:
            self._close()
            self._video, self._path = _opened(path), path
        return self._video

    def _close(self) -> None:
        if self._video is not None:
            self._video.close()
        self._video, self._path, self._next = None, None, 0


def _opened(path: Path) -> VideoFile:
    try:
        return VideoFile(path)
    except DataError as error:
        raise DataError(f"{error}; fetch it again") from error
