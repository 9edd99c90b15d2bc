"""What a network costs, measured the same way for every run on one device.

Only the network is timed: normalisation, backbone and head, from float images (B, 3, S, S) on the
device to points, in inference mode, with the memory format that training and scoring use. Decoding,
cropping and finding the face are not part of it. A network with several passes over a face is timed
with all of them, without the crops between them.

Runs take turns: in each round every network is timed at batch 1 and at a full batch, after a
forward that is not counted, so that a slow moment of the machine affects all of them. Figures are
the median and the quartiles over all rounds.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..api import UsageError, ZooError
from ..device import PRECISIONS, autocast
from ..evaluation.records import save_record
from ..model import LandmarkModel, count_gmacs, count_parameters, rounded
from ..registry import bare_id
from ..reporter import Reporter
from ..runs.environment import device_name
from ..runs.folder import RunFolder
from ..runs.trained import load_trained
from ..world import pick_device

ROUNDS = 10
WARM_UP = 0.3
"""Seconds, and at least three forwards, until caches, clocks and a GPU's kernels are stable."""
TURN = 0.15
"""Seconds of timed forwards in a turn, at least."""
QUEUE = 0.02
"""Seconds of work that a GPU is given between two synchronisations when throughput is timed: one
small batch at a time would time the launching of kernels."""


@dataclass
class Timer:
    """Forwards of one network at one batch size."""

    model: LandmarkModel
    images: torch.Tensor
    precision: str
    least: int
    """Timed samples in a turn, at least."""
    passes: int = 1
    """Forwards that an image takes: one more for each refinement."""
    repeats: int = 1
    """Images, or batches, in a sample."""
    samples: list[float] = field(default_factory=list)
    """Seconds for an image, or for a batch."""
    last: float = 0.0
    """Seconds of the last sample of the warm-up."""

    def warm_up(self) -> None:
        started, count = time.perf_counter(), 0
        while count < 3 or time.perf_counter() - started < WARM_UP:
            self.last = self._sample()
            count += 1
        if self.images.device.type != "cpu" and len(self.images) > 1:
            self.repeats = max(1, math.ceil(QUEUE / max(self.last, 1e-6)))

    @property
    def expected(self) -> float:
        """Seconds that a turn takes."""
        sample = self.last * self.repeats
        return sample + max(TURN, self.least * sample)

    def turn(self) -> None:
        self._sample()  # not counted: the caches hold data of another network
        started, count = time.perf_counter(), 0
        while count < self.least or time.perf_counter() - started < TURN:
            self.samples.append(self._sample())
            count += 1

    def _sample(self) -> float:
        device = self.images.device
        _wait_for(device)
        started = time.perf_counter()
        with (
            torch.inference_mode(),
            autocast(device, self.precision),
        ):
            for _ in range(self.repeats * self.passes):
                self.model(self.images)
        _wait_for(device)
        return (time.perf_counter() - started) / self.repeats


@dataclass(frozen=True)
class TimedNetwork:
    """A network, and the runs that trained it: seeds and folds of one configuration."""

    runs: tuple[RunFolder, ...]
    backbone: str
    input_size: int
    parameters: int
    gmacs: float | None
    single: Timer
    full: Timer


@dataclass(frozen=True)
class BenchResult:
    runs: tuple[RunFolder, ...]
    backbone: str
    parameters: int
    gmacs: float | None
    bench: dict[str, Any]
    """The figures, as records keep them."""

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {
            "runs": [str(run.path) for run in self.runs],
            "backbone": self.backbone,
            "parameters": self.parameters,
            "gmacs": rounded(self.gmacs, 4),
            "bench": self.bench,
        }


def bench(
    paths: Sequence[Path],
    *,
    device: str = "",
    batch_size: int = 32,
    threads: int = 0,
    precision: str = "fp32",
    rounds: int = ROUNDS,
    reporter: Reporter | None = None,
) -> tuple[list[BenchResult], list[ZooError]]:
    """Time the networks of runs and write the figures into their records. Returns also an error for
    each run that could not be timed: an external entry, a run that is not finished, a plugin that
    is gone, a batch that does not fit.

    ``threads`` of the CPU, 0: as many as torch takes. Raises :class:`UsageError` for a device that
    is not there and for numbers that make no sense.
    """
    if batch_size < 2 or rounds < 1 or threads < 0:
        raise UsageError("a full batch has 2 images or more; rounds are 1 or more, threads not < 0")
    if precision not in PRECISIONS:
        raise UsageError(f"precision {precision!r}: expected one of {', '.join(PRECISIONS)}")
    reporter = reporter or Reporter()
    where = pick_device(device)
    with _threads(threads):
        networks, refused = _gather(paths, where, batch_size, precision)
        ready = []
        for network in networks:
            try:
                network.single.warm_up()
                network.full.warm_up()
                ready.append(network)
            except torch.OutOfMemoryError:
                refused.append(_does_not_fit(network, batch_size))
        if ready:
            seconds = rounds * sum(s.single.expected + s.full.expected for s in ready)
            reporter.note(f"networks: {len(ready)}, rounds: {rounds}, about {seconds:.0f} s")
        for _ in range(rounds):
            for network in ready:
                network.single.turn()
                network.full.turn()
        costs = [_cost(network, device_name(where)) for network in ready]
    for cost in costs:
        for run in cost.runs:
            record = run.read_record().raw
            record["cost"]["bench"] = cost.bench
            save_record(record, run.record)
    return costs, refused


def quartiles(samples: Sequence[float]) -> tuple[float, float, float]:
    """First quartile, median and third quartile."""
    low, middle, high = np.percentile(samples, (25, 50, 75))
    return float(low), float(middle), float(high)


def _gather(
    paths: Sequence[Path], device: torch.device, batch_size: int, precision: str
) -> tuple[list[TimedNetwork], list[ZooError]]:
    """Runs of one configuration are one network: it is loaded and timed once."""
    by_config: dict[tuple[str, str], list[RunFolder]] = {}
    refused: list[ZooError] = []
    for path in dict.fromkeys(paths):
        folder = RunFolder(path)
        try:
            folder.read_config()
            record = folder.read_record()
            key = (record.config_hash, str(record.data.scheme))
            by_config.setdefault(key, []).append(folder)
        except ZooError as error:
            refused.append(error)
    networks = []
    for runs in by_config.values():
        try:
            networks.append(_load_network(tuple(runs), device, batch_size, precision))
        except ZooError as error:
            refused.append(error)
    return networks, refused


def _load_network(
    runs: tuple[RunFolder, ...], device: torch.device, batch_size: int, precision: str
) -> TimedNetwork:
    trained = load_trained(runs[0])
    size, passes = trained.header.config.input_size, 1 + trained.header.config.refine
    model = trained.model.to(device)
    parameters, _ = count_parameters(model)
    gmacs = count_gmacs(model, size)
    generator = torch.Generator().manual_seed(0)
    # channels last, as batches of stored pixels are
    images = (
        torch.rand(batch_size, size, size, 3, generator=generator).permute(0, 3, 1, 2).to(device)
    )
    return TimedNetwork(
        runs=runs,
        backbone=bare_id(trained.header.config.backbone),
        input_size=size,
        parameters=parameters,
        gmacs=None if gmacs is None else passes * gmacs,
        single=Timer(model, images[:1], precision, least=3, passes=passes),
        full=Timer(model, images, precision, least=1, passes=passes),
    )


def _cost(network: TimedNetwork, device: str) -> BenchResult:
    batch = len(network.full.images)
    low, middle, high = quartiles(network.single.samples)
    fast, median, slow = quartiles(network.full.samples)
    return BenchResult(
        runs=network.runs,
        backbone=network.backbone,
        parameters=network.parameters,
        gmacs=network.gmacs,
        bench={
            "device": device,
            "threads": torch.get_num_threads(),
            "precision": network.full.precision,
            "input_size": network.input_size,
            "batch": batch,
            "latency_ms": _round(1000 * middle),
            "latency_ms_spread": [_round(1000 * low), _round(1000 * high)],
            "images_per_second": _round(batch / median),
            "images_per_second_spread": [_round(batch / slow), _round(batch / fast)],
        },
    )


def _round(value: float) -> float:
    """Four digits: the machine's own noise is larger."""
    return float(f"{value:.4g}")


def _does_not_fit(network: TimedNetwork, batch_size: int) -> UsageError:
    return UsageError(
        f"{network.runs[0].path}: {batch_size} images of {network.input_size} px do not fit into "
        "the device's memory; time all runs with a smaller --batch-size"
    )


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


@contextlib.contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    if count:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
