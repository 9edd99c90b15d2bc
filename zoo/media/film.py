"""The outputs of one video: its annotated copy, .pts files and crops, written frame by frame."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from zoo.api import LandmarkScheme, ZooError
from zoo.prediction.drawing import draw_faces
from zoo.prediction.formats import Marked

from .naming import OutputNames, count
from .pictures import Image, write_picture
from .video import CODECS, VideoWriter
from .writers import write_pts


@dataclass
class Film:
    """Writes the outputs of one video.

    Call :meth:`add` for every frame, in order, then :meth:`close`. Call :meth:`discard` at the end
    in any case: it removes a video that was not closed.

    A video in which no face was found gets no annotated copy.
    """

    stem: str
    names: OutputNames
    scheme: LandmarkScheme
    rate: float
    """Frames a second."""
    draw: bool
    pts: bool
    crops: bool
    uncertainty: bool
    """Whether the points' covariance is drawn too."""
    numbered: bool
    """Whether a face keeps its number through the video; the number is then drawn."""
    frames: int = 0
    faces: int = 0
    shape: tuple[int, ...] = ()
    """Shape of the last frame."""
    note: str = ""
    """A note for the user about the annotated video; empty without one."""
    _numbers: set[int] = field(default_factory=set)
    _writer: VideoWriter | None = None
    _last: Image | None = None
    _folder: Path | None = None
    _crops: Path | None = None
    _started: float = field(default_factory=time.perf_counter)

    def add(self, image: Image, marked: Marked) -> None:
        """Write one frame. Raises :class:`UsageError` for a folder that cannot be written."""
        self.frames += 1
        self.shape = image.shape
        self.faces += len(marked.faces)
        self._numbers.update(marked.numbers)
        if self.pts:
            self._write_pts(marked)
        if self.crops:
            self._write_crops(marked)
        if self.draw:
            labels = [str(number) for number in marked.numbers] if self.numbered else []
            self._last = draw_faces(image, marked.faces, self.scheme, labels, self.uncertainty)
            if self._writer is None:
                height, width = image.shape[:2]
                endings = (f"-points{suffix}" for _, suffix, _ in CODECS)
                place = self.names.take(self.stem, *endings).with_suffix("")
                self._writer = VideoWriter(place, self.rate, (width, height))
            self._writer.write(self._last)

    def repeat(self) -> None:
        """Repeat the last frame in place of one that cannot be read, so that the timing is kept."""
        if self._writer is not None and self._last is not None:
            self._writer.write(self._last)

    def close(self) -> str:
        """Finish the video, and return a summary of the work."""
        speed = self.frames / max(time.perf_counter() - self._started, 1e-9)
        faces = count(len(self._numbers) if self.numbered else self.faces, "face")
        summary = f"{count(self.frames, 'frame')}, {faces}, {speed:.1f} frames a second"
        if self._writer is None or not self.faces:
            return summary
        writer, self._writer = self._writer, None
        writer.close()
        self.note = writer.note
        return f"{summary}, drawn in {writer.path}"

    def stop(self) -> str:
        """Finish the video early; what was drawn is kept, if possible. Returns a summary."""
        try:
            return f"{self.close()}, and no more"
        except ZooError as error:
            return str(error)

    def discard(self) -> None:
        """Remove an unfinished video; after :meth:`close` this does nothing."""
        if self._writer is not None:
            self._writer.discard()

    def _write_pts(self, marked: Marked) -> None:
        """Write .pts files in the layout of 300-VW: NAME/annot/000001.pts is of the first frame."""
        assert marked.frame is not None
        if marked.faces and self._folder is None:
            self._folder = self.names.take(self.stem, "")
        for face, number in zip(marked.faces, marked.numbers, strict=True):
            assert self._folder is not None
            folder = "annot" if number == 0 else f"annot-{number}"
            write_pts(self._folder / folder / f"{marked.frame + 1:06d}.pts", face.points)

    def _write_crops(self, marked: Marked) -> None:
        """Write crops, named by frame and face as in the table: NAME-crops/000012-0.png."""
        assert marked.frame is not None
        if marked.faces and self._crops is None:
            self._crops = self.names.take(self.stem, "-crops")
        for face, number in zip(marked.faces, marked.numbers, strict=True):
            assert self._crops is not None
            write_picture(self._crops / f"{marked.frame:06d}-{number}.png", face.aligned().image)
