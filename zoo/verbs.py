"""The command line's verbs for Python: ``zoo.train``, ``zoo.evaluate``, ``zoo.leaderboard``."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .api import ZooWarning
from .config.recipes import resolve
from .evaluation.board import compare as comparing
from .evaluation.board.compare import Comparison
from .evaluation.board.contestants import find_contestant
from .evaluation.board.leaderboard import collect
from .evaluation.board.render import to_frame
from .reporter import Reporter
from .runs.unlearned import unlearned
from .scoring import bench as benching
from .scoring import imported as external
from .training import folds, run
from .training import rerun as rerunning
from .training.trackers import tracked

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "bench",
    "compare",
    "evaluate",
    "import_points",
    "leaderboard",
    "rerun",
    "train",
    "train_folds",
]


def train(
    backbone: str,
    *,
    recipe: str = "seed",
    sets: Sequence[str] = (),
    out: str | Path = "runs",
    strict: bool = False,
    log_with: str | None = None,
    **keys: Any,
) -> Path:
    """Train one run; returns its folder, which :func:`zoo.load` takes. A protocol with folds needs
    one named (``fold=0``): :func:`train_folds` trains them all.

    ``keys`` are those of a recipe (``dataset="synthetic"``, ``epochs=3``); a key with a dot goes
    into ``sets`` (``"augment.flip=0.5"``), as after ``--set``. ``log_with="tensorboard"`` writes
    its event files too. A run that has not learned (its error is no better than the mean shape's)
    gives a :class:`zoo.api.ZooWarning` that says what to try. Raises :class:`zoo.api.ZooError`.
    """
    config = resolve(backbone, recipe, sets, keys)
    with tracked(Reporter(), log_with) as reporter:
        return _told(run.train(config, Path(out), strict, reporter).path)


def train_folds(
    backbone: str,
    *,
    recipe: str = "seed",
    sets: Sequence[str] = (),
    out: str | Path = "runs",
    strict: bool = False,
    log_with: str | None = None,
    **keys: Any,
) -> list[Path]:
    """Train all folds of a protocol that has some (``protocol="person-5fold"``): their folders.

    Takes what :func:`train` takes. A fold that finished before in ``out``, with the same
    configuration, seed and data, is not trained again, and one that was interrupted goes on.
    """
    config = resolve(backbone, recipe, sets, keys)
    with tracked(Reporter(), log_with) as reporter:
        folders = folds.train_folds(config, Path(out), strict, reporter)
        return [_told(folder.path) for folder in folders]


def rerun(
    record: str | Path,
    *,
    out: str | Path = "runs",
    data: str | Path | None = None,
    weights: str | Path | None = None,
    pseudo: str | Path | None = None,
    device: str | None = None,
    seed: int | None = None,
    strict: bool = False,
    most_skipped: float | None = None,
    reporter: Reporter | None = None,
) -> Path:
    """Train what a record.json describes, as ``zoo train --from-record``; returns the new folder.

    See :func:`zoo.training.rerun.rerun`. What differs from the record goes to ``reporter``.
    """
    folder = rerunning.rerun(
        Path(record),
        Path(out),
        data=None if data is None else Path(data),
        weights=None if weights is None else Path(weights),
        pseudo=None if pseudo is None else Path(pseudo),
        device=device,
        seed=seed,
        strict=strict,
        most_skipped=most_skipped,
        reporter=reporter,
    )
    return _told(folder.path)


def import_points(
    name: str,
    file: str | Path,
    *,
    dataset: str,
    out: str | Path = "runs",
    version: str = "",
    reference: str = "",
    license: str = "",
    **options: Any,
) -> list[Path]:
    """Another program's points as a row of the board, as ``zoo import``; returns the run folders:
    one, or one a fold.

    ``options``: ``data``, ``protocol``, ``split``, ``region``, ``pixel_corner``, ``strict``,
    ``most_skipped``, and as ``options`` those of the data set; see
    :func:`zoo.scoring.imported.import_points`.
    """
    entry = external.ExternalProgram(name, version, reference, license)
    folders = external.import_points(entry, Path(file), Path(out), dataset=dataset, **options)
    return [folder.path for folder in folders]


def bench(*runs: str | Path, **options: Any) -> list[dict[str, Any]]:
    """What the networks of runs cost, as ``zoo bench --json`` says it; their records keep it.

    ``options``: ``device``, ``batch_size``, ``threads``, ``precision``, ``rounds``. Raises
    :class:`zoo.api.ZooError` for a run that cannot be timed, once the others are.
    """
    costs, refused = benching.bench([Path(run) for run in runs], **options)
    if refused:
        raise refused[0]
    return [cost.to_dict() for cost in costs]


def evaluate(run_folder: str | Path, split: str = "val", **options: Any) -> dict[str, Any]:
    """Score a run on a split of its own protocol: the record's results of that split, fractions."""
    return run.evaluate(Path(run_folder), split, **options)


def compare(run_a: str | Path, run_b: str | Path, split: str = "val") -> Comparison:
    """Whether one run is better than another, by a paired bootstrap over people.

    Each is a run folder, a record file, or a folder or pattern of several seeds of a configuration.
    ``zoo.evaluation.board.compare.sentence`` says the result in words.
    """
    a, b = (find_contestant(str(run), split) for run in (run_a, run_b))
    return comparing.compare(a, b, split)


def leaderboard(
    *folders: str | Path, split: str = "val", protocol: str | None = None, sort: str = "nme_ioc"
) -> pd.DataFrame:
    """The board of all runs below ``folders`` (default: ``runs``), a row a configuration."""
    groups, _ = collect(list(map(Path, folders or ("runs",))), split, protocol, sort)
    return to_frame(groups)


def _told(path: Path) -> Path:
    """The run's folder, once a warning is given where it has not learned; of several processes by
    the one that wrote the record."""
    if int(os.environ.get("RANK", "0")) == 0 and (lines := unlearned(path)):
        warnings.warn("\n".join(lines), ZooWarning, stacklevel=3)
    return path
