"""Does the work of `zoo predict`: sources in; drawn copies, points and annotated videos out.

An input that cannot be read or shows no face is noted, and the others are still done. Only a wrong
option (:class:`zoo.api.UsageError`), a full disk or a broken plugin ends the work early. Even then,
the finished part is written, and the outcome says what is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from zoo.reporter import Reporter

from .inputs import MediaInput
from .job import PredictJob, PredictOutcome
from .naming import OutputNames
from .picture_work import PictureWork
from .video_work import VideoWork
from .work import Work
from .writers import open_writer


def run(
    job: PredictJob,
    sources: Sequence[MediaInput],
    reporter: Reporter,
    outcome: PredictOutcome | None = None,
) -> PredictOutcome:
    """Do all the work, pictures first. ``outcome`` is filled as the work goes on, so that the
    caller knows what was done even when the work is interrupted, as by Ctrl-C.

    Raises :class:`UsageError` for an output folder that cannot be written.
    """
    outcome = PredictOutcome() if outcome is None else outcome
    inputs = [path for source in sources for path in (source.path, *source.frames)]
    names = OutputNames(job.out, inputs, overwrite=job.overwrite)
    points = names.take("points", f".{job.form}")
    with open_writer(points, job.form, overwrite=job.overwrite) as writer:
        work = Work(job, writer, names, outcome, reporter)
        pictures = PictureWork(work, [source.path for source in sources if not source.moves])
        videos = VideoWork(work, [source for source in sources if source.moves])
        try:
            if pictures.paths:
                pictures.run()
            videos.run()
        except BaseException:
            outcome.missing = " and ".join([*pictures.missing(), *videos.missing()])
            raise
        finally:
            outcome.points = points if writer.used else None
            if writer.used and names.kept:
                reporter.note(_note_of_existing(names.kept))
    return outcome


def _note_of_existing(files: Sequence[Path]) -> str:
    others = f" and {len(files) - 1} more" if len(files) > 1 else ""
    verb = "were" if others else "was"
    return (
        f"{files[0]}{others} {verb} there before and stay{'' if others else 's'}; new files have "
        "numbers (--overwrite replaces the old ones)"
    )
