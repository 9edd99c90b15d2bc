"""The command line's verbs for Python: ``zoo.train``, ``zoo.evaluate``, ``zoo.leaderboard``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .config import resolve
from .engine import folds, run
from .engine import rerun as rerunning
from .engine.report import Reporter
from .evaluation.leaderboard import collect, to_frame

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["evaluate", "leaderboard", "rerun", "train", "train_folds"]


def train(
    backbone: str,
    *,
    recipe: str = "seed",
    sets: Sequence[str] = (),
    out: str | Path = "runs",
    strict: bool = False,
    **keys: Any,
) -> Path:
    """Train one run; returns its folder, which :func:`zoo.load` takes. A protocol with folds needs
    one named (``fold=0``): :func:`train_folds` trains them all.

    ``keys`` are those of a recipe (``dataset="synthetic"``, ``epochs=3``); a key with a dot goes
    into ``sets`` (``"augment.flip=0.5"``), as after ``--set``. Raises :class:`zoo.api.ZooError`.
    """
    config = resolve(backbone, recipe, sets, keys)
    return run.train(config, Path(out), strict).path


def train_folds(
    backbone: str,
    *,
    recipe: str = "seed",
    sets: Sequence[str] = (),
    out: str | Path = "runs",
    strict: bool = False,
    **keys: Any,
) -> list[Path]:
    """Train all folds of a protocol that has some (``protocol="person-5fold"``): their folders.

    Takes what :func:`train` takes. A fold that finished before in ``out``, with the same
    configuration, seed and data, is not trained again, and one that was interrupted goes on.
    """
    config = resolve(backbone, recipe, sets, keys)
    return [folder.path for folder in folds.train_folds(config, Path(out), strict)]


def rerun(
    record: str | Path,
    *,
    out: str | Path = "runs",
    data: str | Path | None = None,
    weights: str | Path | None = None,
    device: str | None = None,
    seed: int | None = None,
    strict: bool = False,
    reporter: Reporter | None = None,
) -> Path:
    """Train what a record.json describes, as ``zoo train --from-record``; returns the new folder.

    See :func:`zoo.engine.rerun.rerun`. What differs from the record goes to ``reporter``.
    """
    folder = rerunning.rerun(
        Path(record),
        Path(out),
        data=None if data is None else Path(data),
        weights=None if weights is None else Path(weights),
        device=device,
        seed=seed,
        strict=strict,
        reporter=reporter,
    )
    return folder.path


def evaluate(run_folder: str | Path, split: str = "val", **options: Any) -> dict[str, Any]:
    """Score a run on a split of its own protocol: the record's results of that split, fractions."""
    return run.evaluate(Path(run_folder), split, **options)


def leaderboard(
    *folders: str | Path, split: str = "val", protocol: str | None = None, sort: str = "nme_ioc"
) -> pd.DataFrame:
    """The board of all runs below ``folders`` (default: ``runs``), a row a configuration."""
    groups, _ = collect(list(map(Path, folders or ("runs",))), split, protocol, sort)
    return to_frame(groups)
