"""The input of an audit, and the names of frames, people and videos in its findings.

An audit reads labels and pictures and knows nothing about models. Every object with the attributes
of :class:`Labelled` can be audited, such as the engine's table of a data set.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from zoo.api import LandmarkScheme, Problem

from ..scores.subsets import Attributes


class Labelled(Protocol):
    """N labelled frames of K points, in the adapter's order."""

    @property
    def scheme(self) -> LandmarkScheme: ...
    @property
    def label_offset(self) -> tuple[float, float]: ...
    @property
    def problems(self) -> Sequence[Problem]: ...
    @property
    def ids(self) -> Sequence[str]: ...
    @property
    def people(self) -> Sequence[str | None]: ...
    @property
    def videos(self) -> Sequence[str | None]: ...
    @property
    def release_splits(self) -> Sequence[str | None]: ...
    @property
    def points(self) -> NDArray[np.float32]:
        """(N, K, 2), source pixels."""
        ...

    @property
    def visible(self) -> NDArray[np.bool_]:
        """(N, K)"""
        ...

    @property
    def occluded(self) -> NDArray[np.float32]:
        """(N, K): 1 for a hidden point, 0 for a seen one, NaN if the data set does not say."""
        ...

    @property
    def attributes(self) -> Sequence[Attributes]: ...
    @property
    def images(self) -> Sequence[Callable[[], NDArray[np.uint8]]]: ...


class FrameNames:
    """How findings name frames, people and videos.

    By the ids and names of the data set or, if ``anonymous``, by numbers from 0 in the order of the
    frames. Only those who have the data can look these numbers up.
    """

    def __init__(self, data: Labelled, anonymous: bool) -> None:
        self.anonymous = anonymous
        self._ids = data.ids
        self._people = _numbers(data.people)
        self._videos = _numbers(data.videos)

    def frame(self, row: int) -> str:
        return f"frame {row}" if self.anonymous else self._ids[row]

    def person(self, name: str) -> str:
        return f"person {self._people[name]}" if self.anonymous else name

    def video(self, name: str) -> str:
        return f"video {self._videos[name]}" if self.anonymous else name


def _numbers(names: Sequence[str | None]) -> dict[Any, int]:
    return {name: k for k, name in enumerate(dict.fromkeys(n for n in names if n is not None))}
