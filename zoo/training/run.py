"""Train a run, go on with one, score one: what the verbs of the command line call."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..api import DataError, UsageError
from ..config import Config
from ..data.batches import derive, make_split
from ..data.passes import Pass, make_views, open_passes
from ..data.source import DataSource, open_source
from ..data.store import Store
from ..evaluation.board.baseline import run_has_learned
from ..evaluation.records.schema import results_from
from ..evaluation.scores.metrics import mean_shape
from ..geometry import FacePlace
from ..model import BuiltModel
from ..registry import bare_id, blaming
from ..reporter import Reporter, RunStarted
from ..runs.environment import environment
from ..runs.folder import RunFolder, new_folder
from ..runs.missing import explain_missing_plugin
from ..runs.own_data import own_source
from ..runs.trained import Header, load_trained
from ..scoring.split import Targets
from ..tensors import load_header
from ..threads import advice
from ..world import World, join_world
from .edited import refuse_edited
from .fit import Job, epoch_plan, fit
from .loss import Criterion, build_loss
from .optim import Schedule, make_optimizer
from .origin import Origin
from .plan import complete
from .pseudo_labels import PseudoLabels, pseudo_label
from .rates import rate_factors
from .record import Facts, keep, score_split, write_record
from .rehearsal import rehearse
from .state import Progress, TrainState
from .transfer import StartRun, build_with_weights, carry_head


def train(
    config: Config,
    out: Path,
    strict: bool = False,
    reporter: Reporter | None = None,
    origin: Origin | None = None,
) -> RunFolder:
    """Train a new run in a folder of its own below ``out``; returns the folder.

    Everything that can be wrong with the configuration is found before the folder is made.
    ``origin``: the record that is run again, where it is one.
    """
    config = complete(config)
    if origin is None:  # a record of before says what it trained on, however little
        config.augment.refuse_narrow_crop(config.input_size)
    with join_world(config.device) as world, ExitStack() as stack:
        parts = _Parts.gather(config, strict, world, reporter or Reporter(), origin)
        with world.first_goes_ahead():
            made = new_folder(out, config).path if world.first else None
            if made is not None:
                stack.enter_context(RunFolder(made).held())
        folder = RunFolder(world.share(made))
        job, state = _set_up(parts, folder)
        _tell_begin(job, state)
        fit(job, state)
        _finish(parts, job, state)
        return folder


def resume(
    path: Path, epochs: int | None = None, strict: bool = False, reporter: Reporter | None = None
) -> RunFolder:
    """Go on with a run from its stored state and configuration; from its first step where it was
    killed before it saved any. A finished run is left as it is.

    Raises :class:`UsageError` for a folder that is no run, and for more ``epochs`` where the
    schedule was laid out for fewer.
    """
    folder = RunFolder(path)
    config = folder.read_config()
    longer = epochs is not None and epochs != config.epochs
    if longer:
        config = _with_epochs(config, epochs or 0, path)
    if folder.state.is_file():
        # states of older zoos do not say what they were trained with
        refuse_edited(folder, load_header(folder.state).get("config"), config)
    with join_world(config.device) as world, ExitStack() as stack:
        with world.first_goes_ahead():
            if world.first:
                stack.enter_context(folder.held())
        with explain_missing_plugin(folder):
            parts = _Parts.gather(config, strict, world, reporter or Reporter())
        job, state = _set_up(parts, folder)
        if folder.state.is_file():
            state.restore(folder.state, world, job.fingerprint)
        if world.first:
            folder.repair(state.progress.history)
        state.unfreeze_when_due(config)
        if state.progress.done(config) and folder.record.is_file():
            parts.reporter.note(_why_finished(state.progress, config, path))
            return folder
        if world.first:
            folder.forget_results()
            folder.write_config(config)
        _tell_begin(job, state)
        fit(job, state)
        _finish(parts, job, state)
        return folder


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
    record = folder.read_record()
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
        keep(record.raw, folder, split, scored, len(store), source.people(store))
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


@dataclass(frozen=True)
class _Parts:
    """A run's ingredients, checked, before anything is written into a run folder."""

    config: Config
    world: World
    reporter: Reporter
    source: DataSource
    built: BuiltModel
    start: StartRun | None
    """The run that the model starts from."""
    criterion: Criterion
    uses_loss: bool
    """Whether the loss of the configuration is trained on, or the head's own alone."""
    pseudo: PseudoLabels
    passes: Sequence[Pass]
    """Over the training split and what a teacher added to it; the first is of whole regions."""
    val: Store
    environment: dict[str, Any]

    @classmethod
    def gather(
        cls,
        config: Config,
        strict: bool,
        world: World,
        reporter: Reporter,
        origin: Origin | None = None,
    ) -> _Parts:
        if config.batch_size < 2 * world.size:
            raise UsageError(
                f"batch_size = {config.batch_size}: {world.size} process(es) need at least "
                f"{2 * world.size}, two images each for batch norm"
            )
        if not world.first:
            reporter = Reporter()  # one process speaks
        with world.first_goes_ahead():
            source = open_source(config, strict, reporter)
            for split in ("train", "val"):  # before anything is built or decoded
                source.measurable_rows(split)
            if origin is not None:
                origin.check_data(source)
            scheme = source.table.scheme
            torch.manual_seed(derive(config.seed, 3))
            built, start = build_with_weights(config, scheme, reporter)
            point_loss = build_loss(config.loss, scheme, config.plugin_options("loss"))
            criterion = Criterion(config.head, config.loss, point_loss)
            uses_loss = _rehearse(built, criterion, config, len(scheme), world, reporter)
            pseudo = pseudo_label(config, source, world.device, reporter)
            passes = open_passes(config, pseudo.source, built.input_size, reporter)
            train = pseudo.labelled(passes[0].store)
            val = source.store("val", config.region, built.input_size, reporter)
            if len(train) < 2 * world.size:
                raise DataError(
                    f"{len(train)} training frame(s) in the train split: {world.size} process(es) "
                    f"need at least {2 * world.size}, two images each for batch norm"
                )
        around = environment(world.device, config.precision, world.size)
        if slow := advice(around["threads"]):
            reporter.note(slow)
        if origin is not None:
            frames = {"train": len(train), "val": len(val)}
            origin.tell(config, around, frames, built.weights, reporter)
        return cls(
            config=config,
            world=world,
            reporter=reporter,
            source=source,
            built=built,
            start=start,
            criterion=criterion,
            uses_loss=uses_loss,
            pseudo=pseudo,
            passes=passes,
            val=val,
            environment=around,
        )


def _rehearse(
    built: BuiltModel,
    criterion: Criterion,
    config: Config,
    points: int,
    world: World,
    reporter: Reporter,
) -> bool:
    """Leave out what no loss reaches; whether the configuration's own has a part in it.

    Raises :class:`UsageError` where it was asked for by name and has none.
    """
    rehearsed = rehearse(
        built.model,
        criterion,
        points,
        built.input_size,
        unfreezes=config.unfreeze_after > 0,
        device=world.device,
        precision=config.precision,
    )
    if rehearsed.idle:
        built.model.leave_out(rehearsed.idle)
        reporter.note(
            f"{len(rehearsed.idle)} parameters are not trained, since {bare_id(config.head)} uses "
            f"nothing that depends on them: {', '.join(rehearsed.idle[:3])}"
            + (", ..." if len(rehearsed.idle) > 3 else "")
        )
    if not rehearsed.uses_loss and (asked := config.asked_for("loss")):
        raise UsageError(
            f"{asked}: head {bare_id(config.head)} trains on a loss of its own and has no use for "
            "another; leave it out, or choose another --head"
        )
    return rehearsed.uses_loss


def _set_up(parts: _Parts, folder: RunFolder) -> tuple[Job, TrainState]:
    config, table, world = parts.config, parts.source.table, parts.world
    train = make_views(parts.passes, parts.pseudo.source.table, world.device)
    whole, labelled = train.whole.split, len(parts.pseudo.labelled(parts.passes[0].store))
    points, visible = (each[:labelled].cpu().numpy() for each in (whole.points, whole.visible))
    header = Header(
        config=config,
        scheme=table.scheme,
        faces=FacePlace.of(points, visible),
        mean_shape=mean_shape(points, visible),
    )
    model = parts.built.model
    start_at = getattr(model.head, "start_at", None)
    if start_at is not None:
        with blaming("head", config.head, "cannot start at the mean shape"):
            start_at(torch.from_numpy(header.mean_shape.astype(np.float32)))
    if parts.start is not None:
        parts.reporter.note(carry_head(parts.start, model.head, table.scheme))
    model.to(world.device)
    job = Job(
        config=config,
        train=train,
        pseudo_labelled=len(train) - labelled,
        val=make_split(parts.val, table, world.device),
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
    of_loss = parts.criterion.parameters() if loss is not None else ()
    factors = rate_factors(model, config, started, parts.reporter)
    optimizer = make_optimizer(model, config, factors, of_loss)
    exact = torch.float32 if world.device.type == "mps" else torch.float64
    state = TrainState(
        model=model,
        average=copy.deepcopy(model).requires_grad_(False) if config.ema else None,
        loss=loss,
        optimizer=optimizer,
        schedule=Schedule(optimizer, config, len(epoch_plan(job, 0))),
        scaler=torch.amp.GradScaler(world.device.type, enabled=config.precision == "fp16"),
        progress=Progress(),
        loss_sum=torch.zeros((), dtype=exact, device=world.device),
    )
    return job, state


def _tell_begin(job: Job, state: TrainState) -> None:
    progress = state.progress
    if job.world.first:
        job.reporter.begin(RunStarted(job.folder.path, job.config, progress.step, progress.history))


def _finish(parts: _Parts, job: Job, state: TrainState) -> None:
    """Score the best weights on the validation split and write the record."""
    world, folder, header = parts.world, job.folder, job.header
    world.share(None)  # the best weights are on disk once rank 0 is here
    best = load_trained(folder).model.to(world.device)
    scored = score_split(best, "val", job.val, job.targets, header, folder, world)
    if world.first:
        stores = {"train": parts.pseudo.labelled(parts.passes[0].store), "val": parts.val}
        facts = Facts(
            config=parts.config,
            source=parts.source,
            built=parts.built,
            frames={name: len(store) for name, store in stores.items()},
            people={name: parts.source.people(store) for name, store in stores.items()},
            progress=state.progress,
            device=world.device,
            environment=parts.environment,
            uses_loss=parts.uses_loss,
            self_training=parts.pseudo.facts,
        )
        write_record(folder, facts, scored, parts.reporter)
