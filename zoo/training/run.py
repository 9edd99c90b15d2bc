"""Train, resume and score runs: the functions that the verbs of the command line call."""

from __future__ import annotations

import copy
import os
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..api import UsageError
from ..config import Config
from ..data.batches import make_split
from ..data.passes import make_views
from ..evaluation.board.baseline import run_has_learned
from ..evaluation.records.schema import results_from
from ..evaluation.scores.metrics import mean_shape
from ..geometry import FacePlace
from ..registry import blaming, exits_are_faults
from ..reporter import Reporter, RunStarted
from ..runs.folder import WAIT_FOR_RECORD, RunFolder, new_folder, refuse_edited
from ..runs.missing import explain_missing_plugin
from ..runs.own_data import own_source
from ..runs.trained import Header, best_of, load_trained, read_best
from ..scoring.split import Targets
from ..tensors import load_header
from ..world import join_world
from .fit import TrainJob, epoch_plan, fit
from .ingredients import Ingredients
from .optim import Schedule, make_optimizer, rate_factors
from .origin import Origin
from .plan import Plan, make_plan
from .record import Facts, keep, score_split, write_record
from .state import Progress, TrainState
from .transfer import carry_head


@exits_are_faults()
def train(
    config: Config,
    out: Path,
    strict: bool = False,
    reporter: Reporter | None = None,
) -> RunFolder:
    """Train a new run in a folder of its own below ``out``; returns the folder.

    Everything that can be wrong with the configuration is found before the folder is made.
    """
    return train_plan(make_plan(config), out, strict, reporter)


def train_plan(
    plan: Plan,
    out: Path,
    strict: bool = False,
    reporter: Reporter | None = None,
    origin: Origin | None = None,
) -> RunFolder:
    """Train a new run from its plan. ``origin``: the record that is run again, if there is one."""
    config = plan.config
    if origin is None:  # a record is run again with its own crop, however narrow
        config.augment.refuse_narrow_crop(config.input_size)
    with join_world(config.device) as world, ExitStack() as stack:
        ingredients = Ingredients.gather(plan, strict, world, reporter or Reporter(), origin)
        with world.first_goes_ahead():
            made = new_folder(out, config).path if world.first else None
            if made is not None:
                stack.enter_context(RunFolder(made).held())
        folder = RunFolder(world.share(made))
        job, state = prepare(ingredients, folder)
        _fit_and_record(ingredients, job, state)
        return folder


@exits_are_faults()
def resume(
    path: Path, epochs: int | None = None, strict: bool = False, reporter: Reporter | None = None
) -> RunFolder:
    """Go on with a run from its stored state and configuration; from its first step where it was
    killed before it saved any. A finished run is left as it is.

    Raises :class:`UsageError` for a folder that is no run, and for more ``epochs`` where the
    schedule was laid out for fewer, :class:`WeightsError` for best weights that are damaged.
    """
    folder = RunFolder(path)
    config = folder.read_config()
    longer = epochs is not None and epochs != config.epochs
    if longer:
        config = _with_epochs(config, epochs or 0, path)
    if folder.state.is_file():
        # states of older versions do not hold a configuration
        refuse_edited(folder, load_header(folder.state).get("config"), config)
    if os.path.lexists(folder.best) or folder.record.is_file():
        read_best(best_of(folder))  # the best epoch may stay the best: its weights must be sound
    with explain_missing_plugin(folder):
        plan = Plan.of(config)
    with join_world(config.device) as world, ExitStack() as stack:
        with world.first_goes_ahead():
            if world.first:
                stack.enter_context(folder.held())
        ingredients = Ingredients.gather(plan, strict, world, reporter or Reporter())
        job, state = prepare(ingredients, folder)
        if folder.state.is_file():
            state.restore(folder.state, world, job.fingerprint)
        if world.first:
            folder.repair(state.progress.history)
        state.unfreeze_when_due(config)
        if state.progress.done(config) and folder.record.is_file():
            ingredients.reporter.note(_why_finished(state.progress, config, path))
            return folder
        if world.first:
            folder.forget_results()
            folder.write_config(config)
        _fit_and_record(ingredients, job, state)
        return folder


@exits_are_faults()
def evaluate(
    path: Path,
    split: str = "val",
    data: Path | None = None,
    device: str = "",
    strict: bool = False,
    reporter: Reporter | None = None,
) -> dict[str, Any]:
    """Score a finished run on a split of its own protocol; the record keeps the results, and they
    are returned with ``learned``: whether they are better than the baseline.

    Raises :class:`DataError` for data other than the run's, and for a split without frames.
    """
    reporter = reporter or Reporter()
    folder = RunFolder(path)
    trained = load_trained(folder)
    folder.read_record()  # raises for a run that is not finished
    config = folder.read_config()
    refuse_edited(folder, trained.header.config.to_share(), config, but=("epochs",))
    source = own_source(folder, data, strict, reporter)
    with join_world(device or config.device) as world:
        with world.first_goes_ahead():
            store = source.store(split, config.region, config.input_size, reporter)
        model = trained.model.to(world.device)
        scored = score_split(
            model,
            split,
            make_split(store, source.table, world.device),
            Targets.of(store, source.table),
            trained.header,
            folder,
            world,
        )
    if world.first:
        with folder.held(wait=WAIT_FOR_RECORD):  # another process may be writing another split
            record = folder.read_record().raw
            keep(record, folder, split, scored, len(store), source.people(store))
    return scored.results | {"learned": run_has_learned(results_from(scored.results))}


def _why_finished(progress: Progress, config: Config, path: Path) -> str:
    if progress.stalled(config):
        return f"{path}: nothing left to do: early stop ended it after epoch {progress.epoch}"
    more = "" if config.scheduler == "cosine" else "; a larger --epochs trains it further"
    return f"{path}: nothing left to do: all {config.epochs} epochs are done{more}"


def _with_epochs(config: Config, epochs: int, path: Path) -> Config:
    if epochs < config.epochs:
        raise UsageError(f"--epochs {epochs}: {path} was set to {config.epochs}; only more can be")
    if config.scheduler == "cosine":
        raise UsageError(
            f"--epochs {epochs}: the cosine schedule of {path} ends at epoch {config.epochs}; "
            "a longer one is another run"
        )
    return replace(config, epochs=epochs)


def prepare(parts: Ingredients, folder: RunFolder) -> tuple[TrainJob, TrainState]:
    """The job of a run and the state that it starts from."""
    config, table, world = parts.plan.config, parts.source.table, parts.world
    train = make_views(parts.passes, parts.pseudo.source.table, world.device, parts.augmentations)
    full, labelled = train.whole.split, len(parts.labelled)
    points, visible = (each[:labelled].cpu().numpy() for each in (full.points, full.visible))
    header = Header(
        config=config,
        scheme=table.scheme,
        faces=FacePlace.of(points, visible),
        mean_shape=mean_shape(points, visible),
    )
    model = parts.built.model
    start_at = getattr(model.head, "start_at", None)
    if start_at is not None:
        with blaming(parts.plan.head.entry, "cannot start at the mean shape"):
            start_at(torch.from_numpy(header.mean_shape.astype(np.float32)))
    if parts.start is not None:
        parts.reporter.note(carry_head(parts.start, model.head, table.scheme))
    model.to(world.device)
    job = TrainJob(
        config=config,
        train=train,
        pseudo_labelled=len(train) - labelled,
        val=make_split(parts.val, table, world.device, again=True),
        targets=Targets.of(parts.val, table),
        criterion=parts.criterion,
        header=header,
        fingerprint=table.fingerprint,
        folder=folder,
        world=world,
        reporter=parts.reporter,
    )
    started = parts.built.weights != "none"
    loss = parts.criterion.module if parts.uses_loss else None
    if loss is not None:
        loss.to(world.device).train()
        world.align_parameters(loss)
    loss_parameters = parts.criterion.parameters() if loss is not None else ()
    factors = rate_factors(model, config, started, parts.reporter)
    optimizer = make_optimizer(model, config, factors, loss_parameters)
    sum_type = torch.float32 if world.device.type == "mps" else torch.float64
    state = TrainState(
        model=model,
        average=copy.deepcopy(model).requires_grad_(False) if config.ema else None,
        loss=loss,
        optimizer=optimizer,
        schedule=Schedule(optimizer, config, len(epoch_plan(job, 0))),
        scaler=torch.amp.GradScaler(world.device.type, enabled=config.precision == "fp16"),
        progress=Progress(),
        loss_sum=torch.zeros((), dtype=sum_type, device=world.device),
    )
    return job, state


def _fit_and_record(parts: Ingredients, job: TrainJob, state: TrainState) -> None:
    """Train, score the best weights on the validation split and write the record."""
    world, folder, header, progress = job.world, job.folder, job.header, state.progress
    if world.first:
        job.reporter.begin(RunStarted(folder.path, job.config, progress.step, progress.history))
    fit(job, state)
    world.share(None)  # the best weights are on disk once rank 0 is here
    best = load_trained(folder, parts.plan.model).model.to(world.device)
    scored = score_split(best, "val", job.val, job.targets, header, folder, world)
    if world.first:
        stores = {"train": parts.labelled, "val": parts.val}
        facts = Facts(
            plan=parts.plan,
            source=parts.source,
            built=parts.built,
            frames={name: len(store) for name, store in stores.items()},
            people={name: parts.source.people(store) for name, store in stores.items()},
            progress=progress,
            device=world.device,
            environment=parts.environment,
            uses_loss=parts.uses_loss,
            self_training=parts.pseudo.facts,
        )
        write_record(folder, facts, scored, parts.reporter)
