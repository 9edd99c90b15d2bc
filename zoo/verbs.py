"""The command line's verbs for Python: ``zoo.train``, ``zoo.evaluate``, ``zoo.leaderboard``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .config import resolve
from .engine import run
from .evaluation.leaderboard import collect, to_frame

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["evaluate", "leaderboard", "train"]


def train(
    backbone: str,
    *,
    recipe: str = "seed",
    sets: Sequence[str] = (),
    out: str | Path = "runs",
    strict: bool = False,
    **keys: Any,
) -> Path:
    """Train a run; returns its folder, which :func:`zoo.load` takes.

    ``keys`` are those of a recipe (``dataset="synthetic"``, ``epochs=3``); a key with a dot goes
    into ``sets`` (``"augment.flip=0.5"``), as after ``--set``. Raises :class:`zoo.api.ZooError`.
    """
    config = resolve(backbone, recipe, sets, keys)
    return run.train(config, Path(out), strict).path


def evaluate(run_folder: str | Path, split: str = "val", **options: Any) -> dict[str, Any]:
    """Score a run on a split of its own protocol: the record's results of that split, fractions."""
    return run.evaluate(Path(run_folder), split, **options)


def leaderboard(
    *folders: str | Path, split: str = "val", protocol: str | None = None, sort: str = "nme_ioc"
) -> pd.DataFrame:
    """The board of all runs below ``folders`` (default: ``runs``), a row a configuration."""
    groups, _ = collect(list(map(Path, folders or ("runs",))), split, protocol, sort)
    return to_frame(groups)
