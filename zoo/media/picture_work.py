"""The pictures of a job: each is predicted, its copies are written, and its row last."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from zoo.api import DataError
from zoo.prediction import Faces
from zoo.prediction.face import Image
from zoo.prediction.formats import Marked
from zoo.prediction.picture import batches

from .ahead import ahead, area
from .interrupts import held_back
from .naming import count
from .pictures import copy_suffix, read_picture, write_picture
from .video import Frame
from .work import Result, Work
from .writers import write_pts


@dataclass
class PictureWork:
    """Pictures that are read, predicted in batches and written."""

    work: Work
    paths: Sequence[Path]
    done: int = 0

    def run(self) -> None:
        name = str(self.paths[0]) if len(self.paths) == 1 else count(len(self.paths), "picture")
        self.work.begin(name, len(self.paths))
        with closing(_read_all(self.paths)) as pictures:
            for frames in batches(pictures, self.work.job.batch, area):
                for frame, faces in zip(frames, self.work.results(frames), strict=True):
                    with held_back():
                        note = self._write(frame, faces)
                        self.done += 1
                    if note:
                        self.work.reporter.note(note)
                    self.work.advance(1)

    def missing(self) -> list[str]:
        """The part of the work that was not done."""
        left = len(self.paths) - self.done
        return [f"{left} of {count(len(self.paths), 'picture')}"] if left else []

    def _write(self, frame: Frame, faces: Result) -> str:
        """Write the outputs of a picture, and return a note. The row in the table is written last,
        so that a picture with a row is complete."""
        job, names = self.work.job, self.work.names
        if isinstance(faces, str) or frame.image is None:
            self.work.fail(str(faces))
            return ""
        if not faces:
            self.work.fail(f"{frame.path}: {self._why_none(faces, frame.image)}")
        note = f"{frame.path}: {count(len(faces), 'face')}" if faces else ""
        if job.draw and faces:
            copy = names.take(frame.path.stem, f"-points{copy_suffix(frame.path)}")
            write_picture(copy, job.predictor.draw(frame.image, faces, job.uncertainty))
            note += f", drawn in {copy}"
        if job.pts:
            for number, face in enumerate(faces):
                ending = ".pts" if number == 0 else f"-face{number + 1}.pts"
                write_pts(names.take(frame.path.stem, ending), face.points)
        if job.crops and faces:
            endings = [f"-crop-{number}.png" for number in range(len(faces))]
            for file, face in zip(names.all(frame.path.stem, *endings), faces, strict=True):
                write_picture(file, face.aligned().image)
        self.work.keep(Marked(frame.path, faces, range(len(faces))))
        return note

    def _why_none(self, faces: Faces, image: Image) -> str:
        if not faces.dropped:
            return self.work.no_face(image.shape)
        candidates = count(faces.dropped, "candidate")
        return f"{candidates} found, and no face among them; --min-confidence 0 keeps all"


def _read_all(paths: Sequence[Path]) -> Generator[Frame]:
    frames = (_read(index, path) for index, path in enumerate(paths))
    return ahead(frames) if len(paths) > 1 else frames


def _read(index: int, path: Path) -> Frame:
    try:
        return Frame(index, path, read_picture(path))
    except DataError as error:
        return Frame(index, path, None, str(error))
