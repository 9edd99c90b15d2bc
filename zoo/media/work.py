"""A job at hand: faces are found in frames and kept as rows, and who waits sees how far it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo.api import DataError
from zoo.prediction import Faces
from zoo.prediction.face import Image
from zoo.prediction.formats import Marked, as_table
from zoo.reporter import Reporter

from .job import PredictJob, PredictOutcome
from .naming import OutputNames
from .video import Frame
from .writers import Writer

Result = Faces | str
"""The faces of a frame, or why nobody looked for them."""


@dataclass
class Work:
    """What pictures and videos need alike."""

    job: PredictJob
    writer: Writer
    names: OutputNames
    outcome: PredictOutcome
    reporter: Reporter
    doing: str = ""
    done: int = 0
    total: int = 0
    """Pictures or frames of the source that is worked on; 0: nobody knows."""

    def begin(self, doing: str, total: int) -> None:
        self.doing, self.done, self.total = doing, 0, total
        self.advance(0)

    def advance(self, frames: int) -> None:
        self.done += frames
        self.reporter.progress(self.doing, self.done, self.total)

    def results(self, frames: Sequence[Frame]) -> list[Result]:
        """The faces of each, or why there are none; those of a batch are looked for together."""
        found = iter(self._together([frame for frame in frames if frame.image is not None]))
        return [frame.error if frame.image is None else next(found) for frame in frames]

    def _together(self, frames: Sequence[Frame]) -> Sequence[Result]:
        images = [frame.image for frame in frames if frame.image is not None]
        if not images:
            return []
        paths = [frame.path for frame in frames]
        try:
            return self.found(images, paths)
        except DataError as error:
            if len(frames) == 1:
                return [str(error)]
        # one of them is to blame: the others are done
        return [faces for frame in frames for faces in self._together([frame])]

    def found(self, images: Sequence[Image], paths: Sequence[Path]) -> list[Faces]:
        """Raises :class:`DataError` where one of the pictures is to blame."""
        least = self.job.min_confidence
        found = self.job.predictor.predict_batch(
            images, self.job.finder, paths=paths, min_confidence=least
        )
        self.outcome.dropped += sum(faces.dropped for faces in found)
        return found

    def keep(self, marked: Marked) -> None:
        self.writer.write(marked)
        self.outcome.faces += len(marked.faces)
        if self.job.keep and marked.faces:
            self.outcome.kept.append(as_table(marked))

    def fail(self, reason: str) -> None:
        self.outcome.failures.append(reason)

    def no_face(self, shape: tuple[int, ...], where: str = "") -> str:
        """What is said of a picture, or of a video, in which no face was found."""
        return f"{self.job.no_face}{where}{self.job.finder.advice(*shape[:2])}"
