"""What comes of one video: its annotated copy, .pts files and crops, written as frames come."""

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
    """Give it every frame, in order, then :meth:`close` it; :meth:`discard` leaves no half video.

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
    """Whether a face's number says which one it is through the video; it is then drawn."""
    frames: int = 0
    faces: int = 0
    shape: tuple[int, ...] = ()
    """Shape of the last frame."""
    note: str = ""
    """What is worth saying about the annotated video."""
    _numbers: set[int] = field(default_factory=set)
    _writer: VideoWriter | None = None
    _last: Image | None = None
    _folder: Path | None = None
    _crops: Path | None = None
    _started: float = field(default_factory=time.perf_counter)

    def add(self, image: Image, marked: Marked) -> None:
        """Raises :class:`UsageError` for a folder that cannot be written."""
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
        """A frame that cannot be read shows the one before, so that the video keeps its pace."""
        if self._writer is not None and self._last is not None:
            self._writer.write(self._last)

    def close(self) -> str:
        """Put the video in its place, and say what was done."""
        speed = self.frames / max(time.perf_counter() - self._started, 1e-9)
        who = count(len(self._numbers), "face") if self.numbered else count(self.faces, "face")
        said = f"{count(self.frames, 'frame')}, {who}, {speed:.1f} frames a second"
        if self._writer is None or not self.faces:
            return said
        writer, self._writer = self._writer, None
        writer.close()
        self.note = writer.note
        return f"{said}, drawn in {writer.path}"

    def stop(self) -> str:
        """The work ends before the video: what was drawn is kept where it can be."""
        try:
            return f"{self.close()}, and no more"
        except ZooError as error:
            return str(error)

    def discard(self) -> None:
        """After :meth:`close` nothing is left to do."""
        if self._writer is not None:
            self._writer.discard()

    def _write_pts(self, marked: Marked) -> None:
        """As 300-VW lays them out: NAME/annot/000001.pts is the first frame's."""
        assert marked.frame is not None
        if marked.faces and self._folder is None:
            self._folder = self.names.take(self.stem, "")
        for face, number in zip(marked.faces, marked.numbers, strict=True):
            assert self._folder is not None
            folder = "annot" if number == 0 else f"annot-{number}"
            write_pts(self._folder / folder / f"{marked.frame + 1:06d}.pts", face.points)

    def _write_crops(self, marked: Marked) -> None:
        """Named by the frame and the face of their rows: NAME-crops/000012-0.png."""
        assert marked.frame is not None
        if marked.faces and self._crops is None:
            self._crops = self.names.take(self.stem, "-crops")
        for face, number in zip(marked.faces, marked.numbers, strict=True):
            assert self._crops is not None
            write_picture(self._crops / f"{marked.frame:06d}-{number}.png", face.aligned().image)
