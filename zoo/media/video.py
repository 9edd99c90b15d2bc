"""Reads videos and sequences frame by frame, and writes annotated videos.

Frames are uint8 (H, W, 3) RGB, decoded one at a time, so that a long video takes no more memory
than a short one. A file that cannot be read raises :class:`zoo.api.DataError` that says what to do.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2

from zoo.api import DataError, UsageError
from zoo.videos import RATE, VideoFile, as_opencv_takes, quiet

from .inputs import is_video
from .pictures import Image, read_picture, writing

CODECS = (("mp4v", ".mp4", cv2.CAP_FFMPEG), ("MJPG", ".avi", cv2.CAP_OPENCV_MJPEG))
"""Codecs to try, in this order: MPEG-4 part 2, which every OpenCV wheel writes (none writes H.264),
and Motion JPEG, which OpenCV writes without any library."""

CONVERT = "ffmpeg -i IN -c:v libx264 -pix_fmt yuv420p OUT.mp4"


@dataclass(frozen=True)
class Frame:
    """One frame, or the reason why it could not be read."""

    index: int
    """Number of the frame, from 0."""
    path: Path
    """The video, or the frame's own file."""
    image: Image | None
    error: str = ""
    seconds: float = 0.0
    """Time at which it is shown, from the first frame."""


class FrameSource(Protocol):
    """A video or a sequence, from which frames are read."""

    rate: float
    """Frames a second."""
    count: int
    """Approximate number of frames: a video's header may be wrong. 0: unknown."""
    note: str
    """A note for the user about the source; empty without one."""

    def __iter__(self) -> Generator[Frame]: ...


class VideoFrames:
    """The frames of a video file, turned upright as its metadata say."""

    def __init__(self, path: Path) -> None:
        """Raises :class:`DataError` for a file that is no video or that cannot be decoded."""
        self.path = path
        try:
            self._video = VideoFile(path)
        except DataError as error:
            raise DataError(_why_not(path)) from error
        self.rate, self.count = self._video.rate, self._video.count
        known = self._video.says_rate
        self.note = "" if known else f"{path}: says no frame rate; taken as {RATE:g} a second"

    def __iter__(self) -> Generator[Frame]:
        """Every frame. A video without frames, or one that is cut off, ends with a frame that holds
        an error."""
        index = 0
        try:
            while (image := self._video.read()) is not None:
                yield Frame(index, self.path, image, seconds=self._video.seconds)
                index += 1
        finally:
            self._video.close()
        if index == 0:
            reason = f"not one frame can be decoded; convert it: {CONVERT}"
        elif index < 0.9 * self.count:  # a header's count is an estimate in some formats
            reason = (
                f"ends after {index} of {self.count} frames: cut off or damaged; "
                "what could be decoded is done"
            )
        else:
            return
        end = self._video.seconds + 1 / self.rate
        yield Frame(index, self.path, None, f"{self.path}: {reason}", end)


class SequenceFrames:
    """Frames from picture files. One that cannot be read, or whose size differs from that of the
    first readable one, becomes a frame with an error, and the next frames follow."""

    def __init__(self, paths: Sequence[Path], rate: float = RATE) -> None:
        self.paths = paths
        self.rate = rate
        self.count = len(paths)
        self.note = ""

    def __iter__(self) -> Generator[Frame]:
        size: tuple[int, int] | None = None
        for index, path in enumerate(self.paths):
            seconds = index / self.rate
            try:
                image = read_picture(path)
            except DataError as error:
                yield Frame(index, path, None, str(error), seconds)
                continue
            height, width = image.shape[:2]
            size = size or (width, height)
            if (width, height) == size:
                yield Frame(index, path, image, "", seconds)
                continue
            reason = (
                f"{path}: {width} x {height} pixels in a sequence of {size[0]} x {size[1]}; "
                "--as pictures takes each by itself"
            )
            yield Frame(index, path, None, reason, seconds)


def _why_not(path: Path) -> str:
    if not path.is_file():
        return f"{path}: no such video"
    if path.stat().st_size == 0:
        return f"{path}: the file is empty"
    if not is_video(path):
        return f"{path}: not a video"
    return (
        f"{path}: not readable as a video: damaged, or in a codec that this OpenCV lacks; "
        f"if a player shows it, convert it: {CONVERT}"
    )


class VideoWriter:
    """Writes frames to a video, which gets its final name when it is complete.

    The codec is the first of ``codecs`` that this OpenCV has. It determines the suffix, so read the
    final path from ``path``. MPEG-4 needs even sides: an odd one is padded with the edge's pixels.
    """

    def __init__(
        self,
        path: Path,
        rate: float,
        size: tuple[int, int],
        codecs: Sequence[tuple[str, str, int]] = CODECS,
    ) -> None:
        """``path`` without a suffix; ``size``: width, height. Raises :class:`UsageError` for a
        folder that cannot be written, :class:`DataError` where no codec works."""
        self.size = size
        self._frames = 0
        even = (size[0] + size[0] % 2, size[1] + size[1] % 2)
        for name, suffix, backend in codecs:
            self.path = path.with_name(path.name + suffix)
            self._part = path.with_name(f".{path.name}.part{suffix}")
            with writing(self.path):
                self._part.touch()  # raises the reason where OpenCV would fail without one
            with quiet(), as_opencv_takes(self._part) as part:
                code = cv2.VideoWriter.fourcc(*name)
                self._writer = cv2.VideoWriter(part, backend, code, rate, even)
            if self._writer.isOpened():
                break
            self.discard()
        else:
            tried = " nor ".join(name for name, *_ in codecs)
            raise DataError(
                f"{path}: this OpenCV writes no video (neither {tried}); "
                "reinstall opencv-python-headless, or leave the video out with --no-draw"
            )
        first = codecs[0][1]
        self.note = (
            ""
            if suffix == first
            else f"{self.path}: this OpenCV has no encoder for {first}, so it is Motion JPEG "
            f"in {suffix}: large; convert it: {CONVERT}"
        )

    def write(self, image: Image) -> None:
        """Append an RGB frame of ``size``."""
        width, height = self.size
        assert image.shape == (height, width, 3), image.shape
        bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        if width % 2 or height % 2:
            bgr = cv2.copyMakeBorder(bgr, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
        with quiet():
            self._writer.write(bgr)
        self._frames += 1

    def close(self) -> None:
        """Finish the file and rename it. Raises :class:`UsageError` where it is incomplete or
        cannot be renamed."""
        with quiet():
            self._writer.release()
        if not self._is_whole():
            self.discard()
            raise UsageError(
                f"--out {self.path.parent}: {self.path.name} could not be written whole, as on a "
                "full disk; free some space, name another folder, or leave it out with --no-draw"
            )
        with writing(self.path):
            os.replace(self._part, self.path)

    def discard(self) -> None:
        """Remove the unfinished file."""
        with quiet():
            self._writer.release()
        self._part.unlink(missing_ok=True)

    def _is_whole(self) -> bool:
        """Whether the file has all frames: OpenCV does not report a full disk."""
        try:
            video = VideoFile(self._part)
        except DataError:
            return False
        video.close()
        return video.count >= self._frames
