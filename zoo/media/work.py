"""The steps that the pictures and the videos of a job share: predict, write, report progress."""

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
"""The faces of a frame, or the reason why it was not predicted."""


@dataclass
class Work:
    """A job that runs: its outputs, its outcome and its progress."""

    job: PredictJob
    writer: Writer
    names: OutputNames
    outcome: PredictOutcome
    reporter: Reporter
    doing: str = ""
    done: int = 0
    total: int = 0
    """Number of pictures or frames of the current source; 0: unknown."""

    def begin(self, doing: str, total: int) -> None:
        self.doing, self.done, self.total = doing, 0, total
        self.advance(0)

    def advance(self, frames: int) -> None:
        self.done += frames
        self.reporter.progress(self.doing, self.done, self.total)

    def results(self, frames: Sequence[Frame]) -> list[Result]:
        """The faces of each frame, predicted in one batch, or the reason why there are none."""
        results = iter(self._predict([frame for frame in frames if frame.image is not None]))
        return [frame.error if frame.image is None else next(results) for frame in frames]

    def _predict(self, frames: Sequence[Frame]) -> Sequence[Result]:
        images = [frame.image for frame in frames if frame.image is not None]
        if not images:
            return []
        paths = [frame.path for frame in frames]
        try:
            return self.found(images, paths)
        except DataError as error:
            if len(frames) == 1:
                return [str(error)]
        # one frame caused the error: each is predicted alone, so that the others succeed
        return [faces for frame in frames for faces in self._predict([frame])]

    def found(self, images: Sequence[Image], paths: Sequence[Path]) -> list[Faces]:
        """The faces of each picture. Raises :class:`DataError` where a picture causes an error."""
        results = self.job.predictor.predict_batch(
            images, self.job.finder, paths=paths, min_confidence=self.job.min_confidence
        )
        self.outcome.dropped += sum(faces.dropped for faces in results)
        return results

    def keep(self, marked: Marked) -> None:
        self.writer.write(marked)
        self.outcome.faces += len(marked.faces)
        if self.job.keep and marked.faces:
            self.outcome.kept.append(as_table(marked))

    def fail(self, reason: str) -> None:
        self.outcome.failures.append(reason)

    def no_face(self, shape: tuple[int, ...], where: str = "") -> str:
        """The message for a picture, or a video, in which no face was found."""
        return f"{self.job.no_face}{where}{self.job.finder.advice(*shape[:2])}"
