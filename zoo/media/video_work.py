"""The videos of a job: faces are tracked from frame to frame, or detected in each, and drawn."""

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
    """The outputs of the current video."""

    def run(self) -> None:
        for source in self.sources:
            self.begun += 1
            self._run(source)

    def missing(self) -> list[str]:
        """The parts of the work that were not done."""
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
        for note in (frames.note, _note_of_guess(source)):
            if note:
                self.work.reporter.note(note)
        self.work.begin(str(source.path), frames.count)
        self.film = film = self._film(source, frames.rate)
        try:
            with closing(ahead(iter(frames))) as read_frames:
                for frame, marked in self._marked(read_frames, frames.rate):
                    if frame.image is not None:
                        with held_back():
                            self.work.keep(marked)
                            film.add(frame.image, marked)
                    else:
                        self.work.fail(frame.error)
                        film.repeat()
            summary = film.close()
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
            self.work.reporter.note(f"{source.path}: {summary}")

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
        """Every frame with its faces: tracked from one frame to the next, or found in batches."""
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
    """A tracker for all frames, including those that could not be read."""

    def __init__(self, work: Work, tracking: Tracking, rate: float) -> None:
        self.work = work
        self.path = Path()
        """The path of the current frame: a detector may look its boxes up by it."""
        job = work.job
        self.tracker = Tracker(job.predictor, self._detect, rate, tracking, job.smoothing)

    def follow(self, frame: Frame) -> Marked:
        if frame.image is None:
            self.tracker.skip()
            return _marked_frame(frame, (), ())
        self.path = frame.path
        tracked = self.tracker(frame.image, frame.seconds)
        faces, numbers = [each.face for each in tracked], [each.track for each in tracked]
        return _marked_frame(frame, faces, numbers)

    def _detect(self, image: Image) -> list[Face]:
        [faces] = self.work.found([image], [self.path])
        return faces


def _marked_frame(frame: Frame, faces: Sequence[Face], numbers: Sequence[int]) -> Marked:
    return Marked(frame.path, faces, numbers, frame.index, frame.seconds)


def _opened(source: MediaInput, rate: float) -> FrameSource:
    return (
        VideoFrames(source.path) if source.kind == "video" else SequenceFrames(source.frames, rate)
    )


def _note_of_guess(source: MediaInput) -> str:
    if not source.guessed:
        return ""
    frames = count(len(source.frames), "numbered frame")
    return f"{source.path}: {frames}, taken as a video; --as pictures takes each by itself"
