"""Frames of video files by number, decoded in order.

Seeking is not exact in every format, so a frame is reached by decoding all frames before it. That
costs little where a video is read from its start to its end.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoo.api import DataError
from zoo.threads import at_once
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
    """Keeps the most recently used videos open, one more than are decoded at once, each at its
    last read frame. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._videos: dict[Path, _Frames] = {}

    def read(self, path: Path, index: int) -> NDArray[np.uint8]:
        """Frame ``index`` (from 0) as uint8 (H, W, 3) RGB.

        Raises :class:`DataError` for a file that is no readable video or ends before this frame.
        """
        with self._lock:
            frames = self._videos.pop(path, None) or _Frames(path)
            self._videos[path] = frames  # now the latest: a dict keeps this order
            while len(self._videos) > at_once() + 1:
                del self._videos[next(iter(self._videos))]
        return frames.read(index)


class _Frames:
    """One video and its most recent frames. Threads that read the same video may ask for its frames
    slightly out of order, and to go back means to decode all frames from the start."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._video: VideoFile | None = None
        self._next = 0
        self._latest: dict[int, NDArray[np.uint8]] = {}

    def read(self, index: int) -> NDArray[np.uint8]:
        with self._lock:
            if index not in self._latest and self._next > index:
                self._video = None
            while index not in self._latest:
                if self._video is None:
                    self._video, self._next = _opened(self._path), 0
                if not self._advance(self._video, keep=index - self._next < at_once()):
                    self._video = None
                    raise DataError(
                        f"{self._path}: frame {index + 1} cannot be decoded, the video has "
                        f"{self._next} readable frames; fetch it again or remove the labels of the "
                        "others"
                    )
            return self._latest[index].copy()

    def _advance(self, video: VideoFile, keep: bool) -> bool:
        """Go past the next frame, and keep it where ``keep`` says so. False: there is none."""
        if not keep:
            found = video.skip()
        elif found := (frame := video.read()) is not None:
            self._latest[self._next] = frame
            while len(self._latest) > at_once():
                del self._latest[next(iter(self._latest))]
        self._next += found
        return found


def _opened(path: Path) -> VideoFile:
    try:
        return VideoFile(path)
    except DataError as error:
        raise DataError(f"{error}; fetch it again") from error
