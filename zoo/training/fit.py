"""The training loop: one function, read from top to bottom.

All randomness of a step, dropout included, comes from (seed, step, rank), and all state is in
:class:`zoo.training.state.TrainState`: a run that is killed anywhere and resumed ends, on a CPU, in
the bits of a run that was not.
"""

from __future__ import annotations

import contextlib
import math
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import FrameType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..api import ZooError
from ..config import Config
from ..data.batches import Split, derive, epoch_batches
from ..data.views import Order, Shown, Views
from ..device import autocast
from ..reporter import Reporter, Step
from ..runs.folder import RunFolder
from ..runs.trained import Header
from ..scoring.split import Targets, predict_split
from ..tensors import save_tensors
from ..world import World
from .batch_norm import one_batch
from .kernels import compile_parts, fast_kernels
from .loss import Criterion
from .optim import update_average
from .state import TrainState

LOGS_AN_EPOCH = 20
"""How often in an epoch the loss is read from a GPU, which must first finish its queued work."""


_ADVICE = (
    "What was saved last is still sound; in a new run try a lower --lr, --set clip_grad=1 "
    "or --precision fp32"
)


class Interrupted(ZooError):  # noqa: N818 - it is no error: the run stopped where it was asked to
    """A run stopped by a signal, its state saved."""

    exit_status = 130  # as shells report what Ctrl-C ended


@dataclass(frozen=True)
class TrainJob:
    """What :func:`fit` works with and does not change."""

    config: Config
    train: Views
    pseudo_labelled: int
    """Number of frames at the end of ``train`` that a teacher labelled."""
    val: Split
    targets: Targets
    """Labels of the validation split."""
    criterion: Criterion
    header: Header
    """Stored with the best weights: all that a prediction needs besides them."""
    fingerprint: str
    """Fingerprint of the data: a saved state continues with the same data only."""
    folder: RunFolder
    world: World
    reporter: Reporter

    @property
    def labelled(self) -> int:
        return len(self.train) - self.pseudo_labelled

    @property
    def drawn(self) -> int:
        """Number of frames with a teacher's labels that an epoch sees."""
        return round(self.config.pseudo_weight * self.pseudo_labelled)

    @property
    def frames(self) -> int:
        """Number of frames that an epoch sees."""
        return self.labelled + self.drawn


def epoch_plan(job: TrainJob, epoch: int) -> list[list[NDArray[np.int64]]]:
    """The steps of an epoch (from 0), each a list of batches whose gradients are summed.

    Each epoch draws another share of the frames that a teacher labelled. So on average, each of
    them weighs this share of what a labelled frame weighs.
    """
    config, batches_a_step = job.config, job.config.accumulate
    smallest = 2 * job.world.size
    batches = epoch_batches(job.frames, config.batch_size, config.seed, epoch, smallest)
    if job.drawn:
        pseudo = np.arange(job.labelled, len(job.train))
        drawn = np.random.default_rng(derive(config.seed, 4, epoch)).permutation(pseudo)
        rows = np.concatenate((np.arange(job.labelled), drawn[: job.drawn]))
        batches = [rows[batch] for batch in batches]
    return [batches[i : i + batches_a_step] for i in range(0, len(batches), batches_a_step)]


def fit(job: TrainJob, state: TrainState) -> None:
    """Train from ``state`` until the configuration's epochs are done.

    Raises :class:`Interrupted` after a signal, once the state is saved, and :class:`ZooError` with
    the frames' ids when a loss is not finite.
    """
    config, progress, device = job.config, state.progress, job.val.device
    if config.compile:
        compile_parts(state.model.train(), config, job.world, job.reporter)
    forward = _parallel(state.model, job.world)
    bad_step = torch.full((), -1, dtype=torch.int64, device=device)
    with _stop_signals() as stopped, fast_kernels(device):
        while not progress.done(config):
            steps = epoch_plan(job, progress.epoch)
            interval = 1 if device.type == "cpu" else math.ceil(len(steps) / LOGS_AN_EPOCH)
            if state.unfreeze_when_due(config):
                job.reporter.note(f"epoch {progress.epoch + 1}: the backbone is trained from here")
                forward = _parallel(state.model, job.world)
            state.model.train()
            clock = _Clock(progress.images)
            remaining = steps[progress.batch :]
            shown_batches = job.train.show(_orders(job, remaining, progress.step))
            for batches in remaining:
                state.schedule.before_step(progress.step)
                total = sum(map(len, batches))
                for k in range(len(batches)):
                    last = k == len(batches) - 1
                    with contextlib.nullcontext() if last else _no_sync(forward):
                        loss = _backward(job, state, forward, next(shown_batches), total, k)
                    state.loss_sum += loss.detach() * total
                    bad_step = torch.where(
                        (bad_step < 0) & ~loss.isfinite(), progress.step, bad_step
                    )
                job.world.average_gradients(state.loss_parameters)
                _update(state, config)
                if state.loss is not None:
                    job.world.align_buffers(state.loss)
                progress.step += 1
                progress.batch += 1
                progress.images += total
                if progress.batch % interval == 0 or progress.batch == len(steps):
                    _check_finite(bad_step, job, progress.epoch, len(steps))
                    _log(job, state, clock, steps)
                    if job.world.any(stopped()) and progress.batch < len(steps):
                        progress.seconds += clock.seconds
                        _save_and_stop(job, state)
            progress.seconds += clock.seconds
            _finish_epoch(job, state, clock)
            if job.world.any(stopped()) and not progress.done(config):
                _save_and_stop(job, state)


def _orders(
    job: TrainJob, steps: Sequence[Sequence[NDArray[np.int64]]], first: int
) -> Iterator[Order]:
    """This process's order for each batch of the steps; ``first`` is the first step's number."""
    mine = slice(job.world.rank, None, job.world.size)
    for step, batches in enumerate(steps, first):
        for micro, rows in enumerate(batches):
            yield Order(rows, derive(job.config.seed, 1, step, micro), mine)


def _backward(
    job: TrainJob,
    state: TrainState,
    forward: nn.Module,
    frames: Shown,
    total: int,
    micro: int,
) -> Tensor:
    """One batch's share of a step: forward, loss, backward. Returns that share of the loss."""
    config, world, step = job.config, job.world, state.progress.step
    images, points, visible, occluded = frames
    torch.manual_seed(derive(config.seed, 2, step, micro, world.rank))  # dropout
    with autocast(images.device, config.precision), one_batch(world):
        output = forward(images)
    loss = job.criterion(state.model.head, output, points, visible, occluded)
    # DDP averages gradients over processes; weights make that the mean over the step's frames
    share = loss * (len(points) / total)
    state.scaler.scale(share * world.size).backward()  # type: ignore[no-untyped-call]
    return share


def _update(state: TrainState, config: Config) -> None:
    if config.clip_grad:
        state.scaler.unscale_(state.optimizer)
        parameters = (*state.model.parameters(), *state.loss_parameters)
        torch.nn.utils.clip_grad_norm_(parameters, config.clip_grad)
    state.scaler.step(state.optimizer)
    state.scaler.update()
    state.optimizer.zero_grad(set_to_none=True)
    if state.average is not None:
        update_average(state.average, state.model, config.ema, state.progress.step)


def _finish_epoch(job: TrainJob, state: TrainState, clock: _Clock) -> None:
    """Validate, keep the best weights, and write the state and the history."""
    config, progress, world = job.config, state.progress, job.world
    seconds, speed = clock.seconds, clock.speed(progress.images)
    started = time.perf_counter()
    world.align_buffers(state.evaluated)
    unit = predict_split(state.evaluated, job.val, config, world, job.header.upright).points
    if not np.isfinite(unit).all():
        raise ZooError(
            f"the model's predictions are not finite after epoch {progress.epoch + 1}. {_ADVICE}"
        )
    val_nme, val_loss = job.targets.quick_scores(unit)
    rate = state.schedule.rate
    progress.epoch += 1
    progress.batch = 0
    state.schedule.after_epoch(progress.epoch, val_loss)
    better = progress.best is None or val_nme < progress.best
    if better:
        progress.best, progress.best_epoch = val_nme, progress.epoch
    row = {
        "epoch": progress.epoch,
        "step": progress.step,
        "lr": rate,
        "train_loss": float(world.total(state.loss_sum)) / job.frames,
        "val_loss": val_loss,
        "val_nme": val_nme,
        "seconds": round(seconds, 3),
        "val_seconds": round(time.perf_counter() - started, 3),
        "images_per_second": round(speed, 2),
    }
    progress.history.append(row)
    state.loss_sum.zero_()
    if world.first:
        # in this order: a run killed between two of these repeats the epoch from the old state
        if better:
            save_tensors(job.folder.best, state.evaluated.state_dict(), job.header.to_dict())
        state.save(job.folder.state, config, world.size, job.fingerprint)
        job.folder.write_history(progress.history)
        job.reporter.epoch(row)
        if progress.stalled(config) and progress.epoch < config.epochs:
            job.reporter.note(
                f"early stop: no better validation NME in {config.early_stop} epochs, "
                f"best was epoch {progress.best_epoch}"
            )


def _save_and_stop(job: TrainJob, state: TrainState) -> None:
    # the sums of all processes are added up again after a resume, so rank 0 alone keeps the total
    total = job.world.total(state.loss_sum)
    state.loss_sum.copy_(total if job.world.first else torch.zeros_like(total))
    if job.world.first:
        state.save(job.folder.state, job.config, job.world.size, job.fingerprint)
    progress = state.progress
    raise Interrupted(
        f"stopped in epoch {progress.epoch + 1} after step {progress.step}; everything is saved. "
        f"Go on with: zoo train --resume {job.folder.path}"
    )


def _check_finite(bad_step: Tensor, job: TrainJob, epoch: int, steps: int) -> None:
    bad = max(job.world.gather(int(bad_step)))
    if bad >= 0:
        batches = epoch_plan(job, epoch)[bad % steps]
        ids = [job.train.whole.split.ids[row] for rows in batches for row in rows]
        raise ZooError(
            f"the loss was not finite at step {bad + 1} (epoch {epoch + 1}); its frames: "
            f"{', '.join(ids[:8])}{' ...' if len(ids) > 8 else ''}. {_ADVICE}"
        )


def _log(
    job: TrainJob, state: TrainState, clock: _Clock, steps: list[list[NDArray[np.int64]]]
) -> None:
    config, progress = job.config, state.progress
    loss_sum = job.world.total(state.loss_sum)
    if not job.world.first:
        return
    images_seen = sum(len(rows) for batches in steps[: progress.batch] for rows in batches)
    speed = clock.speed(progress.images)
    left = job.frames * (config.epochs - progress.epoch) - images_seen
    job.reporter.step(
        Step(
            epoch=progress.epoch + 1,
            epochs=config.epochs,
            step=progress.batch,
            steps=len(steps),
            loss=float(loss_sum) / images_seen,
            images_per_second=speed,
            seconds_left=left / speed if speed else math.inf,
            val_nme=progress.history[-1]["val_nme"] if progress.history else None,
        )
    )


class _Clock:
    """Seconds since it was made, and images a second since then."""

    def __init__(self, images: int) -> None:
        self._started, self._images = time.perf_counter(), images

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._started

    def speed(self, images: int) -> float:
        return (images - self._images) / max(self.seconds, 1e-9)


def _parallel(model: nn.Module, world: World) -> nn.Module:
    if world.size == 1:
        return model
    ids = [world.device.index] if world.device.type == "cuda" else None
    return nn.parallel.DistributedDataParallel(model, device_ids=ids)


def _no_sync(forward: nn.Module) -> contextlib.AbstractContextManager[None]:
    if isinstance(forward, nn.parallel.DistributedDataParallel):
        return forward.no_sync()
    return contextlib.nullcontext()


@contextlib.contextmanager
def _stop_signals() -> Iterator[Callable[[], bool]]:
    """The first SIGINT or SIGTERM asks the loop to stop; a second SIGINT stops it at once."""
    caught: list[int] = []

    def catch(number: int, frame: FrameType | None) -> None:
        if caught and number == signal.SIGINT:
            raise KeyboardInterrupt
        caught.append(number)

    try:
        before = {s: signal.signal(s, catch) for s in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread, where Python serves no signals
        before = {}
    try:
        yield lambda: bool(caught)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
