"""The cost of the two long steps of an audit: reading all pictures, and comparing all pairs.

Run with `make bench`; nothing is asserted about time, which depends on the machine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from zoo.data.table import read_table
from zoo.evaluation.audit.pictures import SIDE, Pictures, look_at
from zoo.evaluation.audit.similarity import find_copies
from zoo.registry import registry


@dataclass(frozen=True)
class Frames:
    """The frames of a data set, drawn before the measurement starts."""

    ids: tuple[str, ...]
    points: np.ndarray
    visible: np.ndarray
    pictures: tuple[np.ndarray, ...]

    @property
    def images(self) -> list[Callable[[], np.ndarray]]:
        return [lambda picture=picture: picture for picture in self.pictures]


def patterns(count: int) -> Pictures:
    """Thumbnails of ``count`` pictures that do not resemble each other."""
    rough = np.random.default_rng(0).uniform(0, 255, (count, 12, 12)).astype(np.float32)
    smooth = [cv2.resize(r, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) for r in rough]
    thumbnails = np.clip(smooth, 0, 255).astype(np.uint8)
    return Pictures(
        readable=np.ones(count, bool),
        sizes=np.full((count, 2), 200),
        digests=tuple(row.to_bytes(32, "big") for row in range(count)),
        faces=thumbnails,
        frames=thumbnails[:, ::-1].copy(),
        problems=(),
    )


@pytest.mark.benchmark(group="audit: comparing pictures")
@pytest.mark.parametrize("count", [4232, 20_000])
def test_bench_comparing(
    count: int, benchmark: BenchmarkFixture, say: Callable[[str], None]
) -> None:
    pictures = patterns(100 if benchmark.disabled else count)
    pairs = benchmark.pedantic(find_copies, args=(pictures,), rounds=3, warmup_rounds=1)
    assert len(pairs) == 0
    if not benchmark.disabled:
        say(f"audit: {count} pictures compared in {benchmark.stats['median']:.2f} s")


@pytest.mark.benchmark(group="audit: looking at pictures")
def test_bench_looking(benchmark: BenchmarkFixture, say: Callable[[str], None]) -> None:
    people = 4 if benchmark.disabled else 100
    drawn = registry("dataset").get("synthetic").open(None, people=people, videos=1, frames=1)
    table = read_table(drawn)
    frames = Frames(table.ids, table.points, table.visible, tuple(read() for read in table.images))
    pictures = benchmark.pedantic(look_at, args=(frames,), rounds=3, warmup_rounds=1)
    assert pictures.readable.all()
    if not benchmark.disabled:
        rate = people / benchmark.stats["median"]
        say(f"audit: {rate:.0f} decoded pictures looked at in a second")
