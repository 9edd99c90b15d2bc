"""``zoo.train``, ``zoo.train_folds`` and ``zoo.rerun``: the verbs that make runs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

from ..api.notices import warn
from ..config.keys import ConfigKeys
from ..config.recipes import resolve
from ..reporter import Reporter
from ..runs.unlearned import unlearned
from ..training import folds, run
from ..training import rerun as rerunning
from ..training.trackers import tracked


def train(
    backbone: str,
    *,
    recipe: str = "seed",
    sets: Sequence[str] = (),
    out: str | Path = "runs",
    strict: bool = False,
    log_with: str | Sequence[str] | None = None,
    **keys: Unpack[ConfigKeys],
) -> Path:
    """Train one run. Under a protocol with folds, name one (``fold=0``), or train all of them with
    :func:`train_folds`.

    Args:
        backbone: Id of a backbone, such as ``timm:resnet18``.
        recipe: Name of a recipe that the zoo ships, or a TOML file.
        sets: Keys with a dot, as after ``--set``: ``["augment.flip=0.5"]``.
        out: Folder in which the run's folder is made.
        strict: Stop at a row or frame that would otherwise be left out.
        log_with: Id of a tracker that follows the run, such as ``"tensorboard"``, or several.
        **keys: Keys of the recipe, such as ``dataset="synthetic"`` and ``epochs=3``.

    Returns:
        The run's folder, which :func:`zoo.load` takes.

    Raises:
        zoo.api.ZooError: A key, plugin or file is wrong; the message says which.

    Warns:
        zoo.api.ZooWarning: The run has not learned: its error is no better than the mean shape's.

    Example:
        One epoch on a few drawn faces, which is too little for a model that has learned:

        >>> import zoo
        >>> folder = zoo.train(
        ...     "timm:test_resnet",
        ...     dataset="synthetic",
        ...     input_size=64,
        ...     epochs=1,
        ...     sets=["dataset.people=20", "dataset.videos=1", "dataset.frames=2"],
        ... )
        >>> (folder / "record.json").is_file()
        True
    """
    config = resolve(backbone, recipe, sets, keys)
    with tracked(Reporter(), log_with) as reporter:
        return _warn_if_unlearned(run.train(config, Path(out), strict, reporter).path)


def train_folds(
    backbone: str,
    *,
    recipe: str = "seed",
    sets: Sequence[str] = (),
    out: str | Path = "runs",
    strict: bool = False,
    log_with: str | Sequence[str] | None = None,
    **keys: Unpack[ConfigKeys],
) -> list[Path]:
    """Train all folds of a protocol that has some, such as ``protocol="person-5fold"``.

    A fold that finished before in ``out``, with the same configuration, seed and data, is not
    trained again, and one that was interrupted goes on.

    Args:
        backbone: Id of a backbone; this and all that follow are as for :func:`train`.
        recipe: Name of a recipe, or a TOML file.
        sets: Keys with a dot.
        out: Folder in which the runs' folders are made.
        strict: Stop at a row or frame that would otherwise be left out.
        log_with: Id of a tracker, or several.
        **keys: Keys of the recipe.

    Returns:
        The folders of the runs, fold by fold.

    Raises:
        zoo.api.ZooError: A key, plugin or file is wrong; the message says which.

    Example:
        >>> import zoo
        >>> folders = zoo.train_folds(
        ...     "timm:test_resnet",
        ...     dataset="synthetic",
        ...     protocol="person-5fold",
        ...     input_size=64,
        ...     epochs=1,
        ...     sets=["dataset.people=20", "dataset.videos=1", "dataset.frames=1"],
        ... )
        >>> len(folders)
        5
    """
    config = resolve(backbone, recipe, sets, keys)
    with tracked(Reporter(), log_with) as reporter:
        folders = folds.train_folds(config, Path(out), strict, reporter)
        return [_warn_if_unlearned(folder.path) for folder in folders]


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
    """Train what a record.json describes, as ``zoo train --from-record``.

    Args:
        record: The record's file.
        out: Folder in which the run's folder is made.
        data: Folder of the data set, if it is not where the zoo looks for it.
        weights: File of the weights that the run started from.
        pseudo: Folder of the run that labelled its unlabelled frames.
        device: Device: cpu, cuda, cuda:1 or mps. None: the record's.
        seed: Seed of all random numbers. None: the record's.
        strict: Stop at a row or frame that would otherwise be left out.
        most_skipped: Largest share of the frames, from 0 to 1, that may be left out as unusable.
        reporter: Receives notes on what differs from the record, and progress.

    Returns:
        The new run's folder.

    Raises:
        zoo.api.ZooError: The record cannot be trained here; the message says why.

    Example:
        >>> import zoo
        >>> folder = zoo.rerun("runs/my-run/record.json", seed=7)
        >>> folder.name.endswith("-s7")
        True
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
    return _warn_if_unlearned(folder.path)


def _warn_if_unlearned(path: Path) -> Path:
    """The run's folder, after a warning if the run has not learned. Of several processes, the one
    that wrote the record gives the warning."""
    if int(os.environ.get("RANK", "0")) == 0 and (lines := unlearned(path)):
        warn("\n".join(lines))
    return path
