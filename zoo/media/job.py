"""The work of `zoo predict`: sources in; drawn copies, points and annotated videos out.

What cannot be read or shows no face is noted and the rest is done. Only what the user said wrongly
(:class:`zoo.api.UsageError`), a disk that takes no more, or a plugin that is broken ends the work.
Whatever ends it, what was finished is written, and what is missing is said.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from zoo.api import DataError
from zoo.prediction import Face, Faces, Finder, Predictor
from zoo.prediction.face import Image
from zoo.prediction.formats import Marked, as_table
from zoo.prediction.picture import batches
from zoo.reporter import Reporter
from zoo.videos import RATE

from .ahead import ahead, area
from .film import Film
from .inputs import MediaInput
from .interrupts import held_back
from .naming import OutputNames, count
from .pictures import copy_suffix, read_picture, write_picture
from .settings import OneEuro, Tracking
from .tracking import Tracker
from .video import Frame, FrameSource, SequenceFrames, VideoFrames
from .writers import Format, Writer, open_writer, write_pts


@dataclass(frozen=True)
class PredictJob:
    """What to do with every source."""

    predictor: Predictor
    finder: Finder
    out: Path
    no_face: str = "no face found"
    """What is said of a picture or video without one."""
    form: Format = "csv"
    pts: bool = False
    crops: bool = False
    """Write an aligned crop of each face."""
    draw: bool = True
    uncertainty: bool = False
    """Draw where each point may be, too."""
    tracking: Tracking | None = field(default_factory=Tracking)
    """None: each frame of a video for itself."""
    smoothing: OneEuro | None = field(default_factory=OneEuro)
    """Smoothing of tracks; None: points as the model gives them."""
    batch: int = 16
    """Pictures, or frames that are not tracked, that go through the model together."""
    min_confidence: float | None = None
    """Confidence below which a box holds no face; None: the model's own default."""
    rate: float = RATE
    """Frames a second of a sequence of pictures, which do not say."""
    overwrite: bool = False
    """Replace what an earlier run wrote, instead of giving new files a number."""
    keep: bool = False
    """Collect what was marked, for who asks for JSON."""


@dataclass
class PredictOutcome:
    """What came of it."""

    faces: int = 0
    dropped: int = 0
    """Boxes that the detector found, and of which the model says that they hold no face."""
    failures: list[str] = field(default_factory=list)
    """One line each: what could not be read, and where no face was found."""
    kept: list[dict[str, Any]] = field(default_factory=list)
    """What JSON says of pictures and frames with faces."""
    points: Path | None = None
    """The file of points, where one was written."""
    missing: str = ""
    """What was not done, where the work ended early."""


def run(
    job: PredictJob,
    sources: Sequence[MediaInput],
    reporter: Reporter,
    outcome: PredictOutcome | None = None,
) -> PredictOutcome:
    """Do all of it, pictures first. ``outcome`` is filled as the work goes, for who wants to know
    what was done when it is ended, as by Ctrl-C.

    Raises :class:`UsageError` for an output folder that cannot be written.
    """
    outcome = PredictOutcome() if outcome is None else outcome
    inputs = [path for source in sources for path in (source.path, *source.frames)]
    names = OutputNames(job.out, inputs, overwrite=job.overwrite)
    points = names.take("points", f".{job.form}")
    pictures = [source.path for source in sources if not source.moves]
    videos = [source for source in sources if source.moves]
    with open_writer(points, job.form, overwrite=job.overwrite) as writer:
        work = _Work(job, writer, names, outcome, reporter, len(pictures), len(videos))
        try:
            if pictures:
                work.pictures(pictures)
            for video in videos:
                work.video(video)
        except BaseException:
            outcome.missing = work.missing(len(pictures), len(videos))
            raise
        finally:
            outcome.points = points if writer.used else None
            if names.kept:
                reporter.note(_kept(names.kept))
    return outcome


def _kept(there: Sequence[Path]) -> str:
    others = f" and {len(there) - 1} more" if len(there) > 1 else ""
    verb = "were" if others else "was"
    return (
        f"{there[0]}{others} {verb} there before and stay{'' if others else 's'}; new files have "
        "numbers (--overwrite replaces the old ones)"
    )


Result = Faces | str
"""The faces of a frame, or why nobody looked for them."""


@dataclass
class _Work:
    job: PredictJob
    writer: Writer
    names: OutputNames
    outcome: PredictOutcome
    reporter: Reporter
    pictures_left: int
    videos_left: int
    """Number of videos that were not begun."""
    film: Film | None = None
    """The video that is worked on."""
    doing: str = ""
    done: int = 0
    total: int = 0
    """Pictures or frames of the source that is worked on; 0: nobody knows."""

    def _begin(self, doing: str, total: int) -> None:
        self.doing, self.done, self.total = doing, 0, total
        self._advance(0)

    def _advance(self, frames: int) -> None:
        self.done += frames
        self.reporter.progress(self.doing, self.done, self.total)

    def missing(self, pictures: int, videos: int) -> str:
        """What was not done, of so many."""
        parts = []
        if self.pictures_left:
            parts.append(f"{self.pictures_left} of {count(pictures, 'picture')}")
        if self.film is not None:
            parts.append(f"what follows frame {self.film.frames} of {self.film.stem}")
        if self.videos_left:
            parts.append(f"{self.videos_left} of {count(videos, 'video')}")
        return " and ".join(parts)

    def pictures(self, paths: Sequence[Path]) -> None:
        """Predict pictures in batches, and write each with a drawn copy."""
        name = str(paths[0]) if len(paths) == 1 else count(len(paths), "picture")
        self._begin(name, len(paths))
        with closing(_read_all(paths)) as each:
            for frames in batches(each, self.job.batch, area):
                for frame, faces in zip(frames, self._marked(frames), strict=True):
                    with held_back():
                        said = self._picture(frame, faces)
                        self.pictures_left -= 1
                    if said:
                        self.reporter.note(said)
                    self._advance(1)

    def _picture(self, frame: Frame, faces: Result) -> str:
        """What is worth saying. Its row comes last: what has one is done."""
        if isinstance(faces, str) or frame.image is None:
            self.outcome.failures.append(str(faces))
            return ""
        if not faces:
            self.outcome.failures.append(f"{frame.path}: {self._why_none(faces, frame.image)}")
        said = f"{frame.path}: {count(len(faces), 'face')}" if faces else ""
        if self.job.draw and faces:
            ending = f"-points{copy_suffix(frame.path)}"
            copy = self.names.take(frame.path.stem, ending)
            drawn = self.job.predictor.draw(frame.image, faces, self.job.uncertainty)
            write_picture(copy, drawn)
            said += f", drawn in {copy}"
        if self.job.pts:
            for number, face in enumerate(faces):
                ending = ".pts" if number == 0 else f"-face{number + 1}.pts"
                write_pts(self.names.take(frame.path.stem, ending), face.points)
        if self.job.crops and faces:
            endings = [f"-crop-{number}.png" for number in range(len(faces))]
            for file, face in zip(self.names.all(frame.path.stem, *endings), faces, strict=True):
                write_picture(file, face.aligned().image)
        self._keep(Marked(frame.path, faces, range(len(faces))))
        return said

    def video(self, source: MediaInput) -> None:
        """Frame by frame, with one annotated copy."""
        self.videos_left -= 1
        try:
            frames = _opened(source, self.job.rate)
        except DataError as error:
            self.outcome.failures.append(str(error))
            return
        for note in (frames.note, _guess(source)):
            if note:
                self.reporter.note(note)
        self._begin(str(source.path), frames.count)
        tracked = self.job.tracking is not None
        scheme = self.job.predictor.scheme
        made = (self.job.draw, self.job.pts, self.job.crops, self.job.uncertainty, tracked)
        self.film = film = Film(source.stem, self.names, scheme, frames.rate, *made)
        try:
            with closing(ahead(iter(frames))) as each:
                for frame, marked in self._frames(each, frames.rate):
                    if frame.image is not None:
                        with held_back():
                            self._keep(marked)
                            film.add(frame.image, marked)
                    else:
                        self.outcome.failures.append(frame.error)
                        film.repeat()
            said = film.close()
        except BaseException:
            self.reporter.note(f"{source.path}: {film.stop()}")
            raise
        finally:
            film.discard()
        self.film = None
        if film.note:
            self.reporter.note(film.note)
        if film.frames and not film.faces:
            where = f" in {count(film.frames, 'frame')}"
            self.outcome.failures.append(f"{source.path}: {self._no_face(film.shape, where)}")
        elif film.frames:
            self.reporter.note(f"{source.path}: {said}")

    def _frames(self, frames: Iterable[Frame], rate: float) -> Iterator[tuple[Frame, Marked]]:
        """Every frame with its faces: followed from one to the next, or in batches."""
        if self.job.tracking is not None:
            follow = self._tracker(self.job.tracking, rate)
            for frame in frames:
                yield frame, follow(frame)
                self._advance(1)
            return
        for batch in batches(frames, self.job.batch, area):
            for frame, faces in zip(batch, self._marked(batch), strict=True):
                if isinstance(faces, str):
                    yield replace(frame, image=None, error=faces), _marked(frame, (), ())
                else:
                    yield frame, _marked(frame, faces, range(len(faces)))
            self._advance(len(batch))

    def _tracker(self, tracking: Tracking, rate: float) -> _Follow:
        predictor = self.job.predictor
        place = [Path()]
        tracker = Tracker(
            predictor,
            lambda image: self._found([image], [place[0]])[0],
            rate,
            tracking,
            self.job.smoothing,
        )
        return _Follow(tracker, place)

    def _marked(self, frames: Sequence[Frame]) -> list[Result]:
        """The faces of each, or why there are none; those of a batch are looked for together."""
        found = iter(self._together([frame for frame in frames if frame.image is not None]))
        return [frame.error if frame.image is None else next(found) for frame in frames]

    def _together(self, frames: Sequence[Frame]) -> Sequence[Result]:
        images = [frame.image for frame in frames if frame.image is not None]
        if not images:
            return []
        paths = [frame.path for frame in frames]
        try:
            return self._found(images, paths)
        except DataError as error:
            if len(frames) == 1:
                return [str(error)]
        # one of them is to blame: the others are done
        return [faces for frame in frames for faces in self._together([frame])]

    def _found(self, images: Sequence[Image], paths: Sequence[Path]) -> list[Faces]:
        least = self.job.min_confidence
        found = self.job.predictor.predict_batch(
            images, self.job.finder, paths=paths, min_confidence=least
        )
        self.outcome.dropped += sum(faces.dropped for faces in found)
        return found

    def _why_none(self, faces: Faces, image: Image) -> str:
        if not faces.dropped:
            return self._no_face(image.shape)
        found = count(faces.dropped, "candidate")
        return f"{found} found, and no face among them; --min-confidence 0 keeps all"

    def _no_face(self, shape: tuple[int, ...], where: str = "") -> str:
        return f"{self.job.no_face}{where}{self.job.finder.advice(*shape[:2])}"

    def _keep(self, marked: Marked) -> None:
        self.writer.write(marked)
        self.outcome.faces += len(marked.faces)
        if self.job.keep and marked.faces:
            self.outcome.kept.append(as_table(marked))


@dataclass
class _Follow:
    """A tracker that is given frames, also those that could not be read."""

    tracker: Tracker
    place: list[Path]
    """Where the frame at hand comes from: a detector may look its boxes up by it."""

    def __call__(self, frame: Frame) -> Marked:
        if frame.image is None:
            self.tracker.skip()
            return _marked(frame, (), ())
        self.place[0] = frame.path
        found = self.tracker(frame.image, frame.seconds)
        return _marked(frame, [each.face for each in found], [each.track for each in found])


def _marked(frame: Frame, faces: Sequence[Face], numbers: Sequence[int]) -> Marked:
    return Marked(frame.path, faces, numbers, frame.index, frame.seconds)


def _opened(source: MediaInput, rate: float) -> FrameSource:
    return (
        VideoFrames(source.path) if source.kind == "video" else SequenceFrames(source.frames, rate)
    )


def _read_all(paths: Sequence[Path]) -> Generator[Frame]:
    frames = (_read(index, path) for index, path in enumerate(paths))
    return ahead(frames) if len(paths) > 1 else frames


def _read(index: int, path: Path) -> Frame:
    try:
        return Frame(index, path, read_picture(path))
    except DataError as error:
        return Frame(index, path, None, str(error))


def _guess(source: MediaInput) -> str:
    if not source.guessed:
        return ""
    frames = count(len(source.frames), "numbered frame")
    return f"{source.path}: {frames}, taken as a video; --as pictures takes each by itself"
