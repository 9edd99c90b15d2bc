"""The videos of a job: faces are followed from frame to frame, or found in each, and drawn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from zoo.api import DataError
from zoo.prediction import Face
from zoo.prediction.face import Image
from zoo.prediction.formats import Marked
from zoo.prediction.picture import batches

from .ahead import ahead, area
from .film import Film
from .inputs import MediaInput
from .interrupts import held_back
from .naming import count
from .settings import Tracking
from .tracking import Tracker
from .video import Frame, FrameSource, SequenceFrames, VideoFrames
from .work import Work


@dataclass
class VideoWork:
    """Videos that are predicted frame by frame, each with one annotated copy."""

    work: Work
    sources: Sequence[MediaInput]
    begun: int = 0
    film: Film | None = None
    """The video that is worked on."""

    def run(self) -> None:
        for source in self.sources:
            self.begun += 1
            self._run(source)

    def missing(self) -> list[str]:
        """What was not done."""
        parts = []
        if self.film is not None:
            parts.append(f"what follows frame {self.film.frames} of {self.film.stem}")
        if left := len(self.sources) - self.begun:
            parts.append(f"{left} of {count(len(self.sources), 'video')}")
        return parts

    def _run(self, source: MediaInput) -> None:
        try:
            frames = _opened(source, self.work.job.rate)
        except DataError as error:
            self.work.fail(str(error))
            return
        for note in (frames.note, _guess(source)):
            if note:
                self.work.reporter.note(note)
        self.work.begin(str(source.path), frames.count)
        self.film = film = self._film(source, frames.rate)
        try:
            with closing(ahead(iter(frames))) as each:
                for frame, marked in self._marked(each, frames.rate):
                    if frame.image is not None:
                        with held_back():
                            self.work.keep(marked)
                            film.add(frame.image, marked)
                    else:
                        self.work.fail(frame.error)
                        film.repeat()
            said = film.close()
        except BaseException:
            self.work.reporter.note(f"{source.path}: {film.stop()}")
            raise
        finally:
            film.discard()
        self.film = None
        if film.note:
            self.work.reporter.note(film.note)
        if film.frames and not film.faces:
            where = f" in {count(film.frames, 'frame')}"
            self.work.fail(f"{source.path}: {self.work.no_face(film.shape, where)}")
        elif film.frames:
            self.work.reporter.note(f"{source.path}: {said}")

    def _film(self, source: MediaInput, rate: float) -> Film:
        job = self.work.job
        return Film(
            source.stem,
            self.work.names,
            job.predictor.scheme,
            rate,
            draw=job.draw,
            pts=job.pts,
            crops=job.crops,
            uncertainty=job.uncertainty,
            numbered=job.tracking is not None,
        )

    def _marked(self, frames: Iterable[Frame], rate: float) -> Iterator[tuple[Frame, Marked]]:
        """Every frame with its faces: followed from one to the next, or in batches."""
        if self.work.job.tracking is not None:
            follower = _Follower(self.work, self.work.job.tracking, rate)
            for frame in frames:
                yield frame, follower.follow(frame)
                self.work.advance(1)
            return
        for batch in batches(frames, self.work.job.batch, area):
            for frame, faces in zip(batch, self.work.results(batch), strict=True):
                if isinstance(faces, str):
                    yield replace(frame, image=None, error=faces), _marked_frame(frame, (), ())
                else:
                    yield frame, _marked_frame(frame, faces, range(len(faces)))
            self.work.advance(len(batch))


class _Follower:
    """A tracker that is given frames, also those that could not be read."""

    def __init__(self, work: Work, tracking: Tracking, rate: float) -> None:
        self.work = work
        self.path = Path()
        """Where the frame at hand comes from: a detector may look its boxes up by it."""
        job = work.job
        self.tracker = Tracker(job.predictor, self._found, rate, tracking, job.smoothing)

    def follow(self, frame: Frame) -> Marked:
        if frame.image is None:
            self.tracker.skip()
            return _marked_frame(frame, (), ())
        self.path = frame.path
        found = self.tracker(frame.image, frame.seconds)
        return _marked_frame(frame, [each.face for each in found], [each.track for each in found])

    def _found(self, image: Image) -> list[Face]:
        [faces] = self.work.found([image], [self.path])
        return faces


def _marked_frame(frame: Frame, faces: Sequence[Face], numbers: Sequence[int]) -> Marked:
    return Marked(frame.path, faces, numbers, frame.index, frame.seconds)


def _opened(source: MediaInput, rate: float) -> FrameSource:
    return (
        VideoFrames(source.path) if source.kind == "video" else SequenceFrames(source.frames, rate)
    )


def _guess(source: MediaInput) -> str:
    if not source.guessed:
        return ""
    frames = count(len(source.frames), "numbered frame")
    return f"{source.path}: {frames}, taken as a video; --as pictures takes each by itself"
