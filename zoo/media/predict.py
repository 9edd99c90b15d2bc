"""The work of `zoo predict`: sources in; drawn copies, points and annotated videos out.

What cannot be read or shows no face is noted and the rest is done. Only what the user said wrongly
(:class:`zoo.api.UsageError`), a disk that takes no more, or a plugin that is broken ends the work.
Whatever ends it, what was finished is written, and what is missing is said.
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
    """Do all of it, pictures first. ``outcome`` is filled as the work goes, for who wants to know
    what was done when it is ended, as by Ctrl-C.

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
                reporter.note(_kept(names.kept))
    return outcome


def _kept(there: Sequence[Path]) -> str:
    others = f" and {len(there) - 1} more" if len(there) > 1 else ""
    verb = "were" if others else "was"
    return (
        f"{there[0]}{others} {verb} there before and stay{'' if others else 's'}; new files have "
        "numbers (--overwrite replaces the old ones)"
    )
