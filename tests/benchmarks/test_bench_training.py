"""Images per second of the training loop, compared with the bare network and the seed's way.

Run with `make bench`. The speed of a machine changes from minute to minute. Therefore the
contenders take turns in one run, in a new order each turn, and are compared turn by turn. Nothing
is asserted about time. Plain `pytest` takes one tiny turn, to check that the benchmark works.

- the bare step: forward, backward and optimiser on one fixed batch that is already loaded;
- the training loop: `fit` itself on the decoded store, from its first step to the report of the
  last one: shuffling, augmentation, the seeds of every step, loss, progress. The work at the end of
  an epoch (validation, best weights, state) has a separate line, for an epoch of the real size;
- the seed's way: every image is decoded from a PNG file, resized and transformed by torchvision in
  a DataLoader, then the bare step. Its clock starts after the first batch, when the workers run;
- the data path alone: frames from the store, augmented, and no network.
"""

from __future__ import annotations

import copy
import random
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from seed_way import LabelledFile, SeedFaces, SeedLoader, seed_loader, write_files
from torch import Tensor

from zoo.config.recipes import resolve
from zoo.data.batches import Split
from zoo.data.views import Order, Views
from zoo.device import autocast
from zoo.model import LandmarkModel
from zoo.reporter import Reporter, Step
from zoo.runs.folder import new_folder
from zoo.training.fit import TrainJob, fit
from zoo.training.ingredients import Ingredients
from zoo.training.optim import make_optimizer
from zoo.training.plan import make_plan
from zoo.training.run import prepare
from zoo.training.state import Progress, TrainState
from zoo.world import join_world

TURNS = 5
REAL_TRAIN, REAL_VAL = 3142, 428
"""Frames of an epoch on the real faces, over which the end of an epoch is spread."""

BARE, LOOP, EPOCH = "bare step", "training loop", "loop with its epoch's end"
DATA, VALIDATION, SEED = "data path alone", "validation", "seed's way, {} workers"
SLOW_STEPS = 8
"""The most steps in a turn of the seed's way: on a GPU, an epoch of it would take minutes."""


@dataclass(frozen=True)
class Case:
    backbone: str
    size: int
    cpu_steps: int
    """Steps of a turn on a CPU: a few seconds. On a GPU, a turn is an epoch of the real size."""


CASES = {
    "custom_cnn": Case("custom_cnn", 224, 4),
    "mobilenetv3_small": Case("timm:mobilenetv3_small_100", 112, 24),
}


@pytest.mark.timeout(3600)
@pytest.mark.benchmark(group="one turn of all contenders")
@pytest.mark.parametrize("name", CASES)
def test_bench_training(
    name: str,
    benchmark: BenchmarkFixture,
    say: Callable[[str], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "home"))
    case, full = CASES[name], not benchmark.disabled
    steps = (98 if torch.cuda.is_available() else case.cpu_steps) if full else 2
    with contest(case, 32 if full else 4, steps, tmp_path) as running:
        benchmark.pedantic(running.turn, rounds=TURNS, warmup_rounds=1)
        row = running.clock.row
        assert (row["epoch"], row["step"]) == (1, steps)
        assert np.isfinite(row["train_loss"])
        assert all(rate > 0 for rates in running.rates.values() for rate in rates)
        if full:
            benchmark.extra_info.update(running.summary())
            for line in running.report():
                say(line)


@contextmanager
def contest(case: Case, batch_size: int, steps: int, folder: Path) -> Iterator[Contest]:
    """Set up a run as `zoo train` does, on drawn faces for ``steps`` steps an epoch."""
    frames = batch_size * steps
    flags = {
        "dataset": "synthetic",
        "dataset.people": 3 * frames // 2 + 20,  # three quarters of them train
        "dataset.videos": 1,
        "dataset.frames": 1,
        "input_size": case.size,
        "augment.resize": case.size + 1,
        "batch_size": batch_size,
        "epochs": 1,
        "precision": "bf16" if torch.cuda.is_available() else "fp32",
    }
    plan = make_plan(resolve(case.backbone, flags=flags))
    clock = EpochClock()
    with join_world(plan.config.device) as world:
        parts = Ingredients.gather(plan, strict=True, world=world, reporter=clock)
        job, state = prepare(parts, new_folder(folder / "runs", plan.config))
        whole = job.train.whole
        job = replace(job, train=Views(replace(whole, split=first(whole.split, frames))))
        rows = parts.passes[0].store.rows[:frames]
        files = write_files(parts.source.table, rows, folder / "frames")
        yield Contest(job, state, clock, files, steps)


def first(split: Split, count: int) -> Split:
    assert len(split) >= count
    return replace(
        split,
        images=split.images[:count],
        points=split.points[:count],
        visible=split.visible[:count],
        ids=split.ids[:count],
    )


class EpochClock(Reporter):
    """Stores the time when the last step of an epoch is reported."""

    last_step: float
    row: Mapping[str, Any]

    def step(self, step: Step) -> None:
        if step.step == step.steps:
            self.last_step = time.perf_counter()

    def epoch(self, row: Mapping[str, Any]) -> None:
        self.row = row


@dataclass
class Contest:
    """The contenders, and their speeds in each turn."""

    job: TrainJob
    state: TrainState
    clock: EpochClock
    files: list[LabelledFile]
    steps: int
    rates: dict[str, list[float]] = field(default_factory=dict)
    """Images per second by contender, one value for each turn. The first turn is a warm-up."""
    saving: list[float] = field(default_factory=list)
    """Seconds of the end of an epoch, without validation, one value for each turn."""

    def __post_init__(self) -> None:
        job, size = self.job, self.job.config.batch_size
        self.order = random.Random(0)
        self.rows = np.arange(len(job.train)).reshape(self.steps, size)
        self.batch = next(job.train.show([Order(self.rows[0], 0)]))[:3]
        self.contenders: dict[str, Callable[[], float]] = {
            BARE: partial(self.bare, Student(job, self.state.model)),
            LOOP: self.loop,
            DATA: self.data_path,
        }
        augment = job.train.whole.augment
        faces = SeedFaces(self.files, augment.stored, augment.size)
        for workers in (0, 2):
            images = size * (min(self.steps, SLOW_STEPS) + 1)
            loader = seed_loader(faces, size, images, workers, pin=job.val.device.type == "cuda")
            student = Student(job, self.state.model)
            self.contenders[SEED.format(workers)] = partial(self.seed_way, student, loader)

    def turn(self) -> None:
        for name in self.order.sample(sorted(self.contenders), len(self.contenders)):
            synchronise(self.job)
            self.rates.setdefault(name, []).append(self.contenders[name]())

    def bare(self, student: Student) -> float:
        started = time.perf_counter()
        for _ in self.rows:
            student.step(*self.batch)
        synchronise(self.job)
        return self.rows.size / (time.perf_counter() - started)

    def loop(self) -> float:
        self.state.progress = Progress()
        started = time.perf_counter()
        fit(self.job, self.state)
        ended, validation = time.perf_counter(), self.clock.row["val_seconds"]
        self.rates.setdefault(VALIDATION, []).append(len(self.job.val) / validation)
        self.saving.append(ended - self.clock.last_step - validation)
        return self.rows.size / (self.clock.last_step - started)

    def data_path(self) -> float:
        started = time.perf_counter()
        for _ in self.job.train.show(Order(rows, step) for step, rows in enumerate(self.rows)):
            pass
        synchronise(self.job)
        return self.rows.size / (time.perf_counter() - started)

    def seed_way(self, student: Student, loader: SeedLoader) -> float:
        device, count = self.job.val.device, 0
        for batch in loader:
            images, points = (tensor.to(device, non_blocking=True) for tensor in batch)
            student.step(images, points, torch.ones_like(points[..., 0], dtype=torch.bool))
            if not count:
                synchronise(self.job)
                started = time.perf_counter()
            count += len(images)
        synchronise(self.job)
        return (count - self.job.config.batch_size) / (time.perf_counter() - started)

    def ratios(self, name: str) -> list[float]:
        """Speeds relative to the bare step of the same turn."""
        return [a / b for a, b in zip(self.rates[name], self.rates[BARE], strict=True)]

    def whole_epoch(self) -> list[float]:
        """Images per second of the loop, including the end of an epoch of the real size."""
        turns = zip(self.rates[LOOP], self.rates[VALIDATION], self.saving, strict=True)
        seconds = [REAL_TRAIN / loop + REAL_VAL / val + saving for loop, val, saving in turns]
        return [REAL_TRAIN / s for s in seconds]

    def summary(self) -> dict[str, float]:
        """The figures for the JSON of pytest-benchmark."""
        rates = {name: statistics.median(values[1:]) for name, values in self.rates.items()}
        return {f"{name}, images/s": rate for name, rate in rates.items()} | {
            "training loop / bare step": statistics.median(self.ratios(LOOP)[1:])
        }

    def report(self) -> list[str]:
        config, device = self.job.config, self.job.val.device
        threads = f"{device.type}, {torch.get_num_threads()} threads"
        lines = [
            f"{config.backbone.rpartition('/')[2]} at {config.input_size} px, batches of "
            f"{config.batch_size}, {config.precision}, "
            f"{torch.cuda.get_device_name(device) if device.type == 'cuda' else threads}: "
            f"{TURNS} turns of {self.steps} steps, medians (lowest to highest)"
        ]
        self.rates[EPOCH] = self.whole_epoch()
        for name in (BARE, LOOP, EPOCH, *(SEED.format(n) for n in (0, 2)), DATA, VALIDATION):
            rate, ratio = spread(self.rates[name], "{:.1f}"), spread(self.ratios(name), "{:.2f}")
            lines.append(f"  {name:26} {rate:>28} images/s {ratio:>22} of the bare step")
        saving = statistics.median(self.saving[1:])
        lines.append(
            f"  whole epoch: {REAL_TRAIN} frames, {REAL_VAL} to validate, {saving:.2f} s to save"
        )
        return lines


class Student:
    """A copy of the model with the minimal training step."""

    def __init__(self, job: TrainJob, model: LandmarkModel) -> None:
        self.job, self.model = job, copy.deepcopy(model)
        self.optimizer = make_optimizer(self.model, job.config)

    def step(self, images: Tensor, points: Tensor, visible: Tensor) -> None:
        precision = self.job.config.precision
        with autocast(images.device, precision):
            output = self.model(images)
        loss = self.job.criterion(self.model.head, output, points, visible)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)


def synchronise(job: TrainJob) -> None:
    """Wait until the device has finished its work."""
    if job.val.device.type != "cpu":
        torch.accelerator.synchronize(job.val.device)


def spread(values: list[float], form: str) -> str:
    """Median, lowest and highest value, without the first turn."""
    low, middle, high = (form.format(f(values[1:])) for f in (min, statistics.median, max))
    return f"{middle} ({low} to {high})"
