"""What a run tells whoever watches: the command line draws it, a test records it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Step:
    """Where training stands after a step."""

    epoch: int
    epochs: int
    step: int
    """Of the epoch, from 1."""
    steps: int
    loss: float
    images_per_second: float
    seconds_left: float
    val_nme: float | None
    """Of the last epoch that was validated."""


class Reporter:
    """Says nothing; subclasses override what they show."""

    def store(self, split: str, done: int, total: int) -> None:
        """``done`` of ``total`` frames of a split are decoded into a store."""

    def frames(self, split: str, done: int, total: int) -> None:
        """``done`` of ``total`` frames of a split are read, for no store."""

    def step(self, step: Step) -> None:
        """A step is done; called at the log interval."""

    def epoch(self, row: Mapping[str, Any]) -> None:
        """An epoch is validated and saved; ``row`` is what history.csv holds."""

    def note(self, message: str) -> None:
        """Something a user should know: a skip, an early stop, weights that were not used."""
