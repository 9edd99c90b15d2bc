"""A small data set made by hand, for the tests of the data path."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from zoo.api import DataError, LandmarkScheme, Problem, Sample, generic_scheme
from zoo.data.table import SampleTable, read_table

FRAME = (30, 40)  # height, width


def picture(number: int) -> NDArray[np.uint8]:
    return np.random.default_rng(number).integers(0, 256, (*FRAME, 3), np.uint8)


def unreadable() -> NDArray[np.uint8]:
    raise DataError("frame.jpg: the image cannot be decoded")


def make_sample(number: int, **changes: object) -> Sample:
    points = np.random.default_rng(1000 + number).uniform(5, 25, (4, 2)).astype(np.float32)
    facts: dict[str, object] = {
        "id": f"{number:03d}.png",
        "image": lambda: picture(number),
        "points": points,
        "visible": np.ones(4, np.bool_),
        "person": f"p{number % 3}",
        "video": f"p{number % 3}/0",
        "release_split": "train",
        "bytes": 100 + number,
    }
    return Sample(**(facts | changes))  # type: ignore[arg-type]


@dataclass
class HandMade:
    """An :class:`zoo.api.OpenDataset` of given samples."""

    content: Sequence[Sample]
    problems: list[Problem] = field(default_factory=list)
    scheme: LandmarkScheme = field(default_factory=lambda: generic_scheme(4))
    release: str = "hand-made"
    label_offset: tuple[float, float] = (0.0, 0.0)
    license: str = "MIT"
    notes: str = ""

    def samples(self) -> Sequence[Sample]:
        return self.content

    def released(self) -> bool | None:
        return None


@pytest.fixture
def sample() -> Callable[..., Sample]:
    """``sample(number, **changes)``: a frame of 30 x 40 random pixels with 4 points."""
    return make_sample


@pytest.fixture
def dataset() -> type[HandMade]:
    return HandMade


@pytest.fixture
def table() -> Callable[..., SampleTable]:
    """``table(count, broken=(), boxes=None)``: frames ``broken`` cannot be decoded."""

    def make(
        count: int,
        broken: Sequence[int] = (),
        boxes: Sequence[tuple[float, float, float, float] | None] | None = None,
    ) -> SampleTable:
        samples = [
            make_sample(
                i,
                box=None if boxes is None else boxes[i],
                **({"image": unreadable} if i in broken else {}),
            )
            for i in range(count)
        ]
        return read_table(HandMade(samples))

    return make
