"""Small made-up data sets: pictures that do not resemble each other, and known labels."""

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
"""The mean face: points (5, 2) as fractions of the picture."""


def picture(seed: int, side: int = 96) -> np.ndarray:
    """A smooth random pattern, uint8 (side, side, 3). It looks different for each seed."""
    rough = np.random.default_rng(seed).uniform(0, 255, (12, 12, 3)).astype(np.float32)
    smooth = cv2.resize(rough, (side, side), interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth, 0, 255).astype(np.uint8)


def points(seed: int, side: int = 96) -> np.ndarray:
    """The points (5, 2) of a face that depends on the seed, inside the picture and on no grid."""
    moved = SHAPE * side + np.random.default_rng([seed, 1]).uniform(-3, 3, SHAPE.shape)
    return moved.astype(np.float32)


@dataclass(frozen=True)
class Made:
    """Made-up data that an audit accepts (:class:`zoo.evaluation.audit.subject.Labelled`)."""

    ids: tuple[str, ...]
    people: tuple[str | None, ...]
    videos: tuple[str | None, ...]
    release_splits: tuple[str | None, ...]
    points: np.ndarray
    visible: np.ndarray
    pictures: tuple[np.ndarray | None, ...]
    """None stands for a picture that cannot be read."""
    scheme: LandmarkScheme = FACE
    label_offset: tuple[float, float] = (0.0, 0.0)
    problems: Sequence[Problem] = field(default=())
    attributes: tuple[dict[str, Any], ...] = ()

    @property
    def occluded(self) -> np.ndarray:
        """The nose is hidden in every frame but the first, whose occlusion is unknown."""
        flags = np.zeros(self.visible.shape, np.float32)
        flags[:, 2], flags[0] = 1, np.nan
        return flags

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
    """A name that starts with ``stem`` and that the protocol ``release`` does not move to val."""
    names = (f"{stem}{letter}.png" for letter in "abcdefghij")
    return next(name for name in names if crc32(name.encode()) % 10 != 0)


def make(people: int = 12, frames: int = 2, side: int = 96) -> Made:
    """Data without a fault under every protocol. Each person has one video of ``frames`` different
    frames. The release's test split holds all frames of the last three people. No id has a hash
    that would put a frame into the val split of the protocol ``release``."""
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
