"""The bounds of the numbers in a configuration: each is written in the type of its key.

``lr: Annotated[float, Bound(above=0, most=100)]``. Every number has a bound, so that no accepted
number can make a trained run fail at its end: a record holds finite numbers.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

from ..api import UsageError


@dataclass(frozen=True)
class Bound:
    """``least`` or ``above`` on one side, ``most`` or ``below`` on the other."""

    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None

    def holds(self, value: float) -> bool:
        """False for NaN."""
        return (
            (self.least is None or value >= self.least)
            and (self.most is None or value <= self.most)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )

    def check(self, key: str, value: float) -> None:
        """Raises :class:`UsageError` that names the key, its value and the bound."""
        if not self.holds(value):
            raise UsageError(f"{key} = {value!r}: must be {self}")

    def __str__(self) -> str:
        words = ("at least", "above", "at most", "below")
        ends = (self.least, self.above, self.most, self.below)
        return " and ".join(
            f"{word} {end:,}" for word, end in zip(words, ends, strict=True) if end is not None
        )


MANY = 100_000
"""Most images of a batch, epochs to wait and the like."""

EPOCHS = 5000
"""Most epochs of a run: the history in a record may have as many rows."""

LARGE_SIDE = 8192
"""Pixels of a square."""


@cache
def bounds_of(keys: type) -> Mapping[str, Bound]:
    """The bounds of a dataclass, by the names of its fields."""
    hints: dict[str, Any] = typing.get_type_hints(keys, include_extras=True)
    return {
        name: mark
        for name, hint in hints.items()
        for mark in getattr(hint, "__metadata__", ())
        if isinstance(mark, Bound)
    }


def check_bounds(keys: object, group: str = "") -> None:
    """Raises :class:`UsageError` for the first number of a dataclass that is out of its bound."""
    kind: type = type(keys)
    for name, bound in bounds_of(kind).items():
        value = getattr(keys, name)
        for each in value if isinstance(value, tuple) else (value,):
            bound.check(f"{group}{name}", each)


Count = Annotated[int, Bound(least=1, most=MANY)]
CountOrNone = Annotated[int, Bound(least=0, most=MANY)]
"""0: none."""
Side = Annotated[int, Bound(least=0, most=LARGE_SIDE)]
Share = Annotated[float, Bound(least=0, most=1)]
"""A fraction or a probability."""
SomeShare = Annotated[float, Bound(above=0, most=1)]
Rate = Annotated[float, Bound(above=0, most=100)]
