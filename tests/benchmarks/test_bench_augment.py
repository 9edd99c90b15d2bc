"""The cost of the augmentation of recipe ``strong``, with and without its parts: 112 px, batches of
32, one thread.

    pytest tests/benchmarks/test_bench_augment.py --benchmark-enable

The contenders take turns on the same batches, in a rotating order. They are timed in CPU seconds,
which do not count other work on the machine. The output shows medians over the turns. The pictures
are noise, because the cost does not depend on their content.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from zoo.api import IBUG68
from zoo.config import Augment
from zoo.config.recipes import resolve
from zoo.data.augment import Augmenter, draw

BATCH, SIZE, TURNS = 32, 112, 200
STRONG = resolve("any", "strong").augment
CONTENDERS: Mapping[str, Mapping[str, Any]] = {
    "whole": {},
    "without JPEG": {"jpeg": 0.0},
    "without low resolution": {"low_res": 0.0},
    "without either": {"jpeg": 0.0, "low_res": 0.0},
    "without either and blur": {"jpeg": 0.0, "low_res": 0.0, "blur": 0.0},
}


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Turns:
    """The seconds per batch of each contender, turn by turn."""

    def __init__(self) -> None:
        self.stored = round(SIZE * (1 + STRONG.scale))
        self.augmenters = {
            name: self.augmenter(replace(STRONG, **off)) for name, off in CONTENDERS.items()
        }
        self.images = torch.randint(0, 256, (BATCH, self.stored, self.stored, 3)).byte()
        self.points = torch.rand(BATCH, 68, 2)
        self.visible = torch.ones(BATCH, 68, dtype=torch.bool)
        self.seconds: dict[str, list[float]] = {name: [] for name in CONTENDERS}
        self.taken = 0

    def augmenter(self, config: Augment) -> Augmenter:
        return Augmenter(config, IBUG68, (0.009, 0.0), self.stored, SIZE)

    def take(self) -> None:
        names, first = list(self.augmenters), self.taken % len(CONTENDERS)
        for name in names[first:] + names[:first]:
            started = time.process_time()
            draws = draw(BATCH, self.taken)
            self.augmenters[name](self.images, self.points, self.visible, draws)
            self.seconds[name].append(time.process_time() - started)
        self.taken += 1

    def speeds(self) -> dict[str, float]:
        """Median images per second of each contender."""
        return {name: BATCH / statistics.median(seconds) for name, seconds in self.seconds.items()}


@pytest.mark.benchmark(group="augmentation")
@pytest.mark.usefixtures("one_thread")
def test_bench_strong(benchmark: BenchmarkFixture, say: Callable[[str], None]) -> None:
    turns = Turns()
    benchmark.pedantic(turns.take, rounds=TURNS, warmup_rounds=5)
    assert all(seconds for seconds in turns.seconds.values())
    if benchmark.enabled:
        say(f"augmentation of strong, {SIZE} px, batches of {BATCH}, one thread")
        for name, speed in turns.speeds().items():
            benchmark.extra_info[f"{name}, images/s"] = speed
            say(f"  {name:26} {speed:7.0f} images/s")
