"""Opening one video file, without trusting its name or what is in it.

FFmpeg reads some names as addresses (``http:...``, ``concat:a|b``) or patterns (``%03d``), and a
playlist names other files and servers. Here it gets the absolute path of one file, and may use only
formats that hold their own frames, so that it opens nothing but that file. (OpenCV can also read
from a Python stream; but an error or a Ctrl-C inside one ends the process with a segmentation
fault.)
"""

from __future__ import annotations

import math
import os
import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from zoo.api import DataError
from zoo.files.reading import require_regular

RATE = 25.0
"""Frames a second, where a file does not say."""
MOST_RATE = 1000.0
"""A header that claims more is damaged."""

FORMATS = (
    *("mov", "matroska", "avi", "mpegts", "mpeg", "mpegvideo", "m4v", "h264", "hevc", "asf", "flv"),
    *("ogg", "ivf", "mxf", "dv", "rm", "nut", "yuv4mpegpipe"),
)
"""FFmpeg's names of the formats that hold their own frames: no playlist, no pattern of pictures."""

_OPTIONS = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
_ONLY = f"protocol_whitelist;file|format_whitelist;{','.join(FORMATS)}"
_opening = threading.Lock()


class VideoFile:
    """The frames of one file, decoded one after another from its start."""

    def __init__(self, path: Path) -> None:
        """Raises :class:`DataError` for what is no file, or that OpenCV does not decode."""
        if not path.exists():
            raise DataError(f"{path}: no such video")
        require_regular(path)
        with quiet(), as_opencv_takes(path) as name, _only_the_file():
            self._capture = cv2.VideoCapture(name, cv2.CAP_FFMPEG)
        if not self._capture.isOpened():
            raise DataError(f"{path}: not readable as a video")
        rate = float(self._capture.get(cv2.CAP_PROP_FPS))
        self.says_rate = 0 < rate <= MOST_RATE
        self.rate = rate if self.says_rate else RATE
        """Frames a second, the mean of the file's."""
        self.width = int(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH))
        self.height = int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        self.count = max(0, int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)))
        """About how many frames: a header may be wrong. 0: unknown."""
        self.seconds = -1 / self.rate
        """Time of the frame that was read last, counted from the first frame."""

    def skip(self) -> bool:
        """Skip a frame; returns whether there was one."""
        with quiet():
            return self._capture.grab()

    def read(self) -> NDArray[np.uint8] | None:
        """The next frame, uint8 (H, W, 3) RGB, upright by the file's rotation mark; None at the end
        of what can be decoded."""
        with quiet():
            found, frame = self._capture.read()
        if not found:
            return None
        stamp = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        # some formats have no time stamps, and those of a damaged file may have any value
        later = math.isfinite(stamp) and stamp > self.seconds
        self.seconds = round(stamp if later else self.seconds + 1 / self.rate, 6)
        return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8)

    def close(self) -> None:
        self._capture.release()


@contextmanager
def as_opencv_takes(path: Path) -> Iterator[str]:
    """A name of ``path``, to read or to write, that OpenCV and FFmpeg take for this file alone.

    That is its absolute path. Where this holds bytes that are no text, or characters that FFmpeg
    would read as a pattern, it is the path of a link in a temporary folder.
    """
    absolute = str(path.absolute())
    if os.name != "posix" or not re.search(r"[%*?{\ud800-\udfff]", absolute):
        yield absolute
        return
    suffix = path.suffix if path.suffix.isascii() else ""
    with tempfile.TemporaryDirectory(prefix="zoo-") as folder:
        link = Path(folder, f"video{suffix}")
        link.symlink_to(absolute)
        yield str(link)


@contextmanager
def _only_the_file() -> Iterator[None]:
    """Add our options to the variable that OpenCV reads for FFmpeg whenever it opens a file. They
    come after the user's, and so override them."""
    with _opening:
        before = os.environ.get(_OPTIONS)
        os.environ[_OPTIONS] = f"{before}|{_ONLY}" if before else _ONLY
        try:
            yield
        finally:
            if before is None:
                del os.environ[_OPTIONS]
            else:
                os.environ[_OPTIONS] = before


class _Quiet:
    """How many threads want OpenCV quiet, and its log level before the first of them."""

    lock = threading.Lock()
    count = 0
    before = 0


@contextmanager
def quiet() -> Iterator[None]:
    """Silence OpenCV and FFmpeg, since the zoo itself reports what is wrong with a file. The log
    level is that of the whole process: the last thread that leaves restores it."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # FFmpeg's AV_LOG_QUIET
    with _Quiet.lock:
        if _Quiet.count == 0:
            _Quiet.before = cv2.utils.logging.getLogLevel()
            cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        _Quiet.count += 1
    try:
        yield
    finally:
        with _Quiet.lock:
            _Quiet.count -= 1
            if _Quiet.count == 0:
                cv2.utils.logging.setLogLevel(_Quiet.before)
