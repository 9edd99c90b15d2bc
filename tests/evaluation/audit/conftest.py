"""Data sets made for one test: pictures that cannot be mistaken for one another, labels by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from zlib import crc32

import cv2
import numpy as np
import pytest

from zoo.api import DataError, LandmarkScheme, Problem
from zoo.evaluation.audit.pictures import look_at
from zoo.evaluation.audit.report import Audit, assignments, audit, choose_protocols

FACE = LandmarkScheme(
    name="face5",
    names=("eye_left", "eye_right", "nose", "mouth_left", "mouth_right"),
    flip=(1, 0, 2, 4, 3),
    eye_corners=(0, 1),
    regions={"mouth": (3, 4)},
)
SHAPE = np.array([[0.3, 0.35], [0.7, 0.35], [0.5, 0.5], [0.36, 0.7], [0.64, 0.7]])
"""As fractions of the picture."""


def picture(seed: int, side: int = 96) -> np.ndarray:
    """A smooth random pattern, uint8 (side, side, 3): as unlike any other seed's as can be."""
    rough = np.random.default_rng(seed).uniform(0, 255, (12, 12, 3)).astype(np.float32)
    smooth = cv2.resize(rough, (side, side), interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth, 0, 255).astype(np.uint8)


def points(seed: int, side: int = 96) -> np.ndarray:
    """A face of its own for every seed, well inside the picture, on no grid."""
    moved = SHAPE * side + np.random.default_rng([seed, 1]).uniform(-3, 3, SHAPE.shape)
    return moved.astype(np.float32)


@dataclass(frozen=True)
class Made:
    """What an audit looks at (:class:`zoo.evaluation.audit.subject.Labelled`)."""

    ids: tuple[str, ...]
    people: tuple[str | None, ...]
    videos: tuple[str | None, ...]
    release_splits: tuple[str | None, ...]
    points: np.ndarray
    visible: np.ndarray
    pictures: tuple[np.ndarray | None, ...]
    """None for one that cannot be read."""
    scheme: LandmarkScheme = FACE
    label_offset: tuple[float, float] = (0.0, 0.0)
    problems: Sequence[Problem] = field(default=())
    attributes: tuple[dict[str, Any], ...] = ()

    @property
    def occluded(self) -> np.ndarray:
        """The nose of every frame but the first, which does not say."""
        found = np.zeros(self.visible.shape, np.float32)
        found[:, 2], found[0] = 1, np.nan
        return found

    @property
    def images(self):
        def reader(row):
            def read():
                if self.pictures[row] is None:
                    raise DataError(f"{self.ids[row]}: the image cannot be decoded")
                return self.pictures[row]

            return read

        return [reader(row) for row in range(len(self.ids))]

    def but(self, row: int, **changes: Any) -> Made:
        """The same data with one row's fields changed: ``but(3, people="Ann")``."""
        fields = {}
        for name, value in changes.items():
            old = getattr(self, name)
            new = list(old) if isinstance(old, tuple) else old.copy()
            new[row] = value
            fields[name] = tuple(new) if isinstance(old, tuple) else new
        return replace(self, **fields)

    def audit(self, *protocols: str, **options: Any) -> Audit:
        chosen = [assignments(self, p) for p in choose_protocols(self, protocols)]
        return audit(self, chosen, look_at(self), **options)


def stay_in_train(stem: str) -> str:
    """A name from ``stem`` that the protocol ``release`` leaves where the release has it."""
    names = (f"{stem}{letter}.png" for letter in "abcdefghij")
    return next(name for name in names if crc32(name.encode()) % 10 != 0)


def make(people: int = 12, frames: int = 2, side: int = 96) -> Made:
    """Clean data under every protocol: each person has one video of ``frames`` unlike frames. The
    release's test split holds the last three people, all frames of them, and no id has the hash
    that would put one frame of a person into the val split of ``release``."""
    rows = [(p, f) for p in range(people) for f in range(frames)]
    return Made(
        ids=tuple(stay_in_train(f"Person{p}_Surname/{f}") for p, f in rows),
        people=tuple(f"Person{p}_Surname" for p, _ in rows),
        videos=tuple(f"Person{p}_Surname/video" for p, _ in rows),
        release_splits=tuple("test" if p >= people - 3 else "train" for p, _ in rows),
        points=np.stack([points(100 * p + f, side) for p, f in rows]),
        visible=np.ones((len(rows), len(FACE)), bool),
        pictures=tuple(picture(100 * p + f, side) for p, f in rows),
    )


@pytest.fixture
def clean() -> Made:
    return make()


@pytest.fixture
def made() -> Callable[..., Made]:
    """:func:`make`, for data of another size."""
    return make
