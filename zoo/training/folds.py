"""All folds of a protocol, one run after another.

The same command can be given again: a fold that has finished in the same folder with the same
configuration, seed and data is not trained again, and a fold that was interrupted goes on. With
another ``out``, all folds are trained anew.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ..api import ZooError
from ..config import Config
from ..data.source import open_source
from ..evaluation.records import load_record
from ..reporter import Reporter
from ..runs.folder import RunFolder, run_names
from ..world import join_world
from . import run
from .fit import Interrupted
from .plan import Plan


def fold_plans(config: Config) -> list[Plan]:
    """The plans of all folds. It is a single plan if the configuration names a fold, or if the
    protocol has no folds."""
    plan = Plan.of(config)
    folds = plan.protocol.folds
    if config.fold >= 0 or folds == 1:
        return [plan.completed()]
    plans = (replace(plan, config=replace(config, fold=fold)) for fold in range(folds))
    return [each.completed() for each in plans]


def train_folds(
    config: Config, out: Path, strict: bool = False, reporter: Reporter | None = None
) -> Iterator[RunFolder]:
    """Train every fold that is not finished yet; yields each fold's folder once it is.

    The reporter is told which fold runs. If there is a single plan (:func:`fold_plans`), this does
    what :func:`zoo.training.run.train` does, which always trains anew.
    """
    reporter = reporter or Reporter()
    plans = fold_plans(config)
    if len(plans) == 1:
        yield run.train_plan(plans[0], out, strict, reporter)
        return
    with join_world(config.device) as world:
        # one process looks, before any of them makes a folder that another could find
        with world.first_goes_ahead():
            existing = find_existing(plans, out, strict) if world.first else None
        notes = reporter if world.first else Reporter()
        for each, (folder, finished) in zip(plans, world.share(existing), strict=True):
            fold = f"fold {each.config.fold} of 0 to {len(plans) - 1}"
            if finished:
                notes.note(f"{fold}: finished before, in {folder.path}; it is not trained again")
                yield folder
                continue
            notes.note(f"{fold}: goes on in {folder.path}" if folder else f"{fold}: begins")
            try:
                if folder is None:
                    yield run.train_plan(each, out, strict, reporter)
                else:
                    yield run.resume(folder.path, None, strict, reporter)
            except Interrupted as stop:
                raise Interrupted(
                    f"{fold} {stop}, for this fold alone; the same command as before goes on with "
                    "it and then trains the folds that are left"
                ) from stop


def find_existing(
    plans: list[Plan], out: Path, strict: bool
) -> list[tuple[RunFolder | None, bool]]:
    """For each fold: the folder of this run, if there is one, and whether the run has finished."""
    fingerprint = ""
    found: list[tuple[RunFolder | None, bool]] = []
    for plan in plans:
        config = plan.config
        folders = list(_folders(out, config))
        started = [f for f, stored in folders if stored == config and not f.record.is_file()]
        # the place of training makes no difference to the result, but the data do
        finished = [
            f
            for f, stored in folders
            if f.record.is_file() and _without_place(stored) == _without_place(config)
        ]
        if finished and not fingerprint:
            fingerprint = open_source(config, strict, Reporter(), plan.dataset).table.fingerprint
        same_data = [f for f in finished if _fingerprint(f) == fingerprint]
        if same_data:
            found.append((same_data[-1], True))
        else:
            found.append((started[-1] if started else None, False))
    return found


def _folders(out: Path, config: Config) -> Iterator[tuple[RunFolder, Config]]:
    """The existing folders that have a name of this run, with the configurations in them."""
    for name in run_names(config):
        folder = RunFolder(out / name)
        if not folder.path.is_dir():
            return
        with contextlib.suppress(ZooError):  # half written, or somebody's own folder
            yield folder, folder.read_config()


def _without_place(config: Config) -> Config:
    return replace(config, data="", device="", compile=False)


def _fingerprint(folder: RunFolder) -> str | None:
    with contextlib.suppress(ZooError):
        return load_record(folder.record).data.fingerprint
    return None
